package dashboard

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

func answered() payload.Answer {
	return payload.Answer{Status: payload.Answered, Answer: &payload.Value{Text: "yes"}}
}

// hidden is a secret that knows how it is logged.
type hidden struct{}

func (hidden) LogValue() slog.Value { return slog.StringValue("[hidden]") }

func TestTailKeepsTheLog(t *testing.T) {
	var tail Tail
	var text bytes.Buffer
	log := slog.New(tail.Wrap(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelInfo})))
	log = log.With("component", "link").WithGroup("broker").With("port", 1883)
	log.Info("connected", "password", hidden{}, "err", errors.New("none"), slog.Group("peer", "name", "hub"))
	log.Debug("too fine")
	lines := tail.after(0)
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	want := "connected component=link broker.port=1883 broker.password=[hidden] broker.err=none broker.peer.name=hub"
	if lines[0].Text != want || lines[0].Level != "INFO" || lines[0].Number != 1 {
		t.Errorf("line %+v, want %q", lines[0], want)
	}
	if !strings.Contains(text.String(), "connected") {
		t.Error("the log itself lacks the line")
	}
}

func TestTailIsBounded(t *testing.T) {
	var tail Tail
	tail.add(Line{Text: "first"})
	log := slog.New(tail.Wrap(slog.NewTextHandler(&bytes.Buffer{}, nil)))
	for range tailLines {
		log.Info("long", "text", strings.Repeat("é", lineBytes))
	}
	lines := tail.after(0)
	if len(lines) != tailLines || lines[0].Number != 2 || len(lines[0].Text) > lineBytes {
		t.Errorf("%d lines from %d, of %d bytes", len(lines), lines[0].Number, len(lines[0].Text))
	}
	if got := tail.after(tailLines); len(got) != 1 {
		t.Errorf("%d lines after the last but one", len(got))
	}
}

func TestLogReachesThePage(t *testing.T) {
	cfg := settings(&robot{})
	s := serve(t, cfg)
	log := slog.New(cfg.Tail.Wrap(slog.NewTextHandler(&bytes.Buffer{}, nil)))
	log.Info("before")
	conn := look(t, s)
	log.Info("after")
	for {
		var m logMessage
		await(t, conn, "log", &m)
		if last := m.Lines[len(m.Lines)-1]; last.Text == "after" {
			return
		}
	}
}
