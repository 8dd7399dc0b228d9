package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vega-edge/vegad/runtime/fleet"
)

// screen is how much room there is, in characters; 0 is without end.
type screen struct{ width, height int }

// terminalSize asks the terminal; the usual one is assumed when it does not tell.
func terminalSize(w io.Writer) screen {
	if file, ok := w.(*os.File); ok {
		size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
		if err == nil && size.Col > 0 && size.Row > 0 {
			return screen{int(size.Col), int(size.Row)}
		}
	}
	return screen{80, 24}
}

// column is one of the table.
type column struct {
	title string
	width int
	right bool
	text  func(r *fleet.Robot, now time.Time) string
}

// columns are in the order of their importance: what does not fit is cut off at the right. The last has no width.
func columns() []column {
	return []column{
		{"ROBOT", 22, false, func(r *fleet.Robot, _ time.Time) string { return r.ID() }},
		{"TROUBLE", 12, false, func(r *fleet.Robot, _ time.Time) string { return r.Trouble.Worst().String() }},
		{"LINK", 8, false, func(r *fleet.Robot, _ time.Time) string { return linkWord(r) }},
		{"HEARD", 6, true, func(r *fleet.Robot, now time.Time) string { return ago(now, r.LastHeard) }},
		{"°C", 5, true, func(r *fleet.Robot, _ time.Time) string { return celsius(r) }},
		{"OUTBOX", 11, true, func(r *fleet.Robot, _ time.Time) string { return outboxWord(r) }},
		{"ANS/MIN", 7, true, func(r *fleet.Robot, _ time.Time) string { return decimal(r.AnswersPerMinute, 1, "%.1f") }},
		{"ABST", 5, true, func(r *fleet.Robot, _ time.Time) string { return decimal(r.AbstainedShare, 100, "%.0f%%") }},
		{"PROVIDER", 9, false, func(r *fleet.Robot, _ time.Time) string { return r.Provider }},
		{"BUNDLE", 14, false, func(r *fleet.Robot, _ time.Time) string {
			return strings.TrimSpace(r.Bundle + " " + r.BundleVersion)
		}},
		{"POSITION", 18, false, func(r *fleet.Robot, _ time.Time) string { return place(r.Position) }},
		{"WHY", 0, false, func(r *fleet.Robot, _ time.Time) string { return strings.TrimSpace(r.Why + "  " + r.PageURL) }},
	}
}

// table draws the robots under two lines that sum them up.
func (w *fleetPicture) table(size screen, now time.Time) string {
	var out strings.Builder
	put := func(text string) {
		out.WriteString(cut(text, size.width))
		if size.width > 0 {
			out.WriteString("\x1b[K") // what the last picture had beyond
		}
		out.WriteByte('\n')
	}
	all := columns()
	put(w.headline())
	put(w.summary())
	put(row(all, func(c column) string { return c.title }))
	rows := len(w.Robots)
	if size.height > 0 {
		rows = min(rows, max(size.height-5, 1))
	}
	for i := range w.Robots[:rows] {
		put(row(all, func(c column) string { return c.text(&w.Robots[i], now) }))
	}
	if hidden := len(w.Robots) - rows; hidden > 0 {
		put(fmt.Sprintf("… and %d more", hidden))
	}
	return out.String()
}

func (w *fleetPicture) headline() string {
	link := "connected"
	if !w.Connected {
		link = "NOT CONNECTED: " + w.Problem
	}
	text := fmt.Sprintf("%s, %s, %d robots, %d messages", w.Broker, link, w.Known, w.Messages)
	if len(w.Robots) != w.Known {
		text += fmt.Sprintf(", %d shown", len(w.Robots))
	}
	return text + noted(w.Refused > 0, fmt.Sprintf(", %d refused", w.Refused))
}

// summary counts the robots by their worst trouble, the worst first.
func (w *fleetPicture) summary() string {
	var parts []string
	for _, t := range append(fleet.Troubles(), 0) {
		if n := w.Counts[t.String()]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, t))
		}
	}
	return strings.Join(parts, ", ")
}

func row(all []column, cell func(column) string) string {
	var out strings.Builder
	for _, c := range all {
		text := cut(cell(c), c.width)
		switch {
		case c.width == 0:
			out.WriteString(text)
		case c.right:
			fmt.Fprintf(&out, "%*s  ", c.width, text)
		default:
			fmt.Fprintf(&out, "%-*s  ", c.width, text)
		}
	}
	return strings.TrimRight(out.String(), " ")
}

// cut shortens a text to a width; 0 is without end.
func cut(text string, width int) string {
	if width == 0 || len(text) <= width {
		return text
	}
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return string(runes[:width-1]) + "…"
}

func linkWord(r *fleet.Robot) string {
	switch r.Connection {
	case "":
		return "?"
	case "CONNECTION_BROKEN":
		return "broken"
	}
	return strings.ToLower(string(r.Connection))
}

func ago(now, then time.Time) string {
	if then.IsZero() {
		return "-"
	}
	return short(now.Sub(then))
}

// short tells a time in its largest unit.
func short(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", max(d, 0).Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%.0fm", d.Minutes())
	case d < 100*time.Hour:
		return fmt.Sprintf("%.0fh", d.Hours())
	}
	return fmt.Sprintf("%.0fd", d.Hours()/24)
}

func celsius(r *fleet.Robot) string {
	if r.Temperature == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f", r.Temperature.Celsius)
}

func outboxWord(r *fleet.Robot) string {
	if r.OutboxDepth == 0 {
		return "-"
	}
	return fmt.Sprintf("%d %s", r.OutboxDepth, short(time.Duration(r.OutboxAgeSeconds*float64(time.Second))))
}

func decimal(v *float64, scale float64, format string) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf(format, *v*scale)
}

func place(p *fleet.Position) string {
	if p == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f %.1f %s/%d", p.X, p.Y, p.Frame, p.Epoch)
}
