package report

import (
	_ "embed" // for the page's template
	"fmt"
	"html/template"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
)

//go:embed page.html
var pageSource string

// The plots' geometry, in units of the picture.
const (
	barHeight  = 16
	barWidth   = 420
	labelWidth = 300
	plotWidth  = 320
	plotHeight = 120
	maxBars    = 40
)

// WriteHTML writes the document as one page for people. It holds everything itself: it needs no network and no script.
func (d *Document) WriteHTML(w io.Writer) error {
	page, err := template.New("report").Funcs(template.FuncMap{
		"percent": func(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) },
		"bytes":   bytesText,
		"count":   countText,
		"ratio":   ratioText,
		"short":   func(s string) string { return s[:min(len(s), 12)] },
		"bars":    bars,
		"curve":   curve,
		"names":   func(m map[string]float64) []string { return slices.Sorted(maps.Keys(m)) },
	}).Parse(pageSource)
	if err != nil {
		return fmt.Errorf("reading the report's template: %w", err)
	}
	if err := page.Execute(w, d); err != nil {
		return fmt.Errorf("writing report: %w", err)
	}
	return nil
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.2f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

func countText(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.2f G", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.1f M", float64(n)/1e6)
	}
	return fmt.Sprint(n)
}

func ratioText(from, to int64) string {
	if to == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f×", float64(from)/float64(to))
}

// barChart is a horizontal bar for each tensor.
type barChart struct {
	Width, Height, Label int
	Bars                 []bar
	Left                 int // tensors that are not drawn
}

type bar struct {
	Y, Text int
	Width   float64
	Name    string
	Value   string
	Colour  string
}

// bars draws the signal-to-noise ratio of the worst tensors.
func bars(tensors []Tensor) barChart {
	shown := tensors[:min(len(tensors), maxBars)]
	best := 1.0
	for _, t := range shown {
		best = max(best, t.SQNRdB)
	}
	c := barChart{Width: labelWidth + barWidth + 80, Height: len(shown)*barHeight + 4, Label: labelWidth}
	c.Left = len(tensors) - len(shown)
	for i, t := range shown {
		c.Bars = append(c.Bars, bar{
			Y: i*barHeight + 2, Text: i*barHeight + 13, Width: math.Max(t.SQNRdB, 0) / best * barWidth,
			Name: shorten(t.Name), Value: fmt.Sprintf("%.1f dB", t.SQNRdB), Colour: colour(t.SQNRdB),
		})
	}
	return c
}

// colour warns where less than 20 dB are left.
func colour(db float64) string {
	switch {
	case db < 20:
		return "#c0392b"
	case db < 30:
		return "#d68910"
	}
	return "#2e86ab"
}

// shorten keeps the end of a long name: that is where names of tensors differ.
func shorten(name string) string {
	const most = 40
	letters := []rune(name)
	if len(letters) <= most {
		return name
	}
	return "…" + string(letters[len(letters)-most+1:])
}

// outline is a filled curve with two lines where int8 clips.
type outline struct {
	Width, Height int
	Path          string
	Clip          []float64
	Low, High     string
	Tensor        string
	Threshold     string
}

// curve draws a histogram by the logarithm of its shares, so that rare values show.
func curve(h Histogram) outline {
	o := outline{
		Width: plotWidth, Height: plotHeight, Tensor: shorten(h.Tensor),
		Low: fmt.Sprintf("%.3g", h.Low), High: fmt.Sprintf("%.3g", h.High), Threshold: fmt.Sprintf("%.3g", h.Threshold),
	}
	var path strings.Builder
	fmt.Fprintf(&path, "M0 %d", plotHeight)
	step := plotWidth / float64(max(len(h.Shares), 1))
	for i, s := range h.Shares {
		y := plotHeight * (1 - height(s))
		fmt.Fprintf(&path, " L%.1f %.1f L%.1f %.1f", float64(i)*step, y, float64(i+1)*step, y)
	}
	fmt.Fprintf(&path, " L%d %d Z", plotWidth, plotHeight)
	o.Path = path.String()
	for _, at := range []float64{-h.Threshold, h.Threshold} {
		if x := (at - h.Low) / (h.High - h.Low) * plotWidth; x >= 0 && x <= plotWidth {
			o.Clip = append(o.Clip, x)
		}
	}
	return o
}

// height maps a share to 0..1: one in a million is 0, all is 1.
func height(share float64) float64 {
	if share <= 0 {
		return 0
	}
	return min(max(1+math.Log10(share)/6, 0.02), 1)
}
