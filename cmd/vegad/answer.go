package main

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// describeAnswer writes an answer for people: the sentence, then what it rests on.
func describeAnswer(a payload.Answer) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-9s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintln(&b, headline(a))
	if a.Answer != nil && a.Answer.Value != nil {
		line("value", "%s", describeValue(*a.Answer))
	}
	for _, o := range a.Objects {
		line("rests on", "%s", describeObject(o, a.CaptureTime.Time))
	}
	if !a.CaptureTime.IsZero() {
		line("age", "%s", milliseconds(a.AgeMs))
	}
	line("latency", "%s (waiting %s, networks %s)", milliseconds(a.LatencyMs.Total), milliseconds(a.LatencyMs.Queue),
		milliseconds(a.LatencyMs.Head))
	if m := a.Model; m != nil {
		degraded := ""
		if m.Degraded {
			degraded = ", degraded: vegad doctor tells why"
		}
		line("model", "%s %s on %s%s", m.Bundle, m.Precision, m.Provider, degraded)
	}
	return b.String()
}

func headline(a payload.Answer) string {
	if a.Status != payload.Answered || a.Answer == nil {
		return fmt.Sprintf("%s: %s", a.Status, a.Reason)
	}
	return a.Answer.Text
}

// describeValue writes the value with its interval; radians become degrees, because people read them.
func describeValue(v payload.Value) string {
	value, low, high := *v.Value, math.NaN(), math.NaN()
	if v.Interval95 != nil {
		low, high = v.Interval95[0], v.Interval95[1]
	}
	unit, digits := " "+v.Unit, 2
	switch v.Unit {
	case "rad":
		value, low, high, unit, digits = degrees(value), degrees(low), degrees(high), "°", 0
	case "objects":
		digits = 0
	case "1":
		unit = ""
	}
	text := strings.TrimSpace(fmt.Sprintf("%.*f%s", digits, value, unit))
	if v.Interval95 != nil {
		text += fmt.Sprintf(", with 95 %% between %.*f and %.*f", digits, low, digits, high)
	}
	return text
}

func describeObject(o payload.Object, captured time.Time) string {
	name := strings.TrimSpace(o.ID + " " + strings.TrimSpace(o.Color+" "+o.Label))
	c := o.Box.Center
	text := fmt.Sprintf("%s at (%.2f, %.2f, %.2f) m in map ± (%.2f, %.2f, %.2f)", name, c.X, c.Y, c.Z, o.Sigma.X,
		o.Sigma.Y, o.Sigma.Z)
	since := captured.Sub(o.LastSeen.Time)
	if !captured.IsZero() && !o.LastSeen.IsZero() && since >= 100*time.Millisecond {
		text += fmt.Sprintf(", last seen %.1f s before", since.Seconds())
	}
	return text
}

func degrees(rad float64) float64 { return rad * 180 / math.Pi }

// milliseconds keeps two digits of short times and none of long ones.
func milliseconds(ms float64) string {
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}
