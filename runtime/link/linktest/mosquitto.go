package linktest

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Mosquitto is a real broker with its own command line clients.
type Mosquitto struct {
	tb      testing.TB
	program string
	conf    string
	port    string
	cmd     *exec.Cmd
}

// StartMosquitto starts a broker that keeps nothing on disk, on a port or, when that is empty, on a free one. Without
// mosquitto the test is skipped, or fails if VEGAD_REQUIRE_MOSQUITTO is set. It ends with the test.
func StartMosquitto(tb testing.TB, port string) *Mosquitto {
	tb.Helper()
	m := &Mosquitto{tb: tb, program: find(tb, "mosquitto", "/usr/sbin/mosquitto"), port: port}
	if port == "" {
		m.port = FreePort(tb)
	}
	m.conf = filepath.Join(tb.TempDir(), "mosquitto.conf")
	// Without no delay, the kernel holds back what follows an unconfirmed message for up to 40 ms.
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n"+
		"set_tcp_nodelay true\n", m.port)
	if err := os.WriteFile(m.conf, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	m.Restart()
	tb.Cleanup(m.Kill)
	return m
}

func find(tb testing.TB, names ...string) string {
	tb.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("VEGAD_REQUIRE_MOSQUITTO") != "" {
		tb.Fatal("mosquitto is not installed")
	}
	tb.Skip("mosquitto is not installed: apt-get install mosquitto mosquitto-clients")
	return ""
}

// Restart starts it again after Kill, on the same port.
func (m *Mosquitto) Restart() {
	m.tb.Helper()
	m.cmd = exec.Command(m.program, "-c", m.conf)
	if err := m.cmd.Start(); err != nil {
		m.tb.Fatal(err)
	}
	awaitPort(m.tb, "mosquitto", m.port)
}

// Kill ends it as a power cut would. It may be called again.
func (m *Mosquitto) Kill() {
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait()
}

// Addr is where it listens, host:port.
func (m *Mosquitto) Addr() string { return "127.0.0.1:" + m.port }

// URL is where MQTT clients find it.
func (m *Mosquitto) URL() string { return "mqtt://" + m.Addr() }

// Line is a message that mosquitto_sub printed.
type Line struct {
	Topic, Payload string
	Retained       bool
}

// Subscribe starts mosquitto_sub and returns what it prints, once it listens: it is told so by a message of its own,
// because mosquitto_sub does not say when its subscription stands.
func (m *Mosquitto) Subscribe(filter string) <-chan Line {
	m.tb.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(m.tb.Context()))
	const marker = "marker/ready"
	cmd := exec.CommandContext(ctx, "mosquitto_sub", "-h", "127.0.0.1", "-p", m.port, "-q", "1", "-F", "%r %t %p",
		"-t", marker, "-t", filter)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		m.tb.Fatal(err)
	}
	lines, ready, done := make(chan Line, 10_000), make(chan struct{}, 1000), make(chan struct{})
	go func() {
		defer close(done)
		scanner := bufio.NewScanner(out)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			if l := readLine(scanner.Text()); l.Topic == marker {
				ready <- struct{}{}
			} else {
				lines <- l
			}
		}
	}()
	m.tb.Cleanup(func() {
		cancel()
		<-done
		_ = cmd.Wait()
	})
	Eventually(m.tb, "mosquitto_sub listening", func() bool {
		m.Publish(marker, "x")
		return len(ready) > 0
	})
	return lines
}

func readLine(text string) Line {
	retained, rest, _ := strings.Cut(text, " ")
	topic, body, _ := strings.Cut(rest, " ")
	return Line{Topic: topic, Payload: body, Retained: retained == "1"}
}

// Publish sends a message by mosquitto_pub.
func (m *Mosquitto) Publish(topic, text string) {
	m.tb.Helper()
	cmd := exec.Command("mosquitto_pub", "-h", "127.0.0.1", "-p", m.port, "-q", "1", "-t", topic, "-s")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		m.tb.Fatalf("mosquitto_pub: %v\n%s", err, out)
	}
}

// Pid is that of its process.
func (m *Mosquitto) Pid() int { return m.cmd.Process.Pid }
