package daemon_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/link/payload/payloadtest"
)

// mosquitto is a real broker with its own command line clients.
type mosquitto struct {
	t    *testing.T
	port string
	cmd  *exec.Cmd
}

func startMosquitto(t *testing.T, port string) *mosquitto {
	t.Helper()
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/mosquitto")
	}
	if err != nil && os.Getenv("VEGAD_REQUIRE_MOSQUITTO") != "" {
		t.Fatal("mosquitto is not installed")
	}
	if err != nil {
		t.Skip("mosquitto is not installed: apt-get install mosquitto mosquitto-clients")
	}
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\npersistence false\n", port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &mosquitto{t: t, port: port, cmd: exec.Command(program, "-c", conf)}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.kill)
	eventually(t, "mosquitto listening", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return m
}

// kill ends it as a power cut would. It may be called again.
func (m *mosquitto) kill() {
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait()
}

// subscribe starts mosquitto_sub on everything of the robot and returns its lines, "retained topic payload" each. The
// subscription stands when a message of the test's own comes through.
func (m *mosquitto) subscribe() <-chan string {
	m.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(m.t.Context()))
	const marker = "marker/ready"
	cmd := exec.CommandContext(ctx, "mosquitto_sub", "-h", "127.0.0.1", "-p", m.port, "-q", "1", "-F", "%r %t %p",
		"-t", marker, "-t", topic("#"))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		m.t.Fatal(err)
	}
	lines, ready, done := make(chan string, 10_000), make(chan struct{}, 1000), make(chan struct{})
	go func() {
		defer close(done)
		scanner := bufio.NewScanner(out)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			if line := scanner.Text(); strings.Contains(line, marker) {
				ready <- struct{}{}
			} else {
				lines <- line
			}
		}
	}()
	m.t.Cleanup(func() {
		cancel()
		<-done
		_ = cmd.Wait()
	})
	eventually(m.t, "mosquitto_sub listening", func() bool {
		m.publish(marker, "x")
		return len(ready) > 0
	})
	return lines
}

func (m *mosquitto) publish(to, text string) {
	m.t.Helper()
	cmd := exec.Command("mosquitto_pub", "-h", "127.0.0.1", "-p", m.port, "-q", "1", "-t", to, "-s")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("mosquitto_pub: %v\n%s", err, out)
	}
}

// await returns the payload of the next line on a topic of the robot that holds the part, and whether it was retained.
func await(t *testing.T, lines <-chan string, name, part string) (text string, retained bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		select {
		case line := <-lines:
			flag, rest, _ := strings.Cut(line, " ")
			on, text, _ := strings.Cut(rest, " ")
			if on == topic(name) && strings.Contains(text, part) {
				payloadtest.Check(t, name, []byte(text))
				return text, flag == "1"
			}
		case <-ctx.Done():
			t.Fatalf("mosquitto_sub saw no %s with %s", name, part)
		}
	}
}

func TestMosquittoConversation(t *testing.T) {
	m := startMosquitto(t, freePort(t))
	lines := m.subscribe()
	cfg := settings(t, small)
	cfg.Broker.URL = "mqtt://127.0.0.1:" + m.port
	r := start(t, cfg)
	await(t, lines, "connection", `"ONLINE"`)
	sheet, _ := await(t, lines, "factsheet", `"tiny"`)
	for _, part := range []string{`"count"`, `"exists"`, `"ball"`, `"cpu"`, `"calibrated":true`, `"fp32"`} {
		if !strings.Contains(sheet, part) {
			t.Errorf("the factsheet does not say %s: %s", part, sheet)
		}
	}
	await(t, lines, "state", `"health":"ok"`)
	await(t, lines, "scene", `"objects":[{`)
	m.publish(topic("ask"), `{"requestId":"r1","question":"how many balls are there?"}`)
	await(t, lines, "answer/r1", `"status":"answered"`)
	m.publish(topic("ask"), `nonsense`)
	await(t, lines, "answer/invalid", `"status":"refused"`)
	r.stop()
	await(t, lines, "connection", `"OFFLINE"`)
	late := m.subscribe() // who comes later sees the robot's last word
	if _, retained := await(t, late, "connection", `"OFFLINE"`); !retained {
		t.Error("OFFLINE is not retained")
	}
	if _, retained := await(t, late, "factsheet", ""); !retained {
		t.Error("the factsheet is not retained")
	}
}

// The broker comes up after the robot, dies, and comes back.
func TestMosquittoComesLateAndDies(t *testing.T) {
	port := freePort(t)
	cfg := settings(t, small)
	cfg.Broker.URL = "mqtt://127.0.0.1:" + port
	r := start(t, cfg) // watching does not wait for the broker
	eventually(t, "word of the missing broker", func() bool {
		return r.journal.tells("no connection to the broker", "refused", "retry_in")
	})
	m := startMosquitto(t, port)
	talk := func() {
		t.Helper()
		lines := m.subscribe()
		await(t, lines, "connection", `"ONLINE"`)
		await(t, lines, "state", `"health":"ok"`)
		m.publish(topic("ask"), `{"requestId":"r1","question":"how many balls are there?"}`)
		await(t, lines, "answer/r1", fmt.Sprintf(`"status":%q`, payload.Answered))
	}
	talk()
	m.kill()
	before := r.seen()
	eventually(t, "pictures without a broker", func() bool { return r.seen() > before+5 })
	m = startMosquitto(t, port)
	talk()
}
