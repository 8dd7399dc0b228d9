package dashboard

import (
	"context"
	"log/slog"
	"strings"
	"sync"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// What the tail keeps.
const (
	tailLines = 200
	lineBytes = 1000
)

// Line is one line of the log.
type Line struct {
	Number uint64       `json:"number"` // counts from 1
	Time   payload.Time `json:"time"`
	Level  string       `json:"level"`
	Text   string       `json:"text"` // message and attributes; secrets are hidden as in the log itself
}

// Tail keeps the newest lines of a log. The zero value is empty.
type Tail struct {
	mu     sync.Mutex
	number uint64
	lines  []Line
}

// Wrap returns a handler that does what inner does and also keeps what it handles.
func (t *Tail) Wrap(inner slog.Handler) slog.Handler { return &tee{tail: t, inner: inner} }

func (t *Tail) add(line Line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.number++
	line.Number = t.number
	if len(t.lines) == tailLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
}

func (t *Tail) newest() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.number
}

// after returns the lines with greater numbers, oldest first.
func (t *Tail) after(number uint64) []Line {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := 0
	for at < len(t.lines) && t.lines[at].Number <= number {
		at++
	}
	return append([]Line{}, t.lines[at:]...)
}

// tee is a handler in front of another one.
type tee struct {
	tail   *Tail
	inner  slog.Handler
	prefix string // of groups
	fixed  string // attributes of all lines
}

var _ slog.Handler = (*tee)(nil)

func (h *tee) Enabled(ctx context.Context, level slog.Level) bool { return h.inner.Enabled(ctx, level) }

// Handle keeps the line and hands it on.
func (h *tee) Handle(ctx context.Context, r slog.Record) error {
	var text strings.Builder
	text.WriteString(r.Message)
	text.WriteString(h.fixed)
	r.Attrs(func(a slog.Attr) bool {
		write(&text, h.prefix, a)
		return true
	})
	line := strings.ToValidUTF8(text.String()[:min(text.Len(), lineBytes)], "")
	h.tail.add(Line{Time: payload.Time{Time: r.Time}, Level: r.Level.String(), Text: line})
	return h.inner.Handle(ctx, r)
}

func (h *tee) WithAttrs(attrs []slog.Attr) slog.Handler {
	var text strings.Builder
	for _, a := range attrs {
		write(&text, h.prefix, a)
	}
	return &tee{tail: h.tail, inner: h.inner.WithAttrs(attrs), prefix: h.prefix, fixed: h.fixed + text.String()}
}

func (h *tee) WithGroup(name string) slog.Handler {
	prefix := h.prefix
	if name != "" {
		prefix += name + "."
	}
	return &tee{tail: h.tail, inner: h.inner.WithGroup(name), prefix: prefix, fixed: h.fixed}
}

// write appends " key=value", after LogValue had its say.
func write(text *strings.Builder, prefix string, a slog.Attr) {
	value := a.Value.Resolve()
	if value.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, inner := range value.Group() {
			write(text, prefix, inner)
		}
		return
	}
	if a.Equal(slog.Attr{}) {
		return
	}
	text.WriteByte(' ')
	text.WriteString(prefix)
	text.WriteString(a.Key)
	text.WriteByte('=')
	text.WriteString(value.String())
}
