package link

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
	port string
	cmd  *exec.Cmd
}

func findMosquitto(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("VEGAD_REQUIRE_MOSQUITTO") != "" {
		t.Fatal("mosquitto is not installed")
	}
	t.Skip("mosquitto is not installed: apt-get install mosquitto mosquitto-clients")
	return ""
}

func startMosquitto(t *testing.T, port string) *mosquitto {
	t.Helper()
	path := findMosquitto(t)
	if port == "" {
		inner, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ = net.SplitHostPort(inner.Addr().String())
		_ = inner.Close()
	}
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\npersistence false\n", port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &mosquitto{port: port, cmd: exec.Command(path, "-c", conf)}
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

func (m *mosquitto) url() string { return "mqtt://127.0.0.1:" + m.port }

// kill ends it as a power cut would. It may be called again.
func (m *mosquitto) kill() {
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait()
}

// subscribe starts mosquitto_sub and returns the lines it prints, "topic payload" each, once it listens: it is told
// so by a message of its own, because mosquitto_sub does not say when its subscription stands.
func (m *mosquitto) subscribe(t *testing.T, filter string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	const marker = "marker/ready"
	cmd := exec.CommandContext(ctx, "mosquitto_sub", "-h", "127.0.0.1", "-p", m.port, "-q", "1", "-v",
		"-t", marker, "-t", filter)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, ready := make(chan string, 1000), make(chan struct{}, 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		scanner := bufio.NewScanner(out)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			if line := scanner.Text(); strings.HasPrefix(line, marker) {
				ready <- struct{}{}
			} else {
				lines <- line
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		_ = cmd.Wait()
	})
	eventually(t, "mosquitto_sub listening", func() bool {
		m.publish(t, marker, "x")
		return len(ready) > 0
	})
	return lines
}

func (m *mosquitto) publish(t *testing.T, topic, text string) {
	t.Helper()
	cmd := exec.Command("mosquitto_pub", "-h", "127.0.0.1", "-p", m.port, "-q", "1", "-t", topic, "-s")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_pub: %v\n%s", err, out)
	}
}

// await returns the payload of the next line on a topic of the robot that contains the part.
func await(t *testing.T, lines <-chan string, name, part string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		select {
		case line := <-lines:
			topic, text, _ := strings.Cut(line, " ")
			if topic == robotTopic(name) && strings.Contains(text, part) {
				payloadtest.Check(t, name, []byte(text))
				return text
			}
		case <-ctx.Done():
			t.Fatalf("mosquitto_sub saw no %s with %s", name, part)
		}
	}
}

func TestMosquittoConversation(t *testing.T) {
	m := startMosquitto(t, "")
	lines := m.subscribe(t, robotTopic("#"))
	c := newClient(t, m.url(), newEcho())
	if err := c.PublishFactsheet(payload.Factsheet{VegadVersion: "0.1.0"}); err != nil {
		t.Fatal(err)
	}
	stop := runConnected(t, c)
	await(t, lines, "connection", `"ONLINE"`)
	await(t, lines, "factsheet", `"0.1.0"`)
	if err := c.PublishState(someState()); err != nil {
		t.Fatal(err)
	}
	await(t, lines, "state", `"health":"ok"`)
	m.publish(t, robotTopic("ask"), `{"requestId":"r1","question":"how far is the nearest chair?"}`)
	await(t, lines, "answer/r1", `"status":"answered"`)
	m.publish(t, robotTopic("ask"), `how far?`)
	await(t, lines, "answer/invalid", `"status":"refused"`)
	m.publish(t, robotTopic("ask"), `{"requestId":"r2","question":"`+long(200_000)+`"}`)
	await(t, lines, "answer/r2", `more than 65536`)
	m.publish(t, robotTopic("ask"), `{"requestId":"r3","question":"`+long(501)+`"}`)
	await(t, lines, "answer/r3", `longer than 500`)
	m.publish(t, robotTopic("command"), `{"requestId":"c1","command":"stateRequest"}`)
	await(t, lines, "command/c1", `"done"`)
	stop()
	await(t, lines, "connection", `"OFFLINE"`)
}

func TestMosquittoSeesTheWill(t *testing.T) {
	m := startMosquitto(t, "")
	cable := newRelay(t, "127.0.0.1:"+m.port)
	lines := m.subscribe(t, robotTopic("connection"))
	runConnected(t, newClient(t, cable.url(), newEcho()))
	await(t, lines, "connection", `"ONLINE"`)
	cable.cut()
	await(t, lines, "connection", `"CONNECTION_BROKEN"`)
	await(t, lines, "connection", `"ONLINE"`)
}

func TestMosquittoKilledAndRestarted(t *testing.T) {
	m := startMosquitto(t, "")
	c := newClient(t, m.url(), newEcho())
	if err := c.PublishState(someState()); err != nil {
		t.Fatal(err)
	}
	runConnected(t, c)
	m.kill()
	eventually(t, "loss noticed", func() bool { return !c.Stats().Connected })
	m = startMosquitto(t, m.port)
	eventually(t, "connection", func() bool { return c.Stats().Connected })
	lines := m.subscribe(t, robotTopic("#"))
	await(t, lines, "connection", `"ONLINE"`)
	await(t, lines, "state", `"connections":0`) // the state from before the first connection, kept
	asker := dial(t, m.url())
	if answer, err := asker.Ask(t.Context(), payload.Ask{Question: "q"}); err != nil || answer.Status != payload.Answered {
		t.Errorf("%+v, %v", answer, err)
	}
}
