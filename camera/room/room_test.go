package room_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"testing"

	"github.com/vega-edge/vegad/camera/room"
)

// corners of the footprint of an object, from its public truth alone.
func corners(o room.Object) [4][2]float64 {
	s, c := math.Sincos(o.Yaw)
	var out [4][2]float64
	for i, k := range [4][2]float64{{1, 1}, {1, -1}, {-1, -1}, {-1, 1}} {
		x, y := k[0]*o.Size[0]/2, k[1]*o.Size[1]/2
		out[i] = [2]float64{o.X + c*x - s*y, o.Y + s*x + c*y}
	}
	return out
}

// within reports whether a point lies in the box of o, shrunk by margin.
func within(o room.Object, x, y, z, margin float64) bool {
	s, c := math.Sincos(o.Yaw)
	dx, dy := x-o.X, y-o.Y
	u, v := c*dx+s*dy, c*dy-s*dx
	return math.Abs(u) < o.Size[0]/2-margin && math.Abs(v) < o.Size[1]/2-margin && math.Abs(z-o.Z) < o.Size[2]/2-margin
}

func TestThingsStandApartInsideTheRoom(t *testing.T) {
	labels, colors, corner := map[int]int{}, map[int]int{}, 0
	for seed := range uint64(300) {
		m := room.Generate(seed)
		things := m.Objects()
		if len(things) < 4 || len(things) > room.MaxThings {
			t.Errorf("seed %d: %d things", seed, len(things))
		}
		if m.Area() < m.Length*m.Width-0.01 {
			corner++
		}
		for _, o := range things {
			labels[o.Label]++
			colors[o.Color]++
			checkPlace(t, m, o)
			for _, p := range things {
				if p.ID != o.ID && touch(o, p) {
					t.Errorf("seed %d: %s %d and %s %d overlap", seed, room.Labels[o.Label], o.ID, room.Labels[p.Label], p.ID)
				}
			}
		}
	}
	if len(labels) != len(room.Labels) || len(colors) < 8 {
		t.Errorf("300 rooms show %d kinds and %d colours", len(labels), len(colors))
	}
	if corner < 40 || corner > 120 {
		t.Errorf("%d of 300 rooms are an L", corner)
	}
}

// touch samples the box of o for points inside p.
func touch(o, p room.Object) bool {
	s, c := math.Sincos(o.Yaw)
	const n = 6
	for i := range n + 1 {
		for j := range n + 1 {
			u, v := (float64(i)/n-0.5)*o.Size[0], (float64(j)/n-0.5)*o.Size[1]
			for _, k := range [3]float64{-0.499, 0, 0.499} {
				if within(p, o.X+c*u-s*v, o.Y+s*u+c*v, o.Z+k*o.Size[2], 2e-3) {
					return true
				}
			}
		}
	}
	return false
}

func checkPlace(t *testing.T, m *room.Room, o room.Object) {
	t.Helper()
	for _, c := range corners(o) {
		if c[0] < -1e-6 || c[1] < -1e-6 || c[0] > m.Length+1e-6 || c[1] > m.Width+1e-6 {
			t.Errorf("seed %d: %s %d reaches through a wall", m.Seed, room.Labels[o.Label], o.ID)
		}
	}
	foot := o.Z - o.Size[2]/2
	if o.Z+o.Size[2]/2 > m.Height {
		t.Errorf("seed %d: %s %d reaches through the ceiling", m.Seed, room.Labels[o.Label], o.ID)
	}
	if !o.OnTop || foot < 1e-6 {
		return
	}
	for _, p := range m.Objects() { // what does not stand on the floor rests on a thing below it
		if p.ID != o.ID && within(p, o.X, o.Y, p.Z, 0) && foot > p.Z-p.Size[2]/2 && foot < p.Z+p.Size[2]/2+1e-6 {
			return
		}
	}
	if room.Labels[o.Label] != "monitor" { // a screen may hang on the wall
		t.Errorf("seed %d: %s %d floats at %.2f m", m.Seed, room.Labels[o.Label], o.ID, foot)
	}
}

