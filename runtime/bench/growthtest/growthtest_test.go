package growthtest_test

import (
	"bytes"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
	"github.com/vega-edge/vegad/runtime/bench/growthtest"
)

func power(exponent float64) growthtest.Curve {
	c := growthtest.Curve{Name: "cost"}
	for _, n := range []float64{10, 30, 100, 300, 1000, 3000, 10000} {
		c.Points = append(c.Points, growthtest.Point{Size: n, Cost: 5 + 0.01*math.Pow(n, exponent)})
	}
	return c
}

func TestExponent(t *testing.T) {
	for want, exponent := range map[float64]float64{0: 0, 2: 2, 1: 1} {
		c := power(exponent)
		if got := c.Exponent(); math.Abs(got-want) > 0.35 { // what is constant hides a part of it
			t.Errorf("exponent %g of a curve of %g", got, want)
		}
	}
	square := power(2)
	if got := square.Exponent(); got <= growthtest.Most {
		t.Errorf("a square passes as linear: %g", got)
	}
	flat := growthtest.Curve{Points: []growthtest.Point{{Size: 1, Cost: 0}, {Size: 2, Cost: -1}, {Size: 4, Cost: 3}}}
	if got := flat.Exponent(); math.Abs(got) > 1e-9 {
		t.Errorf("exponent %g of noise about nothing", got)
	}
	noise := growthtest.Curve{Floor: 5, Points: []growthtest.Point{{Size: 1, Cost: -3}, {Size: 4}, {Size: 9, Cost: 2}}}
	if got := noise.Exponent(); math.Abs(got) > 1e-9 {
		t.Errorf("exponent %g of what cannot be told from nothing", got)
	}
	if one := (&growthtest.Curve{Points: flat.Points[:1]}).Exponent(); !math.IsNaN(one) {
		t.Errorf("one point has the exponent %g", one)
	}
}

func TestFigure(t *testing.T) {
	root := t.TempDir()
	f := growthtest.Figure{
		Name: "trial", Title: "A trial", XLabel: "things", YLabel: "ms", Curves: []growthtest.Curve{power(1), power(2)},
	}
	out := benchtest.New("growth")
	f.Enter(out)
	if out.Holds || len(out.Figures) != 3 { // the second curve, of the same name, has overwritten the first
		t.Errorf("%+v", out)
	}
	f.Curves = append(f.Curves, growthtest.Curve{Name: "nothing", Points: []growthtest.Point{{Size: 3}, {Size: 4}}})
	f.Draw(t, out, root)
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(root, "build", "results", name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	picture, err := png.Decode(bytes.NewReader(read("growth-trial.png")))
	if err != nil || picture.Bounds().Dx() < 400 {
		t.Errorf("%v", err)
	}
	if text := string(read("growth-trial.svg")); !strings.Contains(text, "<svg") || !strings.Contains(text, "A trial") {
		t.Errorf("%.200s", text)
	}
}
