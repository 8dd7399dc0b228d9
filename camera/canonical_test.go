package camera

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestRayDirections(t *testing.T) {
	c := canon()
	level := mustView(t, c, AssumedCalibration(320, 240, 1.2), Mount{Height: 1})
	down := mustView(t, c, AssumedCalibration(320, 240, 1.2), Mount{Height: 1, Pitch: 0.4})
	if r := level.Ray(80, 60); math.Abs(r[0]-1) > 1e-12 || r[1] != 0 || r[2] != 0 {
		t.Errorf("level middle ray %v, want straight ahead", r)
	}
	if r := down.Ray(80, 60); math.Abs(r[0]-math.Cos(0.4)) > 1e-12 || math.Abs(r[2]+math.Sin(0.4)) > 1e-12 {
		t.Errorf("middle ray %v of a camera that looks down by 0.4 rad", r)
	}
	if r := level.Ray(10, 60); r[1] <= 0 {
		t.Errorf("a ray on the left of the picture has y %g, want positive", r[1])
	}
	if r := level.Ray(80, 10); r[2] <= 0 {
		t.Errorf("a ray at the top has z %g, want positive", r[2])
	}
	left := level.Ray(0, 60)
	if angle := math.Atan2(left[1], left[0]); math.Abs(angle-c.HFOV/2) > 1e-12 {
		t.Errorf("the left rim is %g rad off the axis, want half the field of view %g", angle, c.HFOV/2)
	}
}

func TestProjectUndoesRay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := &View{canon: Canonical{
			Width: rapid.IntRange(8, 640).Draw(t, "width"), Height: rapid.IntRange(8, 480).Draw(t, "height"),
			HFOV: rapid.Float64Range(0.2, 2.6).Draw(t, "hfov"),
		}}
		v.sinPitch, v.cosPitch = math.Sincos(rapid.Float64Range(-1.5, 1.5).Draw(t, "pitch"))
		u := rapid.Float64Range(0, 1).Draw(t, "u") * float64(v.canon.Width)
		w := rapid.Float64Range(0, 1).Draw(t, "v") * float64(v.canon.Height)
		far := rapid.Float64Range(0.1, 50).Draw(t, "distance")
		ray := v.Ray(u, w)
		if n := ray[0]*ray[0] + ray[1]*ray[1] + ray[2]*ray[2]; math.Abs(n-1) > 1e-9 {
			t.Fatalf("ray %v has length² %g", ray, n)
		}
		gotU, gotW, _ := v.Project([3]float64{ray[0] * far, ray[1] * far, ray[2] * far})
		if math.Hypot(gotU-u, gotW-w) > 1e-6 {
			t.Fatalf("(%g, %g) comes back as (%g, %g)", u, w, gotU, gotW)
		}
	})
}

func TestProjectOutside(t *testing.T) {
	v := mustView(t, canon(), AssumedCalibration(320, 240, 1.2), Mount{})
	if _, _, ok := v.Project([3]float64{-1, 0, 0}); ok {
		t.Error("a point behind the camera is visible")
	}
	if u, _, ok := v.Project([3]float64{1, 5, 0}); ok || u >= 0 {
		t.Errorf("a point far to the left: column %g, visible %t", u, ok)
	}
	if _, _, ok := v.Project([3]float64{math.NaN(), 0, 0}); ok {
		t.Error("a point that is no number is visible")
	}
}

func TestRaysMeetTheFloor(t *testing.T) {
	const cols, rows = 20, 15
	v := mustView(t, canon(), AssumedCalibration(320, 240, 1.2), Mount{Height: 0.8, Pitch: 0.25})
	m := v.Rays(cols, rows)
	if len(m) != 4*cols*rows {
		t.Fatalf("map holds %d values", len(m))
	}
	n, hits := cols*rows, 0
	for i := range n {
		z, inverse := float64(m[2*n+i]), float64(m[3*n+i])
		switch {
		case z >= 0 && inverse != 0:
			t.Fatalf("cell %d looks up but meets the floor", i)
		case z < 0:
			hits++
			if reached := z / inverse; math.Abs(reached+0.8) > 1e-5 {
				t.Fatalf("cell %d ends at height %g, want the floor 0.8 m below", i, reached)
			}
		}
	}
	if hits == 0 || hits == n {
		t.Errorf("%d of %d cells meet the floor, want some", hits, n)
	}
	blind := mustView(t, canon(), AssumedCalibration(320, 240, 1.2), Mount{Pitch: 0.25}).Rays(cols, rows)
	for i := range n {
		if blind[3*n+i] != 0 {
			t.Fatal("a floor distance without a known height")
		}
	}
	if v.Rays(0, 3) != nil {
		t.Error("an empty grid has rays")
	}
}

func TestMountToBase(t *testing.T) {
	m := Mount{X: 0.2, Y: -0.1, Height: 0.5, Yaw: math.Pi / 2}
	got := m.ToBase([3]float64{1, 0, -0.5})
	for i, want := range []float64{0.2, 0.9, 0} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Fatalf("a point one metre ahead of a camera that looks left lies at %v", got)
		}
	}
	back := m.FromBase(got)
	if math.Abs(back[0]-1)+math.Abs(back[1])+math.Abs(back[2]+0.5) > 1e-12 {
		t.Errorf("round trip gives %v", back)
	}
}

func TestCanonicalAngles(t *testing.T) {
	c := Canonical{Width: 200, Height: 100, HFOV: math.Pi / 2}
	if math.Abs(c.Focal()-100) > 1e-9 || math.Abs(c.VFOV()-2*math.Atan(0.5)) > 1e-12 {
		t.Errorf("focal length %g, vertical field of view %g", c.Focal(), c.VFOV())
	}
}
