package sim_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
	"github.com/vega-edge/vegad/runtime/fleet"
	"github.com/vega-edge/vegad/runtime/fleet/sim"
	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/linktest"
)

// watcherVariable names the broker when the test binary runs as a watcher in a process of its own.
const watcherVariable = "VEGAD_FLEET_WATCHER"

// beWatcher keeps a registry fed, and prints its processor time and memory every half second, until the fleet has gone.
func beWatcher(broker string) error {
	r := fleet.New(fleet.Config{MaxRobots: sim.MaxRobots})
	l, err := link.NewListener(link.ListenerConfig{
		Broker: broker, Filters: r.Topics(false), Logger: discard(), Subscribed: r.Listen,
		Receive: func(topic string, data []byte, retained bool) { _ = r.Take(topic, data, retained) },
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		robots := r.Snapshot(fleet.ByTrouble)
		if len(robots) > 0 && robots[len(robots)-1].Trouble.Has(fleet.Stopped) {
			break
		}
		fmt.Printf("%d %g %g\n", len(robots), ownSeconds(), resident(os.Getpid()))
	}
	cancel()
	return <-done
}

// use is what a process has used.
type use struct {
	cpu time.Duration // of processor time, in all
	mib float64       // resident now
}

// since is the share of one core that was used between two, over a span.
func (u use) since(before use, span time.Duration) float64 {
	return 100 * (u.cpu - before.cpu).Seconds() / span.Seconds()
}

// ownSeconds is the processor time of this process.
func ownSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// resident is the memory of a process in MiB.
func resident(pid int) float64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 64)
			return kib / 1024
		}
	}
	return 0
}

// seconds is the processor time of another process, whose clock ticks a hundred times a second.
func seconds(t *testing.T, pid int) time.Duration {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// watcher is a child process that watches, as its last line tells.
type watcher struct {
	mu     sync.Mutex
	robots int
	use    use
}

func (w *watcher) line(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var cpu float64
	if n, err := fmt.Sscan(text, &w.robots, &cpu, &w.use.mib); err == nil && n == 3 {
		w.use.cpu = time.Duration(cpu * float64(time.Second))
	}
}

func (w *watcher) now() (robots int, u use) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.robots, w.use
}

// figures are those of one size. Shares are per cent of a core for a thousand robots.
type figures struct {
	broker                    string
	robots                    int
	ack                       time.Duration
	messages                  float64 // a second
	serving, player, watching float64
	servingMiB, playerMiB     float64
	watchingMiB               float64
	connect                   time.Duration
	reconnects                uint64 // in the window; any mean that the fleet was not at rest
}

func (f *figures) line() string {
	return fmt.Sprintf("| %s | %d | %v | %.0f | %.0f | %.2f %% | %.2f %% | %.2f %% | %.0f | %.0f | %.0f | %d |\n",
		f.broker, f.robots, f.ack, float64(f.robots)/(f.ack.Seconds()/2), f.messages, f.serving, f.player, f.watching,
		f.servingMiB, f.playerMiB, f.watchingMiB, f.reconnects)
}

const tableHead = "| broker | robots | ackTimeout | probes/s | messages/s | broker, of a core per 1000 | " +
	"simulator, the same | watcher, the same | broker, MiB | simulator, MiB | watcher, MiB | reconnects |\n" +
	"|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"

// server is a broker in processes of its own.
type server struct {
	name string
	urls []string
	pids []int
}

func startMosquitto(t *testing.T) server {
	m := linktest.StartMosquitto(t, "")
	return server{"mosquitto", []string{m.URL()}, []int{m.Pid()}}
}

// startCluster starts three nodes of NATS, whose shares are summed.
func startCluster(t *testing.T) server {
	n := linktest.StartNATS(t, 3)
	s := server{name: "NATS, three nodes", pids: n.Pids()}
	for _, addr := range n.Addrs(0) {
		s.urls = append(s.urls, "mqtt://"+addr)
	}
	return s
}

// startsPerSecond is how many robots it takes in a second without falling behind.
func (s server) startsPerSecond() time.Duration {
	if len(s.urls) > 1 {
		return 20
	}
	return 500
}

func (s server) use(t *testing.T) (sum use) {
	t.Helper()
	for _, pid := range s.pids {
		sum.cpu += seconds(t, pid)
		sum.mib += resident(pid)
	}
	return sum
}

