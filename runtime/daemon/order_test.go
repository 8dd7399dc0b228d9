package daemon_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/command"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/link/certificate/certificatetest"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// commander signs orders for a running robot and reads what became of them.
type commander struct {
	*guest
	signer   command.Signer
	sequence uint64
}

func newSigner(t *testing.T, id string) command.Signer {
	t.Helper()
	s, err := command.NewSigner(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// trusting lets the configuration trust a key.
func trusting(t *testing.T, cfg *config.Config, s command.Signer) {
	t.Helper()
	folder := t.TempDir()
	file := filepath.Join(folder, "command.keys")
	if err := os.WriteFile(file, []byte(s.Key().String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Commands.KeysFile, cfg.Commands.Dir = config.Path(file), config.Path(folder)
}

func (c *commander) message(t *testing.T, name, parameters string) payload.Command {
	t.Helper()
	c.sequence++
	now := time.Now()
	order := payload.Order{
		RequestID: "o" + strings.Repeat("i", int(c.sequence)), Robot: "acme/r1", Command: name, Sequence: c.sequence,
		IssuedAt: payload.Time{Time: now}, ExpiresAt: payload.Time{Time: now.Add(time.Minute)},
	}
	if parameters != "" {
		order.Parameters = json.RawMessage(parameters)
	}
	cmd, err := c.signer.Sign(order)
	if err != nil {
		t.Fatal(err)
	}
	return cmd
}

// takeCommand joins a robot that listens: it may have seen its first picture before its link has subscribed.
func takeCommand(t *testing.T, r *robot, signer command.Signer) *commander {
	t.Helper()
	c := &commander{guest: join(t, r.info.Broker), signer: signer}
	c.await("connection", `"ONLINE"`)
	return c
}

func (c *commander) give(t *testing.T, cmd payload.Command) payload.CommandReply {
	t.Helper()
	text, err := json.Marshal(cmd)
	if err != nil {
		t.Fatal(err)
	}
	c.send("command", string(text))
	var reply payload.CommandReply
	if err := json.Unmarshal(c.await("command/"+cmd.RequestID, `"status"`).Payload(), &reply); err != nil {
		t.Fatal(err)
	}
	return reply
}

// obeyed gives an order that must be done, and returns what was done.
func (c *commander) obeyed(t *testing.T, name, parameters string) string {
	t.Helper()
	reply := c.give(t, c.message(t, name, parameters))
	if reply.Status != payload.CommandDone || reply.Command != name {
		t.Fatalf("%s: %+v", name, reply)
	}
	return reply.Text
}

func (c *commander) refused(t *testing.T, cmd payload.Command, reason string) {
	t.Helper()
	if reply := c.give(t, cmd); reply.Status != payload.CommandRefused || !strings.Contains(reply.Reason, reason) {
		t.Errorf("%+v, want %s", reply, reason)
	}
}

func TestOrders(t *testing.T) {
	cfg := settings(t, small)
	signer := newSigner(t, "ops")
	trusting(t, &cfg, signer)
	r := start(t, cfg)
	c := takeCommand(t, r, signer)

	if text := c.obeyed(t, "capture.stop", ""); !strings.Contains(text, "unseen") {
		t.Error(text)
	}
	c.await("state", `"captureStopped"`)
	if a := c.ask(`"question":"how many chairs are there?","scope":"now"`); a.Status != payload.Abstained ||
		!strings.Contains(a.Reason, "stopped the capture") {
		t.Errorf("a question about now: %s, %s", a.Status, a.Reason)
	}
	if text := c.obeyed(t, "forget", ""); !strings.Contains(text, "forgotten") {
		t.Error(text)
	}
	if a := c.ask(`"question":"how many things are there?"`); len(a.Objects) > 0 {
		t.Errorf("it still remembers %d things", len(a.Objects))
	}
	c.obeyed(t, "capture.resume", "")
	eventually(t, "things again", func() bool { return len(c.ask(`"query":{"kind":"describe"}`).Objects) > 0 })

	watcher := join2(t, r.info.Broker, "watch/w1") // the answer may come before the reply to the order
	c.obeyed(t, "watch.set", `{"requestId":"w1","question":"how many chairs are there?"}`)
	watcher.await("watch/w1", `"status"`)
	if text := c.obeyed(t, "watch.clear", `{"requestId":"w1"}`); !strings.HasPrefix(text, "1 ") {
		t.Error(text)
	}
	c.refused(t, c.message(t, "watch.clear", `{"requestId":"w1"}`), "no standing question")
	c.refused(t, c.message(t, "watch.set", `{"requestId":"w2"}`), "reading the standing question")
	if text := c.obeyed(t, "watch.clear", ""); !strings.HasPrefix(text, "0 ") {
		t.Error(text)
	}
	if text := c.obeyed(t, "reload", ""); !strings.Contains(text, "keys and certificates are read") {
		t.Error(text)
	}
}

func TestOrdersThatAreRefused(t *testing.T) {
	cfg := settings(t, small)
	signer := newSigner(t, "ops")
	trusting(t, &cfg, signer)
	cfg.Stats.Every = time.Second
	r := start(t, cfg)
	c := takeCommand(t, r, signer)

	c.refused(t, payload.Command{RequestID: "u1", Command: "forget"}, "unsigned")
	c.refused(t, c.message(t, "selfDestruct", ""), "is unknown; supported: capture.resume")
	once := c.message(t, "capture.resume", "")
	if reply := c.give(t, once); reply.Status != payload.CommandDone {
		t.Fatalf("%+v", reply)
	}
	bent := c.message(t, "capture.resume", "")
	bent.Order = strings.Replace(bent.Order, "resume", "stop", 1)
	c.refused(t, bent, "badSignature")
	impostor := &commander{guest: c.guest, signer: newSigner(t, "ops"), sequence: 50}
	impostor.refused(t, impostor.message(t, "capture.stop", ""), "badSignature")
	stranger := &commander{guest: c.guest, signer: newSigner(t, "stranger"), sequence: 60}
	stranger.refused(t, stranger.message(t, "capture.stop", ""), "unknownKey")
	c.await("stats", `"refused":`)
	if a := c.ask(`"query":{"kind":"describe"},"scope":"now"`); strings.Contains(a.Reason, "stopped the capture") {
		t.Error("a refused command was obeyed")
	}
}

// A recorded order is refused by the same robot after a restart.
func TestReplayAfterRestart(t *testing.T) {
	cfg := settings(t, small)
	signer := newSigner(t, "ops")
	trusting(t, &cfg, signer)
	r := start(t, cfg)
	c := takeCommand(t, r, signer)
	recorded := c.message(t, "capture.resume", "")
	if reply := c.give(t, recorded); reply.Status != payload.CommandDone {
		t.Fatalf("%+v", reply)
	}
	r.stop()
	c.guest = join(t, start(t, cfg).info.Broker)
	c.refused(t, recorded, "replayed")
}

func TestBadKeysEndTheStart(t *testing.T) {
	cfg := settings(t, small)
	signer := newSigner(t, "ops")
	trusting(t, &cfg, signer)
	if err := os.WriteFile(string(cfg.Commands.KeysFile), []byte("ops nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := runOnce(t, cfg); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("got %v", err)
	}
}

func TestAnotherRobotsCertificateEndsTheStart(t *testing.T) {
	cfg := settings(t, small)
	p := certificatetest.New(t, "fleet").Write(t, t.TempDir(), "r2")
	cfg.Broker.URL = "mqtts://127.0.0.1:1"
	cfg.Broker.CAFile, cfg.Broker.CertFile = config.Path(p.Authority), config.Path(p.Certificate)
	cfg.Broker.KeyFile = config.Path(p.Key)
	if err := runOnce(t, cfg); err == nil || !strings.Contains(err.Error(), `made out to "r2"`) {
		t.Errorf("got %v", err)
	}
}

// Certificates that end soon are told in the state, and renewed ones end the warning without a restart.
func TestExpiryIsTold(t *testing.T) {
	cfg := settings(t, small)
	ca := certificatetest.New(t, "site")
	p := ca.Write(t, t.TempDir(), "robot")
	ca.Renew(t, p, "robot", 3*24*time.Hour+time.Hour)
	cfg.Embedded = config.Embedded{
		Listen: "127.0.0.1:0", CertFile: config.Path(p.Certificate), KeyFile: config.Path(p.Key),
		ClientCAFile: config.Path(p.Authority),
	}
	g := join(t, start(t, cfg).info.Broker)
	text := string(g.await("state", `"certificate"`).Payload())
	for _, part := range []string{"ends in 3 days", `"URGENT"`, `"daysLeft"`, `"3"`} {
		if !strings.Contains(text, part) {
			t.Errorf("%s does not say %s", text, part)
		}
	}
	ca.Renew(t, p, "robot", 90*24*time.Hour)
	eventually(t, "the end of the warning", func() bool {
		return !strings.Contains(string(g.await("state", `"errors"`).Payload()), "ends in")
	})
	certificatetest.Put(t, p.Key, []byte("nonsense"))
	g.await("state", "stay in use")
}

// runOnce starts a daemon that cannot start, and returns why.
func runOnce(t *testing.T, cfg config.Config) error {
	t.Helper()
	r := launch(t, cfg)
	select {
	case <-r.done:
	case <-time.After(patience):
		t.Fatal("the daemon runs on")
	}
	return r.err
}
