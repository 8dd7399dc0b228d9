package cross_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
)

// An emulated program needs seconds for what takes milliseconds, on a busy machine tens of them. So the camera is slow,
// and patience is long.
const (
	filmRate  = "4"  // pictures a second
	watchRate = 0.25 // observations a second
	patience  = 3 * time.Minute
)

// questions of different kinds; a network of this size may well abstain.
var questions = []string{
	"how many chairs are there?",
	"how far is the nearest thing?",
	"where is the table?",
	"in which direction is the bed?",
	"is there a chair?",
	"how large is the room?",
}

// emulated makes a command of the arm64 program.
func emulated(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	all := append([]string{"-L", given(t, "VEGAD_CROSS_SYSROOT"), given(t, "VEGAD_CROSS")}, args...)
	cmd := exec.CommandContext(t.Context(), "qemu-aarch64-static", all...)
	cmd.Env = append(os.Environ(), "VEGAD_ONNXRUNTIME="+given(t, "VEGAD_CROSS_ONNXRUNTIME"), "TMPDIR="+t.TempDir())
	cmd.WaitDelay = time.Minute
	return cmd
}

// reply is what this test reads of an answer.
type reply struct {
	Status string `json:"status"`
	Answer struct {
		Text string `json:"text"`
	} `json:"answer"`
	Model struct {
		Bundle    string `json:"bundle"`
		Precision string `json:"precision"`
		Provider  string `json:"provider"`
	} `json:"model"`
}

// converse has the daemon watch a film, asks over its broker and stops it, all in emulated programs.
func converse(t *testing.T, results *benchtest.Results) {
	folder := t.TempDir()
	camera := "room:?seed=7&width=96&height=72&fps=" + filmRate
	if !portable() {
		camera = film(t, folder)
	}
	begin := time.Now()
	url, stop := watch(t, folder, camera)
	results.Add("start to ready, emulated", time.Since(begin).Seconds(), "s")
	replied, answered := 0, 0
	for _, question := range questions {
		r := ask(t, url, question)
		fmt.Printf("%s\n  %s: %s\n", question, r.Status, r.Answer.Text)
		if r.Status == "answered" || r.Status == "abstained" {
			replied++
		}
		if r.Status == "answered" && r.Answer.Text != "" {
			answered++
		}
		if !strings.HasPrefix(r.Model.Bundle, "nano") || r.Model.Precision != "int8" || r.Model.Provider != "cpu" {
			t.Errorf("%s: answered by %+v, want nano in int8 on the CPU", question, r.Model)
		}
	}
	stop()
	results.AtLeast("questions replied to", float64(replied), "", float64(len(questions)))
	results.AtLeast("questions answered, not abstained from", float64(answered), "", 2)
}

// portable tells whether the program has its own OpenCV, which knows no films without GStreamer's plug-ins.
func portable() bool { return os.Getenv("PORTABLE") == "1" }

// film renders a walk through a room, and returns the address of a camera that shows it again and again.
func film(t *testing.T, folder string) string {
	t.Helper()
	path := filepath.Join(folder, "room.mp4")
	render := emulated(t, "room", "render", "--seed", "7", "--out", path, "--seconds", "10", "--fps", filmRate,
		"--width", "96", "--height", "72")
	if out, err := render.CombinedOutput(); err != nil {
		t.Fatalf("rendering the film: %v\n%s", err, out)
	}
	return path + "?loop=1"
}

// watch starts the daemon on a camera and waits until it is ready. It returns the broker's address, and a function that
// stops the daemon and has it end well.
func watch(t *testing.T, folder, camera string) (url string, stop func()) {
	t.Helper()
	file := filepath.Join(folder, "config.yaml")
	text := fmt.Sprintf("cameras: [{name: film, uri: %q}]\nobserve: {rateHz: %g}\ndashboard: {listen: 'off'}\n"+
		"bundle: %q\nlog: {format: json}\n", camera, watchRate, bundle(t))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := emulated(t, "run", "-c", file, "--broker", "embedded:0")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The deadline ends the program, and with it the log.
	deadline := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	var said bytes.Buffer
	lines := bufio.NewScanner(log)
	for url == "" && lines.Scan() {
		said.Write(append(lines.Bytes(), '\n'))
		url = brokerOf(lines.Bytes())
	}
	if url == "" {
		t.Fatalf("the daemon is not ready after %v: %v\n%s", patience, cmd.Wait(), said.String())
	}
	deadline.Stop()
	return url, func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		for lines.Scan() {
			said.Write(append(lines.Bytes(), '\n'))
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the daemon ended with %v\n%s", err, said.String())
		}
	}
}

// brokerOf reads the address of the broker from the line of the log that says that the daemon is ready.
func brokerOf(line []byte) string {
	var entry struct{ Msg, Broker string }
	if json.Unmarshal(line, &entry) != nil || entry.Msg != "ready" {
		return ""
	}
	return entry.Broker
}

func ask(t *testing.T, url, question string) reply {
	t.Helper()
	cmd := emulated(t, "ask", "--broker", url, "--timeout", patience.String(), "--json", question)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var r reply
	if bad := json.Unmarshal(out, &r); bad != nil {
		t.Errorf("%s: %v, %v\n%s%s", question, err, bad, out, stderr.String())
	}
	return r
}

// bundle is the folder of the bundle that is shipped.
func bundle(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(benchtest.Root(t), "models", "bundles", "nano"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBrokerOf(t *testing.T) {
	ready := `{"time":"2026-01-01T00:00:00Z","level":"INFO","msg":"ready","broker":"mqtt://127.0.0.1:1","start_ms":3}`
	if got := brokerOf([]byte(ready)); got != "mqtt://127.0.0.1:1" {
		t.Errorf("%q", got)
	}
	if got := brokerOf([]byte(`{"msg":"connected","broker":"mqtt://x"}`)) + brokerOf([]byte("no JSON")); got != "" {
		t.Errorf("%q is no sign of being ready", got)
	}
}
