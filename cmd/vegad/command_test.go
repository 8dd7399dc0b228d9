package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/command"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/link/broker"
	"github.com/vega-edge/vegad/runtime/link/certificate"
	"github.com/vega-edge/vegad/runtime/link/certificate/certificatetest"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// keygen draws a key and returns the file of the private half and the line of the public one.
func keygen(t *testing.T, more ...string) (file, line string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "ops.key")
	got := vegad(t, append([]string{"command", "keygen", "--out", file}, more...)...)
	if got.code != exitDone {
		t.Fatalf("%+v", got)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	if got := vegad(t, "command", "keygen", "--out", file); got.code != exitFailed {
		t.Error("a key was written over another one")
	}
	return file, strings.TrimSpace(got.out)
}

func TestSignedCommandIsAccepted(t *testing.T) {
	file, line := keygen(t, "--key-id", "ops", "--allow", "forget,reload")
	keys, err := command.ParseKeys([]byte(line))
	if err != nil || keys[0].ID != "ops" || len(keys[0].Allowed) != 2 {
		t.Fatalf("%q: %v", line, err)
	}
	got := vegad(t, "command", "sign", "forget", "--robot", "acme/0001", "--sign-key", file, "--key-id", "ops",
		"--parameters", `{"a":1}`)
	if got.code != exitDone {
		t.Fatalf("%+v", got)
	}
	cmd, err := payload.DecodeCommand([]byte(got.out))
	if err != nil || cmd.Name() != "forget" || string(cmd.Claim.Parameters) != `{"a":1}` {
		t.Fatalf("%s: %v", got.out, err)
	}
	clock, err := command.OpenClock("", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	guard, err := command.Open(command.Config{
		Robot: "acme/0001", Keys: keys, Folder: t.TempDir(), MaxValidity: time.Hour, Clock: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := guard.Accept(cmd); err != nil {
		t.Error(err)
	}
}

func TestCheckReadsTheKeys(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "config.yaml")
	for name, text := range map[string]string{"config.yaml": "commands: {keysFile: keys}\n", "keys": "ops nonsense\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := vegad(t, "check", "-c", file)
	if got.code != exitFailed || !strings.Contains(got.out, "line 1: the key must be") {
		t.Errorf("%+v", got)
	}
}

func TestCommandUsage(t *testing.T) {
	file, _ := keygen(t)
	sign := []string{"command", "sign", "forget", "--robot", "acme/0001"}
	for _, args := range [][]string{
		sign, append(sign, "--sign-key", file, "--parameters", "{"), append(sign, "--sign-key", file, "--parameters", "[1]"),
		append(sign, "--sign-key", file, "--valid", "-1s"),
		{"command", "sign", "forget", "--robot", "acme", "--sign-key", file},
		{"command", "keygen", "--out", file + "2", "--allow", "a/b"},
		{"command", "keygen", "--out", file + "2", "--key-id", "/"},
		{"ask", "--cert", "x", "q"},
		{"ask", "--ca", "x", "q"},
	} {
		if got := vegad(t, args...); got.code != exitUsage {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if _, err := os.Stat(file + "2"); err == nil {
		t.Error("a key was written for nothing")
	}
	if got := vegad(t, append(sign, "--sign-key", "/none")...); got.code != exitFailed {
		t.Errorf("%+v", got)
	}
}

func TestCommandSend(t *testing.T) {
	url := startBroker(t)
	startRobot(t, url, "0001", nil)
	got := vegad(t, "command", "send", "stateRequest", "--broker", url, "--json")
	var reply payload.CommandReply
	err := json.Unmarshal([]byte(got.out), &reply)
	if err != nil || got.code != exitDone || reply.Status != payload.CommandDone {
		t.Errorf("%+v, %v", got, err)
	}
	file, _ := keygen(t)
	got = vegad(t, "command", "send", "refuseMe", "--broker", url, "--sign-key", file)
	if got.code != exitFailed || !strings.Contains(got.out, "refused: it was asked to") {
		t.Errorf("%+v", got)
	}
	got = vegad(t, "command", "send", "forget", "--broker", url, "--robot", "acme/none", "--sign-key", file,
		"--timeout", "300ms")
	if got.code != exitFailed || !strings.Contains(got.err, "no reply within 300ms") {
		t.Errorf("%+v", got)
	}
}

// What ask and doctor do with certificates, against a broker that demands them.
func TestCertificatesOnTheCommandLine(t *testing.T) {
	folder, ca := t.TempDir(), certificatetest.New(t, "site")
	p := ca.Write(t, folder, "planner")
	store, err := certificate.Open(certificate.Files{
		Authorities: p.Authority, Certificate: p.Certificate, Key: p.Key,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	server, err := store.Server()
	if err != nil {
		t.Fatal(err)
	}
	b, err := broker.Start(t.Context(), broker.Config{
		Addr: "127.0.0.1:0", OutsideAddr: "127.0.0.1:0", OutsideTLS: server, Logger: discard(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	startRobot(t, b.URL(), "0001", answers())
	url := "mqtts://" + b.OutsideAddr()
	ask := []string{"ask", "--broker", url, "--ca", p.Authority}
	if got := vegad(t, append(ask, "--cert", p.Certificate, "--key", p.Key, "two", "words")...); got.code != exitDone {
		t.Errorf("%+v", got)
	}
	if got := vegad(t, append(ask, "two", "words")...); got.code != exitFailed {
		t.Errorf("without a certificate: %+v", got)
	}
	cfg := config.Default()
	cfg.Identity.SerialNumber = "planner"
	cfg.Broker = config.Broker{
		URL: url, Prefix: "vegad", CAFile: config.Path(p.Authority), CertFile: config.Path(p.Certificate),
		KeyFile: config.Path(p.Key), ExpiryWarning: time.Hour,
	}
	doctor := machineOf(nil)
	doctor.now = time.Now
	wantFindings(t, doctor.examineBroker(t.Context(), cfg), "ca ok, certificate ok, tls ok, broker ok, rights warn")
	cfg.Broker.ExpiryWarning = 60 * 24 * time.Hour
	got := doctor.examineBroker(t.Context(), cfg)
	if f := got[1]; f.Check != "certificate" || f.Health != healthWarn || !strings.Contains(f.Detail, "planner") {
		t.Errorf("a certificate that ends in a month: %+v", got)
	}
	cfg.Identity.SerialNumber = "0002"
	got = doctor.examineBroker(t.Context(), cfg)
	if f := got[len(got)-1]; f.Health != healthFail || !strings.Contains(f.Detail, `made out to "planner"`) {
		t.Errorf("another robot's certificate: %+v", got)
	}
}
