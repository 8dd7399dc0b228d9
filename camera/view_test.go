package camera

import (
	"math"
	"testing"
)

// canon is the view of most tests.
func canon() Canonical { return Canonical{Width: 160, Height: 120, HFOV: 66 * math.Pi / 180} }

func mustView(t *testing.T, c Canonical, cal Calibration, m Mount) *View {
	t.Helper()
	v, err := NewView(c, cal, m)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mustApply(t *testing.T, v *View, f *Frame) []float32 {
	t.Helper()
	dst := make([]float32, 3*v.Canonical().Width*v.Canonical().Height)
	if err := v.Apply(dst, f); err != nil {
		t.Fatal(err)
	}
	return dst
}

// paint fills a frame from a function of ideal image coordinates, by inverting the calibration's distortion
// numerically: a camera in software, independent of the forward formulas under test only in its search.
func paint(cal Calibration, roll float64, colour func(x, y float64) [3]float64) *Frame {
	f := NewFrame(cal.Width, cal.Height, RGB8, nil)
	s, c := math.Sincos(roll)
	for i := range cal.Width * cal.Height {
		px, py := i%cal.Width, i/cal.Width
		x, y := unbend(cal, (float64(px)-cal.Cx)/cal.Fx, (float64(py)-cal.Cy)/cal.Fy)
		// From the rolled camera to the level one: the camera's right axis points down by sin(roll).
		for ch, v := range colour(c*x-s*y, s*x+c*y) {
			f.Pix[py*f.Stride+3*px+ch] = byte(math.Round(255 * min(max(v, 0), 1)))
		}
	}
	return f
}

func unbend(cal Calibration, xd, yd float64) (float64, float64) {
	x, y := xd, yd
	for range 20 {
		bx, by := referenceBend(cal, x, y)
		x, y = x+xd-bx, y+yd-by
	}
	return x, y
}

// referenceBend writes the models out as the ROS and OpenCV manuals print them.
func referenceBend(cal Calibration, x, y float64) (float64, float64) {
	var d [8]float64
	copy(d[:], cal.D)
	r2 := x*x + y*y
	if cal.Model == ModelFisheye {
		r := math.Sqrt(r2)
		if r == 0 {
			return 0, 0
		}
		a := math.Atan2(r, 1)
		bent := a
		for i := range 4 {
			bent += d[i] * math.Pow(a, float64(3+2*i))
		}
		return bent / r * x, bent / r * y
	}
	k1, k2, p1, p2, k3, k4, k5, k6 := d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]
	radial := (1 + k1*r2 + k2*r2*r2 + k3*r2*r2*r2) / (1 + k4*r2 + k5*r2*r2 + k6*r2*r2*r2)
	return x*radial + 2*p1*x*y + p2*(r2+2*x*x), y*radial + p1*(r2+2*y*y) + 2*p2*x*y
}

func lenses() map[string]Calibration {
	base := AssumedCalibration(320, 240, 80*math.Pi/180)
	with := func(m Model, d ...float64) Calibration {
		c := base
		c.Model, c.D, c.Cx, c.Cy = m, d, base.Cx+4.3, base.Cy-2.6
		return c
	}
	return map[string]Calibration{
		"none":      base,
		"plumb_bob": with(ModelPlumbBob, -0.25, 0.07, 0.002, -0.003, -0.005),
		"rational":  with(ModelRational, 0.3, 0.02, 0.001, 0.002, 0.001, 0.45, 0.05, 0.002),
		"fisheye":   with(ModelFisheye, 0.02, -0.01, 0.003, -0.0005),
	}
}

func TestLensFollowsTheManuals(t *testing.T) {
	for name, cal := range lenses() {
		l := newLens(cal)
		for _, p := range [][2]float64{{0, 0}, {0.1, -0.2}, {-0.5, 0.3}, {0.4, 0.55}} {
			x, y, ok := l.bend(p[0], p[1])
			wantX, wantY := referenceBend(cal, p[0], p[1])
			if !ok || math.Hypot(x-wantX, y-wantY) > 1e-12 {
				t.Errorf("%s bends %v to (%g, %g) %t, want (%g, %g)", name, p, x, y, ok, wantX, wantY)
			}
		}
	}
}

