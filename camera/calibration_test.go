package camera

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLoadCalibration(t *testing.T) {
	got, err := LoadCalibration(filepath.Join("testdata", "camera_info.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := Calibration{
		Width: 640, Height: 480, Fx: 531.25, Fy: 530.75, Cx: 318.5, Cy: 242.25,
		Model: ModelPlumbBob, D: []float64{-0.2813, 0.0721, 0.0012, -0.0003, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := LoadCalibration("testdata/none.yaml"); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("a missing file: %v", err)
	}
}

func TestParseCalibrationNamesTheModel(t *testing.T) {
	text := readInfo(t)
	fish := strings.NewReplacer("plumb_bob", "equidistant", "cols: 5", "cols: 4",
		"-0.2813, 0.0721, 0.0012, -0.0003, 0.0", "0.1, 0.2, 0.3, 0.4").Replace(text)
	got, err := ParseCalibration([]byte(fish))
	if err != nil || got.Model != ModelFisheye {
		t.Errorf("equidistant became %q: %v", got.Model, err)
	}
}

func readInfo(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "camera_info.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestParseCalibrationRefuses(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"no width":       {"image_width: 640", "image_width: 0", "picture size 0x480"},
		"huge":           {"image_height: 480", "image_height: 999999", "picture size"},
		"focal":          {"531.25", "-1", "focal lengths -1 and 530.75 must be positive"},
		"infinite focal": {"531.25", ".inf", "must be positive and finite"},
		"principal":      {"318.5", ".nan", "principal point"},
		"skew":           {"[531.25, 0.0,", "[531.25, 2.0,", "is not of the form"},
		"matrix":         {", 0.0, 0.0, 1.0]\ndistortion_model", "]\ndistortion_model", "holds 6 values"},
		"model":          {"plumb_bob", "brown", `distortion model "brown" is unknown`},
		"coefficients":   {"cols: 5", "cols: 4", "says 1 rows of 4 but holds 5 values"},
		"count":          {"cols: 5\n  data: [-0.2813, ", "cols: 4\n  data: [", ""},
		"wrong count":    {"plumb_bob", "rational_polynomial", "takes [0 8] coefficients, got 5"},
		"not finite":     {"-0.2813", ".nan", "distortion coefficient 1"},
		"not a number":   {"-0.2813", "many", "decoding"},
	} {
		text := readInfo(t)
		if !strings.Contains(text, c.old) {
			t.Fatalf("%s: the file has no %q", name, c.old)
		}
		_, err := ParseCalibration([]byte(strings.Replace(text, c.old, c.new, 1)))
		if c.want == "" { // still a valid file
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	if _, err := ParseCalibration(make([]byte, maxCameraInfo+1)); err == nil {
		t.Error("an oversize file was accepted")
	}
	if _, err := ParseCalibration(nil); err == nil {
		t.Error("an empty file was accepted")
	}
}

func TestCalibrationScaled(t *testing.T) {
	full := lenses()["plumb_bob"]
	half, err := full.Scaled(full.Width/2, full.Height/2)
	if err != nil {
		t.Fatal(err)
	}
	// The same ray must meet the same place of the picture, measured from its rim.
	x, y := 0.3*full.Fx+full.Cx+0.5, -0.2*full.Fy+full.Cy+0.5
	hx, hy := 0.3*half.Fx+half.Cx+0.5, -0.2*half.Fy+half.Cy+0.5
	if math.Abs(hx-x/2)+math.Abs(hy-y/2) > 1e-9 {
		t.Errorf("a ray meets (%g, %g) of the whole and (%g, %g) of the halved picture", x, y, hx, hy)
	}
	if _, err := full.Scaled(640, 360); err == nil || !strings.Contains(err.Error(), "aspect ratio") {
		t.Errorf("another aspect ratio: %v", err)
	}
	if _, err := full.Scaled(0, 0); err == nil {
		t.Error("an empty picture was accepted")
	}
}

func TestAssumedCalibration(t *testing.T) {
	c := AssumedCalibration(640, 480, math.Pi/2)
	if math.Abs(c.Fx-320) > 1e-9 || c.Fx != c.Fy || c.Cx != 319.5 || c.Cy != 239.5 || !c.Assumed {
		t.Errorf("assumed calibration %+v", c)
	}
	if c.Validate() != nil || AssumedCalibration(640, 480, math.Pi).Validate() != nil &&
		AssumedCalibration(640, 480, 4).Validate() == nil {
		t.Error("validation judges fields of view wrongly")
	}
}

func FuzzParseCalibration(f *testing.F) {
	data, err := os.ReadFile(filepath.Join("testdata", "camera_info.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("image_width: 4\nimage_height: 3\ncamera_matrix: {data: [1,0,1,0,1,1,0,0,1]}\n"))
	f.Add([]byte("a: &a [*a, *a]\ncamera_matrix: *a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseCalibration(data)
		if err != nil {
			return
		}
		if c.Validate() != nil {
			t.Fatalf("accepted calibration is invalid: %+v", c)
		}
		newLens(c).bendAll(t)
	})
}

// bendAll checks that a lens never yields a number that cannot be compared.
func (l lens) bendAll(t *testing.T) {
	for _, p := range [][2]float64{{0, 0}, {1, 0}, {0.1, -0.3}, {100, 100}} {
		if x, y, ok := l.bend(p[0], p[1]); ok && (math.IsNaN(x) || math.IsNaN(y)) {
			t.Fatalf("lens %+v bends %v to (%g, %g)", l, p, x, y)
		}
	}
}
