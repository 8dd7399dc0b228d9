package daemon_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// soakVariable names the configuration when the test binary runs as the daemon.
const soakVariable = "VEGAD_SOAK_CHILD"

// beDaemon runs the daemon until it is interrupted, and tells how many goroutines it has.
func beDaemon(conf string) error {
	cfg, err := config.Load(conf)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	go func() {
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for range ticker.C {
			fmt.Println(runtime.NumGoroutine())
		}
	}()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	return daemon.Run(ctx, daemon.Options{Config: cfg, Version: "soak", Logger: log})
}

// soak is a daemon in a process of its own that watches a film, and everything that fails around it.
type soak struct {
	t          *testing.T
	program    program
	goroutines atomic.Int64
	broker     *linktest.Mosquitto
	cable      *linktest.Cable
	asker      *link.Asker

	faults     int
	recoveries []float64 // s, from the end of a fault to the next answer
	samples    map[string][]float64
}

// TestSoak runs the daemon for VEGAD_SOAK seconds while something fails every few seconds, and holds that goroutines,
// files and memory stay what they are. `make soak` runs it.
func TestSoak(t *testing.T) {
	seconds, err := strconv.Atoi(os.Getenv("VEGAD_SOAK"))
	if err != nil || seconds < 60 {
		t.Skip("type make soak; it sets VEGAD_SOAK to the seconds, at least 60")
	}
	t.Chdir(benchtest.Root(t))
	s := &soak{t: t, broker: linktest.StartMosquitto(t, ""), samples: map[string][]float64{}}
	s.cable = linktest.NewCable(t, s.broker.Addr())
	s.start(measureFilm(t))
	s.answered()
	s.recoveries = nil // the start is none
	length := time.Duration(seconds) * time.Second
	for begun := time.Now(); time.Since(begun) < length; {
		s.fault()
		s.recoveries = append(s.recoveries, s.answered())
		pause(2 * time.Second)
		s.sample()
	}
	s.report(length)
}

// start runs this test binary as the daemon.
func (s *soak) start(film string) {
	s.t.Helper()
	bundle := os.Getenv("VEGAD_BUNDLE")
	if bundle == "" {
		bundle = "nano"
	}
	focal := 320 / math.Tan(35*math.Pi/180) // of the rendered film
	dir := s.t.TempDir()
	conf := filepath.Join(dir, "vegad.yaml")
	text := fmt.Sprintf(`identity: {manufacturer: acme, serialNumber: r1}
bundle: %q
broker: {url: %q, maxBackoff: 1s}
outbox: {dir: %q}
cameras:
  - name: front
    uri: %q
    calibration: {width: 640, height: 480, fx: %g, fy: %g, cx: 319.5, cy: 239.5}
    mount: {height: 1, pitchDeg: 10}
`, bundle, s.cable.URL(), filepath.Join(dir, "outbox"), film+"?loop=1", focal, focal)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), soakVariable+"="+conf), os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if n, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
				s.goroutines.Store(n)
			}
		}
	}()
	s.program.cmd = cmd
	s.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-done
		if err := cmd.Wait(); err != nil {
			s.t.Errorf("the daemon ended badly: %v", err)
		}
	})
}

// fault does one of what fails around a robot, and returns when its cause has ended.
func (s *soak) fault() {
	s.faults++
	switch rand.N(5) {
	case 0:
		s.cable.Cut()
	case 1:
		s.cable.DropAcks(50)
		pause(5 * time.Second)
		s.cable.DropAcks(0)
	case 2:
		s.cable.Hold(true)
		pause(6 * time.Second)
		s.cable.Hold(false)
	case 3:
		s.cable.Oversize()
		pause(time.Second)
	default:
		s.broker.Kill()
		pause(time.Second)
		s.broker.Restart()
	}
}

// answered asks until there is an answer, and returns the seconds that it took.
func (s *soak) answered() float64 {
	s.t.Helper()
	begun, limit := time.Now(), 300*time.Millisecond
	linktest.Within(s.t, 6*linktest.Patience, "an answer", func() bool {
		if s.asker == nil && !s.dial() {
			return false
		}
		// A question that comes while the robot is away has no answer; on a busy machine an answer takes its time.
		ctx, cancel := context.WithTimeout(s.t.Context(), limit)
		defer cancel()
		limit = min(2*limit, 10*time.Second)
		answer, err := s.asker.Ask(ctx, payload.Ask{Question: "how many chairs are there?"})
		if err != nil && ctx.Err() == nil { // its own connection is lost: another asks on
			_ = s.asker.Close()
			s.asker = nil
		}
		return err == nil && answer.Status == payload.Answered
	})
	return time.Since(begun).Seconds()
}

func (s *soak) dial() bool {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Second)
	defer cancel()
	asker, err := link.Dial(ctx, link.AskerConfig{Broker: s.broker.URL(), Manufacturer: "acme", Serial: "r1"})
	if err != nil {
		return false
	}
	s.asker = asker
	s.t.Cleanup(func() { _ = asker.Close() })
	return true
}

// sample notes what the daemon holds while nothing fails.
func (s *soak) sample() {
	s.t.Helper()
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.program.cmd.Process.Pid))
	if err != nil {
		s.t.Fatalf("the daemon has ended: %v", err)
	}
	for name, value := range map[string]float64{
		"goroutines": float64(s.goroutines.Load()), "file handles": float64(len(files)),
		"resident memory": s.program.resident(s.t),
	} {
		s.samples[name] = append(s.samples[name], value)
	}
}

// report holds the growth of everything, after the first third, in which memory settles.
func (s *soak) report(length time.Duration) {
	s.t.Helper()
	out := benchtest.New("soak")
	out.Add("length", length.Seconds(), "s")
	out.Add("faults", float64(s.faults), "")
	longest := 0.0
	for _, r := range s.recoveries {
		longest = max(longest, r)
	}
	out.AtMost("longest recovery, back-off of 1 s included", longest, "s", 3)
	for _, kind := range []struct {
		name, unit string
		most       float64 // growth in the last two thirds
	}{{"goroutines", "", 2}, {"file handles", "", 2}, {"resident memory", "MiB", 0.5 * length.Minutes() * 2 / 3}} {
		values := s.samples[kind.name]
		settled := values[len(values)/3:]
		growth := benchtest.Slope(settled) * float64(len(settled))
		out.Add(kind.name+" at the end", settled[len(settled)-1], kind.unit)
		out.Add(kind.name+", slope", growth/(length.Hours()*2/3), kind.unit+"/h")
		if kind.unit == "MiB" && length < longEnough {
			out.Add(kind.name+", growth (too short to judge)", growth, kind.unit)
			continue
		}
		out.AtMost(kind.name+", growth", growth, kind.unit, kind.most)
	}
	out.Report(s.t, ".")
}