// TestLensWorkedExamples checks numbers worked out by hand: at radius 1 the equidistant model without
// coefficients gives the angle itself, pi/4, and one radial term of 0.1 scales radius 0.5 by 1.025.
func TestLensWorkedExamples(t *testing.T) {
	fish := newLens(Calibration{Model: ModelFisheye})
	if x, _, _ := fish.bend(1, 0); math.Abs(x-math.Pi/4) > 1e-15 {
		t.Errorf("equidistant radius %g, want pi/4", x)
	}
	bob := newLens(Calibration{Model: ModelPlumbBob, D: []float64{0.1, 0, 0, 0}})
	if x, _, _ := bob.bend(0.5, 0); math.Abs(x-0.5125) > 1e-15 {
		t.Errorf("plumb bob radius %g, want 0.5125", x)
	}
	tangential := newLens(Calibration{Model: ModelPlumbBob, D: []float64{0, 0, 0.01, 0.02}})
	if x, y, _ := tangential.bend(1, 2); math.Abs(x-1.18) > 1e-14 || math.Abs(y-2.21) > 1e-14 {
		t.Errorf("tangential terms give (%g, %g), want (1.18, 2.21)", x, y)
	}
}

func TestLensStopsWhereItFoldsBack(t *testing.T) {
	l := newLens(Calibration{Model: ModelPlumbBob, D: []float64{-0.3, 0, 0, 0}})
	if want := math.Sqrt(1 / 0.9); math.Abs(l.reach-want) > 2*foldStep {
		t.Errorf("reach %g, want %g where the curve turns", l.reach, want)
	}
	if _, _, ok := l.bend(1.5, 0); ok {
		t.Error("a ray beyond the fold must not appear in the picture")
	}
}

// pattern is smooth, coloured and different everywhere, so that a wrong position shows as a wrong colour.
func pattern(x, y float64) [3]float64 {
	return [3]float64{0.5 + 0.5*math.Sin(5*x), 0.5 + 0.5*math.Sin(5*y+1), 0.5 + 0.5*math.Sin(4*(x+y))}
}

func TestViewUndoesDistortionAndRoll(t *testing.T) {
	for name, cal := range lenses() {
		for _, roll := range []float64{0.2, -0.35} {
			v := mustView(t, canon(), cal, Mount{Roll: roll, Pitch: 0.3, Height: 1})
			got := mustApply(t, v, paint(cal, roll, pattern))
			worst := worstError(v, got)
			if worst > 0.02 {
				t.Errorf("%s rolled by %g: worst colour error %.3f", name, roll, worst)
			}
		}
	}
}

// worstError compares a view of the pattern with the pattern itself, away from what the camera does not see.
func worstError(v *View, got []float32) float64 {
	n, worst := v.canon.Width*v.canon.Height, 0.0
	for i := range n {
		if v.pixels[i].grey != 0 || v.pixels[i].end == 0 {
			continue
		}
		x, y := v.canon.optical(float64(i%v.canon.Width)+0.5, float64(i/v.canon.Width)+0.5)
		for ch, want := range pattern(x, y) {
			worst = max(worst, math.Abs(float64(got[ch*n+i])-want))
		}
	}
	return worst
}

func TestViewRollSign(t *testing.T) {
	// The camera's right side hangs lower by 0.3 rad, so the level horizon rises to the right in its raw picture.
	cal := AssumedCalibration(640, 480, 1.4)
	f := NewFrame(640, 480, RGB8, nil)
	for i := range 640 * 480 {
		x, y := (float64(i%640)-cal.Cx)/cal.Fx, (float64(i/640)-cal.Cy)/cal.Fy
		if y > -math.Tan(0.3)*x { // below the horizon
			copy(f.Pix[3*i:], []byte{255, 255, 255})
		}
	}
	v := mustView(t, canon(), cal, Mount{Roll: 0.3})
	dst := mustApply(t, v, f)
	for _, x := range []int{30, 80, 130} {
		if dst[50*160+x] > 0.02 || dst[70*160+x] < 0.98 {
			t.Errorf("column %d: %g above and %g below the horizon, want 0 and 1", x, dst[50*160+x], dst[70*160+x])
		}
	}
}

func TestViewKeepsAConstantPictureConstant(t *testing.T) {
	for name, cal := range lenses() {
		for _, level := range []byte{0, 1, 77, 255} {
			f := NewFrame(cal.Width, cal.Height, BGR8, nil)
			for i := range f.Pix {
				f.Pix[i] = level
			}
			v := mustView(t, canon(), cal, Mount{Roll: 0.05})
			for i, got := range mustApply(t, v, f) {
				if v.pixels[i%len(v.pixels)].grey == 0 && math.Abs(float64(got)-float64(level)/255) > 1e-6 {
					t.Fatalf("%s: value %d is %g, want %g", name, i, got, float64(level)/255)
				}
			}
		}
	}
}

func TestViewAreaSampling(t *testing.T) {
	// A checkerboard of single pixels must become even grey, not moiré.
	cal := AssumedCalibration(640, 480, canon().HFOV)
	f := NewFrame(640, 480, RGB8, nil)
	for i := range 640 * 480 {
		if (i%640+i/640)%2 == 0 {
			copy(f.Pix[3*i:], []byte{255, 255, 255})
		}
	}
	for i, got := range mustApply(t, mustView(t, canon(), cal, Mount{}), f) {
		if math.Abs(float64(got)-0.5) > 0.01 {
			t.Fatalf("value %d is %g, want 0.5", i, got)
		}
	}
}

