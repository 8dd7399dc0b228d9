package outbox

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/runtime/link/linktest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// faults is how often the tests of faults repeat themselves: 1 unless VEGAD_FAULTS says more.
func faults() int { return max(1, linktest.Scale()) }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(t testing.TB, cfg Config) *Box {
	t.Helper()
	cfg.Logger = discard()
	b, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func closeBox(t testing.TB, b *Box) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

func flush(t testing.TB, b *Box) {
	t.Helper()
	if err := b.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// put puts a message whose payload tells its number.
func put(t testing.TB, b *Box, class Class, n int) uint64 {
	t.Helper()
	seq, err := b.Put(Message{Class: class, Topic: "t/" + class.String(), Payload: fmt.Appendf(nil, `{"n":%d}`, n)})
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

// putBig is put with a payload of so many bytes.
func putBig(t testing.TB, b *Box, class Class, bytes int) {
	t.Helper()
	if _, err := b.Put(Message{Class: class, Topic: "t", Payload: make([]byte, bytes)}); err != nil {
		t.Fatal(err)
	}
}

// drain takes everything that Next has, without confirming it.
func drain(b *Box) []Record {
	var out []Record
	for {
		r, ok := b.Next(true)
		if !ok {
			return out
		}
		out = append(out, r)
	}
}

func payloads(records []Record) string {
	text := ""
	for _, r := range records {
		text += r.Class.String()[:1] + string(r.Payload) + " "
	}
	return text
}

func fileOf(dir string) string { return filepath.Join(dir, fileName) }
