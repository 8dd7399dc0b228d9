package command_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/runtime/command"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// world is a robot's guard with a wall clock that a test may set.
type world struct {
	folder string
	wall   time.Time
	signer command.Signer
	keys   []command.Key
}

func newWorld(t *testing.T) *world {
	t.Helper()
	s, err := command.NewSigner("ops")
	if err != nil {
		t.Fatal(err)
	}
	return &world{folder: t.TempDir(), wall: noon, signer: s, keys: []command.Key{s.Key()}}
}

// boot opens clock and guard as a start of vegad does.
func (w *world) boot(t *testing.T) (*command.Guard, *command.Clock) {
	t.Helper()
	clock, err := command.OpenClock(w.folder, func() time.Time { return w.wall })
	if err != nil {
		t.Fatal(err)
	}
	guard, err := command.Open(command.Config{
		Robot: "acme/0001", Keys: w.keys, Folder: w.folder, MaxValidity: time.Hour, Clock: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return guard, clock
}

func orderAt(issued time.Time, sequence uint64) payload.Order {
	return payload.Order{
		RequestID: "c1", Robot: "acme/0001", Command: "forget", Sequence: sequence,
		IssuedAt: payload.Time{Time: issued}, ExpiresAt: payload.Time{Time: issued.Add(5 * time.Minute)},
	}
}

// sign returns the command as it comes from the wire.
func sign(t *testing.T, s command.Signer, o payload.Order) payload.Command {
	t.Helper()
	cmd, err := s.Sign(o)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if cmd, err = payload.DecodeCommand(data); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return cmd
}

func causeOf(err error) command.Cause {
	if refused, ok := errors.AsType[*command.RefusedError](err); ok {
		return refused.Cause
	}
	return ""
}

func wantCause(t *testing.T, what string, err error, want command.Cause) {
	t.Helper()
	if got := causeOf(err); got != want || (want != "" && err == nil) {
		t.Errorf("%s: got %q (%v), want %q", what, got, err, want)
	}
}

func TestAcceptsOnce(t *testing.T) {
	w := newWorld(t)
	guard, _ := w.boot(t)
	cmd := sign(t, w.signer, orderAt(noon, 7))
	if err := guard.Accept(cmd); err != nil {
		t.Fatal(err)
	}
	wantCause(t, "the same order", guard.Accept(cmd), command.Replayed)
	wantCause(t, "an older one", guard.Accept(sign(t, w.signer, orderAt(noon, 6))), command.Replayed)
	guard, _ = w.boot(t)
	wantCause(t, "the same order after a restart", guard.Accept(cmd), command.Replayed)
	if err := guard.Accept(sign(t, w.signer, orderAt(noon, 8))); err != nil {
		t.Errorf("the next order: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	other, err := command.NewSigner("")
	if err != nil {
		t.Fatal(err)
	}
	impostor, err := command.NewSigner("ops")
	if err != nil {
		t.Fatal(err)
	}
	limited := other.Key()
	limited.Allowed = []string{"reload"}
	w.keys = append(w.keys, limited)
	guard, _ := w.boot(t)
	change := func(s command.Signer, edit func(*payload.Order)) payload.Command {
		o := orderAt(noon, 1)
		edit(&o)
		return sign(t, s, o)
	}
	bent := sign(t, w.signer, orderAt(noon, 1))
	bent.Order = strings.Replace(bent.Order, "forget", "reload", 1)
	cut := sign(t, w.signer, orderAt(noon, 1))
	cut.Signature = cut.Signature[:40]
	stranger := sign(t, w.signer, orderAt(noon, 1))
	stranger.KeyID = "nobody"
	for _, c := range []struct {
		what string
		cmd  payload.Command
		want command.Cause
	}{
		{"no signature", payload.Command{RequestID: "c1", Command: "forget"}, command.Unsigned},
		{"a stranger's key", stranger, command.UnknownKey},
		{"an impostor", sign(t, impostor, orderAt(noon, 1)), command.BadSignature},
		{"a changed order", bent, command.BadSignature},
		{"half a signature", cut, command.BadSignature},
		{"another robot", change(w.signer, func(o *payload.Order) { o.Robot = "acme/0002" }), command.OtherRobot},
		{"an expired order", sign(t, w.signer, orderAt(noon.Add(-time.Hour), 1)), command.Expired},
		{"the moment of expiry", sign(t, w.signer, orderAt(noon.Add(-5*time.Minute), 1)), command.Expired},
		{"tomorrow's order", sign(t, w.signer, orderAt(noon.Add(24*time.Hour), 1)), command.Untimely},
		{"an eternal order", change(w.signer, func(o *payload.Order) {
			o.ExpiresAt.Time = noon.Add(2 * time.Hour)
		}), command.Untimely},
		{"a key without the right", sign(t, other, orderAt(noon, 1)), command.Forbidden},
	} {
		wantCause(t, c.what, guard.Accept(c.cmd), c.want)
	}
	if err := guard.Accept(sign(t, w.signer, orderAt(noon, 1))); err != nil {
		t.Errorf("after all those, sequence 1 is still good: %v", err)
	}
	if err := guard.Accept(change(other, func(o *payload.Order) { o.Command = "reload" })); err != nil {
		t.Errorf("the limited key within its right: %v", err)
	}
	guard.SetKeys(nil)
	wantCause(t, "a key taken away", guard.Accept(sign(t, w.signer, orderAt(noon, 9))), command.UnknownKey)
}

// A robot without a battery for its clock wakes up in 1970. It must obey what is new, and refuse what it has seen and
// what has expired before the newest moment that it knows of.
func TestColdClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		guard, _ := w.boot(t)
		if err := guard.Accept(sign(t, w.signer, orderAt(noon, 1))); err != nil {
			t.Fatal(err)
		}
		w.wall = time.Unix(100, 0)
		guard, clock := w.boot(t)
		if now, set := clock.Tell(); set || now.Before(noon) {
			t.Errorf("it is %s, set %v", now, set)
		}
		wantCause(t, "a recorded order", guard.Accept(sign(t, w.signer, orderAt(noon, 1))), command.Replayed)
		wantCause(t, "an order from before", guard.Accept(sign(t, w.signer, orderAt(noon.Add(-time.Hour), 2))),
			command.Expired)
		later := noon.Add(30 * 24 * time.Hour) // the robot was off for a month
		if err := guard.Accept(sign(t, w.signer, orderAt(later, 3))); err != nil {
			t.Errorf("a new order: %v", err)
		}
		<-time.After(time.Hour) // within the bubble; the clock goes on from the order's time
		wantCause(t, "an order an hour late", guard.Accept(sign(t, w.signer, orderAt(later.Add(30*time.Minute), 4))),
			command.Expired)
		if err := guard.Accept(sign(t, w.signer, orderAt(later.Add(58*time.Minute), 5))); err != nil {
			t.Errorf("an order of now: %v", err)
		}
		w.wall = later.Add(time.Hour)
		if now, set := clock.Tell(); !set || !now.Equal(w.wall) {
			t.Errorf("after the wall clock was set it is %s, set %v", now, set)
		}
	})
}

func TestClockRemembersTheWall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, clock := w.boot(t)
		if err := clock.Save(); err != nil {
			t.Fatal(err)
		}
		w.wall = time.Unix(0, 0)
		_, clock = w.boot(t)
		if now, set := clock.Tell(); set || !now.Equal(noon) {
			t.Errorf("it is %s, set %v", now, set)
		}
		if err := clock.Save(); err != nil { // 1970 is not worth keeping
			t.Fatal(err)
		}
		if _, clock = w.boot(t); !clock.Now().Equal(noon) {
			t.Errorf("it is %s", clock.Now())
		}
		// A wall clock that was once far ahead, and was put right, is believed again.
		w.wall = noon.AddDate(20, 0, 0)
		if err := clock.Save(); err != nil {
			t.Fatal(err)
		}
		w.wall = noon.Add(time.Minute)
		_, clock = w.boot(t)
		if now, set := clock.Tell(); !set || !now.Equal(w.wall) {
			t.Errorf("it is %s, set %v", now, set)
		}
	})
}

