package peers_test

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
)

// shown is the order of the figures in the table.
func shown() []string {
	return []string{
		framesPerSecond, cpuPerFrame, answerP50, answerP95, startToAnswer, memorySteady, memoryOwn, memoryPeak,
	}
}

// report notes medians and ratios.
type report struct {
	out    *benchtest.Results
	judged []string // the figures that are held against their bounds
}

// write notes everything and returns it as tables in Markdown.
func (r report) write(all []*contestant, got map[string][]figures) string {
	var text strings.Builder
	ours := got[all[0].String()]
	fmt.Fprintf(&text, "\n%s, commit %s, medians of %d turns\n\n| |", r.out.Machine, r.out.Commit, len(ours))
	for _, c := range all {
		fmt.Fprintf(&text, " %s |", c)
	}
	fmt.Fprintf(&text, "\n|---|%s\n", strings.Repeat("---:|", len(all)))
	for _, name := range shown() {
		fmt.Fprintf(&text, "| %s, %s |", name, units[name])
		for _, c := range all {
			fmt.Fprintf(&text, " %s |", r.cell(name, c, column(got[c.String()], name)))
		}
		text.WriteString("\n")
	}
	text.WriteString("\n| vegad over | peer | ratio | spread | bound | |\n|---|---|---:|---:|---:|---|\n")
	for _, c := range all[1:] {
		for _, name := range shown() {
			text.WriteString(r.line(name, c, ratioOf(column(ours, name), column(got[c.String()], name))))
		}
	}
	return text.String()
}

// column is one figure of all turns; none of a contestant that was not measured in it.
func column(turns []figures, name string) []float64 {
	var out []float64
	for _, f := range turns {
		if v, ok := f[name]; ok {
			out = append(out, v)
		}
	}
	return out
}

func (r report) cell(name string, c *contestant, values []float64) string {
	if len(values) == 0 {
		return "–"
	}
	m := median(values)
	r.out.Add(name+": "+c.String(), m, units[name])
	return fmt.Sprintf("%.3g", m)
}

// line is a row of ratios. Only those on the files as shipped are bound.
func (r report) line(name string, c *contestant, q ratio) string {
	if math.IsNaN(q.median) { // not measured
		return ""
	}
	key := name + ", vegad over " + c.String()
	ratios := fmt.Sprintf("| %s | %s | %.2f | ± %.2f |", name, c, q.median, q.spread)
	for _, d := range bounds() {
		if d.figure != name || d.who != c.who || c.files != asShipped || !slices.Contains(r.judged, name) {
			continue
		}
		d.note(r.out, key, q)
		side := map[bool]string{true: "≥", false: "≤"}[d.least]
		verdict := map[bool]string{true: "holds", false: "does not hold"}[r.out.Figures[key].Holds]
		return fmt.Sprintf("%s %s %.2f | %s |\n", ratios, side, d.limit, verdict)
	}
	r.out.AddBy(key, q.median, "times", q.spread)
	return ratios + " | |\n"
}
