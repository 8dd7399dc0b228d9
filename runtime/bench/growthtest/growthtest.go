// Package growthtest holds how a cost grows with a size: the points, the exponent of the growth, and the picture.
package growthtest

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
)

// Point is a cost at a size.
type Point struct{ Size, Cost float64 }

// Curve is how one cost grows. Points are in the order of their sizes, which are positive.
type Curve struct {
	Name   string
	Points []Point
	Floor  float64 // a smaller cost cannot be told from none, and counts as this
}

// Exponent is that of the power of the size with which the cost grows, by the slope of its logarithm over the upper
// half of the points: 1 is linear, 0 constant. Costs below the floor count as the floor, and without one, costs that
// are 0 or less as the smallest that is not; NaN for fewer than two points.
func (c *Curve) Exponent() float64 {
	upper := c.Points[min(len(c.Points)/2, max(len(c.Points)-3, 0)):]
	if len(upper) < 2 {
		return math.NaN()
	}
	least := math.Inf(1)
	for _, p := range upper {
		if p.Cost > 0 {
			least = min(least, p.Cost)
		}
	}
	least = max(least, c.Floor)
	var n, sumX, sumY, sumXX, sumXY float64
	for _, p := range upper {
		x, y := math.Log(p.Size), math.Log(max(p.Cost, least))
		n, sumX, sumY, sumXX, sumXY = n+1, sumX+x, sumY+y, sumXX+x*x, sumXY+x*y
	}
	return (n*sumXY - sumX*sumY) / (n*sumXX - sumX*sumX)
}

// Figure is a picture of several curves on logarithmic axes.
type Figure struct {
	Name           string // of the files
	Title          string
	XLabel, YLabel string
	Curves         []Curve
}

// Most is the largest exponent that passes. Sorting, and memory that outgrows a cache within the range of sizes, make
// linear work come out at 1.1 to 1.4; a square is 2.
const Most = 1.5

// Enter notes the figure's curves in the results: the cost at both ends, and the exponent, which must be Most at
// most.
func (f *Figure) Enter(out *benchtest.Results) {
	for i := range f.Curves {
		c := &f.Curves[i]
		name := f.Name + ": " + c.Name
		first, last := c.Points[0], c.Points[len(c.Points)-1]
		out.Add(fmt.Sprintf("%s at %g", name, first.Size), first.Cost, f.YLabel)
		out.Add(fmt.Sprintf("%s at %g", name, last.Size), last.Cost, f.YLabel)
		out.AtMost(name+", exponent", c.Exponent(), "", Most)
	}
}

// Draw writes the figure as growth-{Name}.png and growth-{Name}.svg beside the results.
func (f *Figure) Draw(tb testing.TB, out *benchtest.Results, root string) {
	tb.Helper()
	for _, format := range []string{"png", "svg"} {
		data, err := f.picture(format)
		if err != nil {
			tb.Fatal(err)
		}
		out.Write(tb, root, "growth-"+f.Name+"."+format, string(data))
	}
}

func (f *Figure) picture(format string) ([]byte, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = f.Title, f.XLabel, f.YLabel
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.LogTicks{Prec: -1}, plot.LogTicks{Prec: -1}
	p.Add(plotter.NewGrid())
	p.Legend.Top, p.Legend.Left = true, true
	for i := range f.Curves {
		points := f.Curves[i].positive()
		if len(points) == 0 {
			continue
		}
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, fmt.Errorf("drawing %s: %w", f.Curves[i].Name, err)
		}
		line.Color, marks.Color, marks.Shape = plotutil.Color(i), plotutil.Color(i), draw.CircleGlyph{}
		p.Add(line, marks)
		p.Legend.Add(fmt.Sprintf("%s (n^%.2f)", f.Curves[i].Name, f.Curves[i].Exponent()), line, marks)
	}
	w, err := p.WriterTo(16*vg.Centimeter, 10*vg.Centimeter, format)
	if err != nil {
		return nil, fmt.Errorf("drawing %s: %w", f.Name, err)
	}
	var buffer bytes.Buffer
	if _, err := w.WriteTo(&buffer); err != nil {
		return nil, fmt.Errorf("drawing %s: %w", f.Name, err)
	}
	return buffer.Bytes(), nil
}

// positive are the points that a logarithmic axis can show; what lies below the floor lies on it.
func (c *Curve) positive() plotter.XYs {
	var out plotter.XYs
	for _, p := range c.Points {
		if cost := max(p.Cost, c.Floor); p.Size > 0 && cost > 0 {
			out = append(out, plotter.XY{X: p.Size, Y: cost})
		}
	}
	return out
}