// TestPixelsAgreeWithBoxes walks every pixel's ray by its depth and looks whether it ends in the box of the thing that
// the pixel is said to show, or on the shell of the room.
func TestPixelsAgreeWithBoxes(t *testing.T) {
	const w, h, hfov = 80, 60, 1.2
	draw := room.NewRenderer(w, h, hfov)
	pic := draw.NewPicture()
	for seed := range uint64(25) {
		m := room.Generate(seed)
		things, sensor := m.Objects(), m.NewSensor(0)
		for _, p := range m.Drive(0, 3, 0.5) {
			draw.Render(m, p, sensor, pic)
			for at, d := range pic.Depth {
				x, y, z := point(p, float64(at%w)+0.5-w/2, float64(at/w)+0.5-h/2, w/2/math.Tan(hfov/2), float64(d))
				if id := int(pic.Instance[at]); id > 0 {
					if !within(things[id-1], x, y, z, -1e-3) {
						t.Fatalf("seed %d pixel %d: (%.3f %.3f %.3f) is outside of thing %d", seed, at, x, y, z, id-1)
					}
					continue
				}
				if x < -1e-3 || y < -1e-3 || z < -1e-3 || x > m.Length+1e-3 || y > m.Width+1e-3 || z > m.Height+1e-3 {
					t.Fatalf("seed %d pixel %d: (%.3f %.3f %.3f) is outside of the room", seed, at, x, y, z)
				}
			}
			for i := range things {
				if pic.Visible[i] > pic.Whole[i] {
					t.Fatalf("seed %d: thing %d shows %d of %d pixels", seed, i, pic.Visible[i], pic.Whole[i])
				}
			}
		}
	}
}

// point is where a ray ends; the camera's axes are written out here on purpose, apart from the renderer's.
func point(p room.Pose, u, v, f, d float64) (x, y, z float64) {
	sr, cr := math.Sincos(p.Roll)
	r, dn := cr*u-sr*v, sr*u+cr*v
	n := math.Sqrt(r*r + dn*dn + f*f)
	r, dn, fw := r/n*d, dn/n*d, f/n*d
	sp, cp := math.Sincos(p.Pitch)
	ahead, up := cp*fw-sp*dn, -sp*fw-cp*dn
	sy, cy := math.Sincos(p.Yaw)
	return p.X + cy*ahead + sy*r, p.Y + sy*ahead - cy*r, p.Height + up
}

func TestRobotKeepsClear(t *testing.T) {
	moved := 0.0
	for seed := range uint64(60) {
		m := room.Generate(seed)
		path := m.Drive(1, 40, 0.25)
		for i, p := range path {
			if p.X < 0.2 || p.Y < 0.2 || p.X > m.Length-0.2 || p.Y > m.Width-0.2 {
				t.Errorf("seed %d step %d: robot in the wall at %.2f %.2f", seed, i, p.X, p.Y)
			}
			for _, o := range m.Objects() {
				if o.Z-o.Size[2]/2 < 0.25 && within(o, p.X, p.Y, o.Z, 0) {
					t.Errorf("seed %d step %d: robot inside %s %d", seed, i, room.Labels[o.Label], o.ID)
				}
			}
			if i > 0 {
				moved += math.Hypot(p.X-path[i-1].X, p.Y-path[i-1].Y)
			}
		}
	}
	if mean := moved / 60; mean < 0.5 || mean > 8 {
		t.Errorf("robots drive %.2f m in ten seconds", mean)
	}
}

// TestSameSeedSameRoom pins the layout of some rooms to a micrometre: a room must be the same on every machine and in
// every later version, or published figures lose their meaning.
func TestSameSeedSameRoom(t *testing.T) {
	hash := sha256.New()
	for _, seed := range []uint64{0, 1, 17, 4242, 1_000_000, 2_000_003} {
		m := room.Generate(seed)
		_, _ = fmt.Fprintf(hash, "%.6f %.6f %.6f\n", m.Length, m.Width, m.Height)
		for _, o := range m.Objects() {
			_, _ = fmt.Fprintf(hash, "%d %d %.6f %.6f %.6f %.6f %.6f\n", o.Label, o.Color, o.X, o.Y, o.Z, o.Yaw, o.Size)
		}
		for _, p := range m.Drive(0, 8, 0.25) {
			_, _ = fmt.Fprintf(hash, "%.6f %.6f %.6f %.6f\n", p.X, p.Y, p.Yaw, p.Height)
		}
	}
	const want = "244827fafa007818"
	if got := hex.EncodeToString(hash.Sum(nil)[:8]); got != want {
		t.Errorf("rooms have changed: digest %s, want %s", got, want)
	}
}

func TestSamePosesSamePicture(t *testing.T) {
	m := room.Generate(9)
	a, b := room.NewRenderer(64, 48, 1.2), room.NewRenderer(64, 48, 1.2)
	pa, pb := a.NewPicture(), b.NewPicture()
	sa, sb := m.NewSensor(2), m.NewSensor(2)
	for _, p := range m.Drive(2, 5, 0.3) {
		a.Render(m, p, sa, pa)
		b.Render(m, p, sb, pb)
		if sha256.Sum256(pa.RGB) != sha256.Sum256(pb.RGB) {
			t.Fatal("two renderers draw the same pose differently")
		}
	}
	var sum int
	for _, v := range pa.RGB {
		sum += int(v)
	}
	if mean := sum / len(pa.RGB); mean < 20 || mean > 235 {
		t.Errorf("mean brightness %d: the exposure does not work", mean)
	}
}