func TestDamageRefusesEverything(t *testing.T) {
	w := newWorld(t)
	for _, content := range []string{"", "null", "{", `{"ops":-1}`, `{"ops":"x"}`, strings.Repeat(" ", 70_000)} {
		if err := os.WriteFile(filepath.Join(w.folder, "commands.json"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		clock, err := command.OpenClock(w.folder, func() time.Time { return noon })
		if err != nil {
			t.Fatal(err)
		}
		guard, err := command.Open(command.Config{
			Robot: "acme/0001", Keys: w.keys, Folder: w.folder, MaxValidity: time.Hour, Clock: clock,
		})
		if err == nil || guard.Damage() == nil {
			t.Fatalf("%.20q is taken for whole", content)
		}
		wantCause(t, content, guard.Accept(sign(t, w.signer, orderAt(noon, 9))), command.Unavailable)
	}
}

func TestWithoutFolder(t *testing.T) {
	w := newWorld(t)
	clock, err := command.OpenClock("", func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	guard, err := command.Open(command.Config{Robot: "acme/0001", Keys: w.keys, MaxValidity: time.Hour, Clock: clock})
	if err == nil || !strings.Contains(err.Error(), "commands.dir") {
		t.Errorf("keys without a folder: %v", err)
	}
	wantCause(t, "an order", guard.Accept(sign(t, w.signer, orderAt(noon, 1))), command.Unavailable)
	guard, err = command.Open(command.Config{Robot: "acme/0001", MaxValidity: time.Hour, Clock: clock})
	if err != nil || guard.Damage() != nil {
		t.Errorf("neither keys nor folder: %v", err)
	}
}

// An order that cannot be remembered is not obeyed, and may come again.
func TestFullDisk(t *testing.T) {
	w := newWorld(t)
	guard, _ := w.boot(t)
	cmd := sign(t, w.signer, orderAt(noon, 1))
	if err := os.RemoveAll(w.folder); err != nil {
		t.Fatal(err)
	}
	wantCause(t, "without its folder", guard.Accept(cmd), command.Unavailable)
	if err := os.Mkdir(w.folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := guard.Accept(cmd); err != nil {
		t.Errorf("with its folder back: %v", err)
	}
}

func TestDamagedClock(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "clock.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	clock, err := command.OpenClock(folder, func() time.Time { return noon })
	if err == nil || clock == nil || !clock.Now().Equal(noon) {
		t.Errorf("%v, %v", clock, err)
	}
}

func TestKeysOnPaper(t *testing.T) {
	s, err := command.NewSigner("")
	if err != nil {
		t.Fatal(err)
	}
	key := s.Key()
	key.Allowed = []string{"reload", "forget"}
	keys, err := command.ParseKeys([]byte("# operators\n\n  " + key.String() + "\r\n"))
	if err != nil || len(keys) != 1 || keys[0].String() != key.String() {
		t.Fatalf("%v, %v", keys, err)
	}
	text, err := s.PEM()
	if err != nil {
		t.Fatal(err)
	}
	again, err := command.ParseSigner(text, "")
	if err != nil || again.Key().String() != s.Key().String() {
		t.Errorf("the private key came back as %s, %v", again.Key(), err)
	}
	line := base64.StdEncoding.EncodeToString(make([]byte, ed25519.PublicKeySize))
	for _, bad := range []string{
		"", "# none", "a", "a b c d", "a/b " + line, "a " + line[:40], "a " + line + " re/load", "a " + line + "\na " + line,
		"a !" + line[1:], strings.Repeat("#\n", 40_000), strings.Repeat("x", 10),
	} {
		if keys, err := command.ParseKeys([]byte(bad)); err == nil {
			t.Errorf("%.60q gave %v", bad, keys)
		}
	}
}

func TestForeignPrivateKeys(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{
		nil, []byte("x"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der[:20]}),
	} {
		if _, err := command.ParseSigner(bad, ""); err == nil {
			t.Errorf("%.40q was taken", bad)
		}
	}
}

func TestSignRefusesWhatNobodyWouldObey(t *testing.T) {
	w := newWorld(t)
	o := orderAt(noon, 0)
	if _, err := w.signer.Sign(o); err == nil {
		t.Error("an order without a sequence was signed")
	}
	if _, err := command.NewSigner("a/b"); err == nil {
		t.Error("a key id with a slash was taken")
	}
}

func FuzzParseKeys(f *testing.F) {
	line := base64.StdEncoding.EncodeToString(make([]byte, ed25519.PublicKeySize))
	f.Add([]byte("ops " + line + "\n# x\nfleet " + line + " reload,forget\n"))
	f.Add([]byte("a\tb\x00\n" + line))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := command.ParseKeys(data)
		if err != nil {
			return
		}
		var lines []string
		for _, k := range keys {
			lines = append(lines, k.String())
		}
		again, err := command.ParseKeys([]byte(strings.Join(lines, "\n")))
		if err != nil || len(again) != len(keys) {
			t.Fatalf("%q was read as %q, which is not: %v", data, lines, err)
		}
	})
}

func FuzzParseSigner(f *testing.F) {
	s, err := command.NewSigner("ops")
	if err != nil {
		f.Fatal(err)
	}
	text, err := s.PEM()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(bytes.Replace(text, []byte("M"), []byte("N"), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := command.ParseSigner(data, "ops")
		if err == nil && len(s.Key().Public) != ed25519.PublicKeySize {
			t.Fatalf("%q gave a key of %d bytes", data, len(s.Key().Public))
		}
	})
}

// FuzzAccept holds what comes over the wire against a guard that trusts one key: nothing that this key has not signed
// may pass.
func FuzzAccept(f *testing.F) {
	s, err := command.NewSigner("ops")
	if err != nil {
		f.Fatal(err)
	}
	cmd, err := s.Sign(orderAt(noon, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(cmd.Order, cmd.KeyID, cmd.Signature[:len(cmd.Signature)-4]+"AAA=")
	f.Add(cmd.Order, "other", strings.Repeat("A", 86)+"==")
	f.Add(cmd.Order+" ", cmd.KeyID, "")
	clock, err := command.OpenClock("", func() time.Time { return noon })
	if err != nil {
		f.Fatal(err)
	}
	guard, err := command.Open(command.Config{
		Robot: "acme/0001", Keys: []command.Key{s.Key()}, Folder: f.TempDir(), MaxValidity: time.Hour, Clock: clock,
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, order, key, signature string) {
		err := guard.Accept(payload.Command{RequestID: "c1", Order: order, KeyID: key, Signature: signature})
		if err == nil {
			t.Fatalf("%q of %q with %q was accepted", order, key, signature)
		}
	})
}

// FuzzOpen reads what lies on disk.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"ops":7}`), []byte(`{"passed":"2026-06-01T12:00:00Z","seen":"2026-06-01T12:00:00Z"}`))
	f.Add([]byte(`{"ops":18446744073709551616}`), []byte(`{"passed":"10000-01-01"}`))
	f.Add([]byte(`null`), []byte(`null`))
	f.Fuzz(func(t *testing.T, sequences, moments []byte) {
		folder := t.TempDir()
		for name, data := range map[string][]byte{"commands.json": sequences, "clock.json": moments} {
			if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		clock, _ := command.OpenClock(folder, func() time.Time { return noon })
		guard, err := command.Open(command.Config{
			Robot: "acme/0001", Keys: []command.Key{{ID: "ops"}}, Folder: folder, Clock: clock,
		})
		if (err == nil) != (guard.Damage() == nil) {
			t.Fatalf("error %v, damage %v", err, guard.Damage())
		}
		if now := clock.Now(); now.Before(noon.AddDate(-1, 0, 0)) {
			t.Fatalf("it is %s", now)
		}
	})
}
