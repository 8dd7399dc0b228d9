package eval

import (
	"math"
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/scene"
)

func studioConfig() *Config {
	return &Config{Manifest: &models.Manifest{
		View: models.View{Width: 80, Height: 60, HFOVRad: room.DefaultHFOV},
		Grid: models.Grid{Cols: 10, Rows: 7}, Labels: room.Labels[:],
	}}
}

// TestTruthIsWhereThePixelsAre casts the pixels of each thing into space, through the camera as perception knows it:
// they must lie on the thing's box in base_link.
func TestTruthIsWhereThePixelsAre(t *testing.T) {
	s := studioConfig().studio()
	points := 0
	for seed := range uint64(6) {
		c := s.film(trainEnd + seed)
		view, err := camera.NewView(camera.Canonical{
			Width: s.view.width, Height: s.view.height, HFOV: s.view.hfov,
		}, c.lens, c.mount)
		if err != nil {
			t.Fatal(err)
		}
		next := 0
		for id := range room.Generate(c.seed).Objects() {
			if !s.shown(id) {
				continue
			}
			box := c.things[next].box
			next++
			for at, who := range s.pic.Instance {
				if int(who) != id+1 {
					continue
				}
				ray := view.Ray(float64(at%s.view.width)+0.5, float64(at/s.view.width)+0.5)
				d := float64(s.pic.Depth[at])
				p := c.mount.ToBase([3]float64{ray[0] * d, ray[1] * d, ray[2] * d})
				points++
				if gap := outside(box, p); gap > 0.03+0.03*d { // the camera rocks
					t.Fatalf("room %d thing %d: point %v is %.2f m outside of %+v", c.seed, id, p, gap, box)
				}
			}
		}
		if next != len(c.things) {
			t.Errorf("room %d: %d things in the truth, %d are shown", c.seed, len(c.things), next)
		}
	}
	if points < 1000 {
		t.Errorf("only %d pixels were looked at", points)
	}
}

// outside is how far a point lies from a box.
func outside(b scene.Box, p [3]float64) float64 {
	up := max(p[2]-b.Top(), b.Bottom()-p[2], 0)
	return math.Hypot(up, b.FootprintDistance(p[0], p[1]))
}

func TestFilmIsAFilm(t *testing.T) {
	s := studioConfig().studio()
	c := s.film(trainEnd)
	if len(c.frames) != clipFrames || len(c.poses) != clipFrames {
		t.Fatalf("%d frames, %d poses", len(c.frames), len(c.poses))
	}
	for i, f := range c.frames {
		if f.Seq != uint64(i)+1 || f.Mono != time.Second+time.Duration(i)*125*time.Millisecond {
			t.Errorf("frame %d: seq %d at %s", i, f.Seq, f.Mono)
		}
	}
	if string(c.frames[0].Pix) == string(c.frames[clipFrames-1].Pix) {
		t.Error("all frames share one picture")
	}
	if len(c.depth) != 70 {
		t.Errorf("%d cells", len(c.depth))
	}
	var sum float32
	for y := 8; y < 16; y++ {
		for x := 24; x < 32; x++ {
			sum += s.pic.Depth[y*80+x]
		}
	}
	if got := c.depth[13]; math.Abs(float64(got-sum/64)) > 1e-3 {
		t.Errorf("depth of the cell in column 3, row 1 is %v, want %v", got, sum/64)
	}
}

// TestGlanceKnowsTheSameTruth: the blind variant's rooms are those that a film would end in.
func TestGlanceKnowsTheSameTruth(t *testing.T) {
	s := studioConfig().studio()
	for seed := range uint64(3) {
		film, glance := s.film(seed), s.glance(seed)
		if len(film.things) != len(glance.things) {
			t.Fatalf("room %d: %d things and %d", seed, len(film.things), len(glance.things))
		}
		for i := range film.things {
			if film.things[i] != glance.things[i] {
				t.Errorf("room %d: %+v and %+v", seed, film.things[i], glance.things[i])
			}
		}
	}
}

func TestOdometerErrsByOnePercent(t *testing.T) {
	var off, n float64
	for seed := range uint64(200) {
		o := newOdometer(seed)
		var told scene.Odometry
		for i := range 11 {
			f := &camera.Frame{Mono: time.Duration(i)}
			told = o.read(scene.Pose{X: 5, Y: 2 + 0.1*float64(i), Yaw: math.Pi / 2}, f)
		}
		off += (told.Pose.X-1)*(told.Pose.X-1) + told.Pose.Y*told.Pose.Y
		n += told.Cov[0] + told.Cov[4]
	}
	// Ten steps of 0.1 m, each wrong by 1 % to either side: 200 times 2·10·0.001².
	if want := 200 * 2e-5; math.Abs(n-want) > 1e-9 || off < want/1.4 || off > want*1.4 {
		t.Errorf("squared errors %v, variances %v, want %v", off, n, want)
	}
}