// measure plays a fleet against a broker for a window after everything has settled.
func measure(t *testing.T, s server, robots int, ack, window time.Duration) figures {
	t.Helper()
	w := &watcher{}
	ended := make(chan error, 1)
	go func() {
		ended <- linktest.Child{Env: []string{watcherVariable + "=" + s.urls[0]}, Line: w.line}.Run(t)
	}()
	f, err := sim.New(sim.Config{
		Robots: robots, Broker: s.urls[0], Failover: s.urls[1:], SubscribeQoS0: len(s.urls) > 1, AckTimeout: ack,
		Start:            max(time.Second, time.Duration(robots)*time.Second/s.startsPerSecond()),
		AnswersPerMinute: 1, Troubled: 0.05, Logger: discard(),
	})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	stop := start(t, f)
	if err := f.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	linktest.Within(t, time.Minute, "the watcher to know all", func() bool { n, _ := w.now(); return n == robots })
	out := figures{broker: s.name, robots: robots, ack: ack, connect: time.Since(began)}
	read := func() (count sim.Count, self, broke, watched use) {
		_, watched = w.now()
		self = use{time.Duration(ownSeconds() * float64(time.Second)), resident(os.Getpid())}
		return f.Count(), self, s.use(t), watched
	}
	before, self, broke, watched := read()
	from := time.Now()
	<-time.After(window)
	after, self2, broke2, watched2 := read()
	span, thousands := time.Since(from), float64(robots)/1000
	out.messages = float64(after.Made-before.Made) / span.Seconds()
	out.serving, out.servingMiB = broke2.since(broke, span)/thousands, broke2.mib
	out.player, out.playerMiB = self2.since(self, span)/thousands, self2.mib
	out.watching, out.watchingMiB = watched2.since(watched, span)/thousands, watched2.mib
	out.reconnects = after.Connections - before.Connections
	if c := f.Count(); c.Connected != robots || c.Dropped != 0 {
		t.Errorf("%d of %d robots are connected at the end, %d messages were dropped", c.Connected, robots, c.Dropped)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("the watcher: %v", err)
	}
	return out
}

// TestFleetSim prints what fleets of some sizes cost this machine. VEGAD_FLEET_SIM lists the sizes for mosquitto,
// VEGAD_FLEET_CLUSTER those for three nodes of NATS, and VEGAD_FLEET_SECONDS says how long each is measured; without
// them a small one shows that it works.
func TestFleetSim(t *testing.T) {
	window, err := time.ParseDuration(cmp.Or(os.Getenv("VEGAD_FLEET_SECONDS"), "2") + "s")
	if err != nil {
		t.Fatal(err)
	}
	sizes, full := os.LookupEnv("VEGAD_FLEET_SIM")
	root := t.TempDir()
	if full {
		root = benchtest.Root(t)
	}
	out, text := benchtest.New("fleet-sim"), tableHead
	for size := range strings.FieldsSeq(cmp.Or(sizes, "20")) {
		robots, err := strconv.Atoi(size)
		if err != nil {
			t.Fatal(err)
		}
		for _, ack := range []time.Duration{link.DefaultAckTimeout, time.Minute} {
			f := measure(t, startMosquitto(t), robots, ack, window)
			text += f.line()
			enter(out, &f)
		}
	}
	for size := range strings.FieldsSeq(os.Getenv("VEGAD_FLEET_CLUSTER")) {
		robots, err := strconv.Atoi(size)
		if err != nil {
			t.Fatal(err)
		}
		f := measure(t, startCluster(t), robots, time.Minute, window)
		text += f.line()
		enter(out, &f)
	}
	out.Report(t, root)
	fmt.Printf("\n%s\n", strings.TrimSuffix(text, "\n"))
	out.Write(t, root, "fleet-sim.md", text)
}

func enter(out *benchtest.Results, f *figures) {
	name := fmt.Sprintf("%s, %d robots, ackTimeout %v: ", f.broker, f.robots, f.ack)
	out.Add(name+"messages", f.messages, "/s")
	out.Add(name+"broker", f.serving, "% of a core per 1000 robots")
	out.Add(name+"simulator", f.player, "% of a core per 1000 robots")
	out.Add(name+"watcher", f.watching, "% of a core per 1000 robots")
	out.Add(name+"broker's memory", f.servingMiB, "MiB")
	out.Add(name+"simulator's memory", f.playerMiB, "MiB")
	out.Add(name+"watcher's memory", f.watchingMiB, "MiB")
	out.Add(name+"reconnects", float64(f.reconnects), "")
	out.Add(name+"all connected after", f.connect.Seconds(), "s")
}
