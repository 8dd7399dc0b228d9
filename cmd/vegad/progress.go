package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress tells how far a long task is: on a terminal in one line that changes, elsewhere in a new line now and then.
// One goroutine uses it at a time.
type progress struct {
	w        io.Writer
	terminal bool
	said     time.Time
	open     bool // a line of a terminal waits to be replaced
}

const (
	redrawEvery = 100 * time.Millisecond
	repeatEvery = 5 * time.Second
)

func newProgress(w io.Writer) *progress { return &progress{w: w, terminal: isTerminal(w)} }

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// update shows where the task is, unless something was shown a moment ago.
func (p *progress) update(format string, args ...any) {
	every := repeatEvery
	if p.terminal {
		every = redrawEvery
	}
	if time.Since(p.said) < every {
		return
	}
	p.said = time.Now()
	text := fmt.Sprintf(format, args...)
	if p.terminal {
		p.open = true
		_, _ = fmt.Fprintf(p.w, "\r\x1b[K%s", text)
		return
	}
	_, _ = fmt.Fprintln(p.w, text)
}

// clear removes the changing line, so that something else can be printed.
func (p *progress) clear() {
	if p.open {
		p.open, p.said = false, time.Time{}
		_, _ = fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// bar draws done of total, 24 characters wide.
func bar(done, total float64) string {
	const width = 24
	full := 0
	if total > 0 {
		full = int(min(max(done/total, 0), 1)*width + 0.5)
	}
	out := make([]byte, width)
	for i := range out {
		out[i] = '.'
		if i < full {
			out[i] = '#'
		}
	}
	return "[" + string(out) + "]"
}