func TestViewOfTheSameSizeIsACopy(t *testing.T) {
	f := NewFrame(160, 120, BGR8, nil)
	for i := range f.Pix {
		f.Pix[i] = byte(i * 7)
	}
	dst := mustApply(t, mustView(t, canon(), AssumedCalibration(160, 120, canon().HFOV), Mount{}), f)
	for i := range 160 * 120 {
		for ch := range 3 {
			if want := float64(f.Pix[3*i+2-ch]) / 255; math.Abs(float64(dst[ch*160*120+i])-want) > 1e-3 {
				t.Fatalf("pixel %d channel %d is %g, want %g", i, ch, dst[ch*160*120+i], want)
			}
		}
	}
}

func TestViewHonoursStride(t *testing.T) {
	cal := AssumedCalibration(320, 240, 1.2)
	tight := paint(cal, 0, pattern)
	wide := NewFrame(330, 240, RGB8, nil)
	wide.Width = 320
	for y := range 240 {
		copy(wide.Pix[y*wide.Stride:], tight.Pix[y*tight.Stride:(y+1)*tight.Stride])
	}
	v := mustView(t, canon(), cal, Mount{})
	a, b := mustApply(t, v, tight), mustApply(t, v, wide)
	for i := range a {
		if a[i] != b[i] {
			t.Fatalf("value %d differs with padding: %g and %g", i, a[i], b[i])
		}
	}
}

func TestViewCoverage(t *testing.T) {
	narrow := AssumedCalibration(640, 480, 40*math.Pi/180)
	v := mustView(t, canon(), narrow, Mount{})
	share := math.Tan(20*math.Pi/180) / math.Tan(33*math.Pi/180)
	if want := share * share; math.Abs(v.Coverage()-want) > 0.005 {
		t.Errorf("coverage %.3f, want %.3f", v.Coverage(), want)
	}
	dst := mustApply(t, v, NewFrame(640, 480, BGR8, nil))
	if math.Abs(float64(dst[0])-0.5) > 1e-4 || dst[60*160+80] != 0 {
		t.Errorf("corner %g and middle %g, want mid-grey 0.5 and black 0", dst[0], dst[60*160+80])
	}
	if whole := mustView(t, canon(), AssumedCalibration(640, 480, 1.5), Mount{}); whole.Coverage() != 1 {
		t.Errorf("a wider lens covers %g of the view, want all", whole.Coverage())
	}
}

func TestViewRefusesOtherFrames(t *testing.T) {
	v := mustView(t, canon(), AssumedCalibration(320, 240, 1.2), Mount{})
	dst := make([]float32, 3*160*120)
	short := NewFrame(320, 240, BGR8, nil)
	short.Pix = short.Pix[:len(short.Pix)-1]
	odd := NewFrame(320, 240, Format(9), nil)
	for name, f := range map[string]*Frame{"size": NewFrame(640, 480, BGR8, nil), "bytes": short, "format": odd} {
		if err := v.Apply(dst, f); err == nil {
			t.Errorf("wrong %s was accepted", name)
		}
	}
	if err := v.Apply(dst[1:], NewFrame(320, 240, BGR8, nil)); err == nil {
		t.Error("a short destination was accepted")
	}
}

func TestNewViewRefusesNonsense(t *testing.T) {
	good := AssumedCalibration(320, 240, 1.2)
	for name, build := range map[string]func() (*View, error){
		"no size":     func() (*View, error) { return NewView(Canonical{HFOV: 1}, good, Mount{}) },
		"half circle": func() (*View, error) { return NewView(Canonical{16, 12, math.Pi}, good, Mount{}) },
		"nan":         func() (*View, error) { return NewView(Canonical{16, 12, math.NaN()}, good, Mount{}) },
		"calibration": func() (*View, error) { return NewView(canon(), AssumedCalibration(320, 240, 0), Mount{}) },
		"mount":       func() (*View, error) { return NewView(canon(), good, Mount{Pitch: 2}) },
		"mount nan":   func() (*View, error) { return NewView(canon(), good, Mount{Roll: math.NaN()}) },
	} {
		if _, err := build(); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestApplyAllocatesNothing(t *testing.T) {
	v := mustView(t, canon(), AssumedCalibration(640, 480, 1.2), Mount{})
	dst, pool := make([]float32, 3*160*120), NewPool(2)
	pool.Get(640, 480, BGR8).Release()
	if n := testing.AllocsPerRun(20, func() {
		f := pool.Get(640, 480, BGR8)
		if err := v.Apply(dst, f); err != nil {
			t.Error(err)
		}
		f.Release()
	}); n != 0 {
		t.Errorf("%g allocations a picture, want none", n)
	}
}
