package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vega-edge/vegad/runtime/fleet"
	"github.com/vega-edge/vegad/runtime/fleet/sim"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// playFleet plays some simulated robots, half of them with faults, until the test ends. More than one address is a
// NATS cluster.
func playFleet(t *testing.T, robots int, urls ...string) {
	t.Helper()
	cfg := sim.Config{
		Robots: robots, Seed: 1, Troubled: 0.5, Broker: urls[0], Failover: urls[1:], Logger: discard(),
		StateEvery: 200 * time.Millisecond, StatsEvery: 200 * time.Millisecond, AnswersPerMinute: 60,
	}
	if len(urls) > 1 {
		cfg.SubscribeQoS0, cfg.AckTimeout = true, 20*time.Second
		cfg.StateEvery, cfg.StatsEvery = 2*time.Second, time.Second
	}
	f, err := sim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if err := f.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// watchOnce is vegad fleet watch --once --json.
func watchOnce(t *testing.T, args ...string) fleetPicture {
	t.Helper()
	got := vegad(t, append([]string{"fleet", "watch", "--once", "--json", "--wait=3s"}, args...)...)
	var p fleetPicture
	if err := json.Unmarshal([]byte(got.out), &p); err != nil {
		t.Fatalf("exit code %d, stderr %q: %v", got.code, got.err, err)
	}
	return p
}

// holdPicture holds what was seen against what is played.
func holdPicture(t *testing.T, p fleetPicture, robots int) {
	t.Helper()
	if !p.Connected || p.Known != robots || len(p.Robots) != robots || p.Refused != 0 {
		t.Fatalf("connected %t (%s), %d known, %d shown, %d refused", p.Connected, p.Problem, p.Known, len(p.Robots),
			p.Refused)
	}
	for i := range p.Robots[1:] {
		if p.Robots[i].Trouble < p.Robots[i+1].Trouble {
			t.Errorf("%s (%s) stands before %s (%s)", p.Robots[i].Serial, p.Robots[i].Trouble, p.Robots[i+1].Serial,
				p.Robots[i+1].Trouble)
		}
	}
	if worst := p.Robots[0]; worst.Trouble == 0 || worst.Why == "" {
		t.Errorf("nobody is in trouble: %+v", worst)
	}
	for _, r := range p.Robots {
		if r.Connection != payload.Online || r.Bundle != "edge" || r.Position == nil || r.Temperature == nil {
			t.Errorf("too little is known: %+v", r)
		}
	}
}

func TestFleetWatchOnMosquitto(t *testing.T) {
	url := linktest.StartMosquitto(t, "").URL()
	playFleet(t, 30, url)
	holdPicture(t, watchOnce(t, "--broker", url), 30)
}

func TestFleetWatchOnNATS(t *testing.T) {
	cluster := linktest.StartNATS(t, 3)
	var urls []string
	for _, addr := range cluster.Addrs(0) {
		urls = append(urls, "mqtt://"+addr)
	}
	playFleet(t, 30, urls...)
	holdPicture(t, watchOnce(t, "--broker", urls[1]), 30) // another node than the robots'
	cluster.Kill(0)
	var p fleetPicture
	linktest.Within(t, time.Minute, "all robots, seen by one whose first address is dead", func() bool {
		p = watchOnce(t, "--broker", urls[0], "--failover", urls[2], "--wait=20s")
		away := func(r fleet.Robot) bool { return r.Connection != payload.Online }
		return p.Connected && !slices.ContainsFunc(p.Robots, away)
	})
	holdPicture(t, p, 30)
}

func TestFleetWatchFilters(t *testing.T) {
	url := linktest.StartMosquitto(t, "").URL()
	playFleet(t, 30, url)
	all := watchOnce(t, "--broker", url)
	holdPicture(t, all, 30)
	for _, c := range []struct {
		args []string
		want func(fleet.Robot) bool
	}{
		{[]string{"--trouble=hot"}, func(r fleet.Robot) bool { return r.Trouble.Has(fleet.Hot) }},
		{[]string{"--trouble=blind,failed"}, func(r fleet.Robot) bool { return r.Trouble.Has(fleet.Blind | fleet.Failed) }},
		{[]string{"--trouble=ok"}, func(r fleet.Robot) bool { return r.Trouble == 0 }},
		{[]string{"--filter=SIM/00001"}, func(r fleet.Robot) bool { return strings.HasPrefix(r.Serial, "00001") }},
		{[]string{"--filter", "no such dev"}, func(r fleet.Robot) bool { return strings.Contains(r.Why, "no such dev") }},
	} {
		p := watchOnce(t, append(c.args, "--broker", url, "--sort=name")...)
		if len(p.Robots) == 0 || len(p.Robots) == 30 || p.Known != 30 {
			t.Errorf("%v: %d of %d robots", c.args, len(p.Robots), p.Known)
		}
		for i, r := range p.Robots {
			if !c.want(r) || i > 0 && p.Robots[i-1].Serial >= r.Serial {
				t.Errorf("%v shows %s: %s, %s", c.args, r.Serial, r.Trouble, r.Why)
			}
		}
	}
}

func TestFleetWatchExitCodes(t *testing.T) {
	url := linktest.StartMosquitto(t, "").URL()
	startRobot(t, url, "0001", nil)
	got := vegad(t, "fleet", "watch", "--once", "--broker", url)
	if got.code != exitDone || got.err != "" {
		t.Errorf("exit code %d, %s", got.code, got.err)
	}
	wantContains(t, "the table", got.out, "1 robots", "1 ok", "acme/0001", "online")
	playFleet(t, 10, url)
	if got := vegad(t, "fleet", "watch", "--once", "--broker", url); got.code != exitAbstained {
		t.Errorf("with robots in trouble: exit code %d\n%s", got.code, got.out)
	}
	if got := vegad(t, "fleet", "watch", "--once", "--broker", url, "--filter=acme"); got.code != exitDone {
		t.Errorf("of those shown nobody is in trouble: exit code %d\n%s", got.code, got.out)
	}
	got = vegad(t, "fleet", "watch", "--once", "--wait=300ms", "--broker=mqtt://127.0.0.1:1")
	if got.code != exitFailed || !strings.Contains(got.err, "refused") {
		t.Errorf("without a broker: exit code %d, %s", got.code, got.err)
	}
	for _, args := range [][]string{
		{"--sort=size"}, {"--trouble=tired"}, {"--every=1ms"}, {"--failover=nonsense"}, {"--broker=http://x"},
	} {
		if got := vegad(t, append([]string{"fleet", "watch"}, args...)...); got.code != exitUsage {
			t.Errorf("%v: exit code %d, %s", args, got.code, got.err)
		}
	}
}

// watchOn runs vegad fleet watch until the test ends and returns the lines that it prints.
func watchOn(t *testing.T, args ...string) *bufio.Scanner {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	in, out := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append([]string{"fleet", "watch", "--every=100ms"}, args...), out, io.Discard)
	}()
	t.Cleanup(func() {
		cancel()
		_ = in.Close() // whoever prints now must not wait for a reader
		if code := <-done; code != exitDone {
			t.Errorf("exit code %d", code)
		}
	})
	return bufio.NewScanner(in)
}

func TestFleetWatchStreamsNews(t *testing.T) {
	url := startBroker(t)
	startRobot(t, url, "0001", nil)
	lines := watchOn(t, "--json", "--broker", url)
	next := func() (r fleet.Robot) {
		if !lines.Scan() {
			t.Fatal("the stream ended")
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		return r
	}
	if r := next(); r.Serial != "0001" || r.Health != payload.HealthOK {
		t.Errorf("%+v", r)
	}
	startRobot(t, url, "0002", nil)
	if r := next(); r.Serial != "0002" { // the first one has no news
		t.Errorf("%+v", r)
	}
}

func TestFleetWatchDrawsAgain(t *testing.T) {
	url := startBroker(t)
	lines := watchOn(t, "--broker", url)
	await := func(text string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		t.Fatalf("the output ended without %q", text)
	}
	await("connected, 0 robots")
	startRobot(t, url, "0001", nil)
	await("1 robots")
	await("acme/0001")
}

func TestFleetTable(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	p := fleetPicture{
		Broker: "mqtt://hub:1883", Connected: true, Known: 12, Messages: 99, Refused: 1,
		Counts: map[string]int{"blind": 1, "ok": 11},
	}
	p.Robots = append(p.Robots, fleet.Robot{
		Manufacturer: "acme", Serial: "0007", Connection: payload.Online, LastHeard: now.Add(-90 * time.Second),
		Trouble: fleet.Blind | fleet.Hot, Why: "front is lost", Provider: "tensorrt", Bundle: "edge", BundleVersion: "1",
		Temperature: &fleet.Temperature{Celsius: 71.6}, OutboxDepth: 12, OutboxAgeSeconds: 3700,
		AnswersPerMinute: new(2.25), AbstainedShare: new(0.125),
		Position: &fleet.Position{Frame: "map", Epoch: 2, X: 1.25, Y: -3},
	})
	for i := range 11 {
		p.Robots = append(p.Robots, fleet.Robot{Manufacturer: "acme", Serial: fmt.Sprintf("9%03d", i)})
	}
	const want = `mqtt://hub:1883, connected, 12 robots, 99 messages, 1 refused
1 blind, 11 ok
ROBOT                   TROUBLE       LINK       HEARD     °C       OUTBOX  ANS/MIN   ABST  PROVIDER   ` +
		`BUNDLE          POSITION            WHY
acme/0007               blind         online        2m     72        12 1h      2.2    12%  tensorrt   ` +
		`edge 1          1.2 -3.0 map/2      front is lost
acme/9000               ok            ?              -      -            -        -      -` +
		"                             -\n"
	if diff := cmp.Diff(want, strings.Join(strings.SplitAfter(p.table(screen{}, now), "\n")[:5], "")); diff != "" {
		t.Error(diff)
	}
	small := strings.Split(strings.TrimSuffix(p.table(screen{60, 10}, now), "\n"), "\n")
	if len(small) != 9 || !strings.HasPrefix(small[8], "… and 7 more") {
		t.Errorf("%d lines:\n%s", len(small), strings.Join(small, "\n"))
	}
	for _, line := range small {
		if text, ok := strings.CutSuffix(line, "\x1b[K"); !ok || len([]rune(text)) > 60 {
			t.Errorf("line %q", line)
		}
	}
}

func TestFleetSim(t *testing.T) {
	url := startBroker(t)
	got := vegad(t, "fleet", "sim", "--robots=5", "--start=100ms", "--for=1s", "--state=100ms", "--json", "--broker", url)
	var p played
	if err := json.Unmarshal([]byte(got.out), &p); err != nil || got.code != exitDone {
		t.Fatalf("exit code %d, %s: %v", got.code, got.err, err)
	}
	if p.Robots != 5 || p.MessagesPerSecond < 10 || p.MessagesPerSecond > 100 || p.Dropped != 0 || p.Reconnects != 0 ||
		p.ProbesPerSecond != 2.5 || p.MemoryKiB <= 0 || p.CPUPercent <= 0 {
		t.Errorf("%+v", p)
	}
	got = vegad(t, "fleet", "sim", "--robots=2", "--start=0s", "--for=100ms", "--broker", url)
	if wantContains(t, "the figures", got.out, "robots             2", "% of a core"); got.code != exitDone {
		t.Errorf("exit code %d, %s", got.code, got.err)
	}
	for _, args := range [][]string{{"--robots=0"}, {"--troubled=2"}, {"--broker=http://x"}, {"--prefix=a/#"}} {
		if got := vegad(t, append([]string{"fleet", "sim"}, args...)...); got.code != exitUsage {
			t.Errorf("%v: exit code %d, %s", args, got.code, got.err)
		}
	}
}

// BenchmarkFleetPicture is what one picture of ten thousand robots costs a terminal: order, filter and table.
func BenchmarkFleetPicture(b *testing.B) {
	w := newLargeWatch(b)
	b.ReportAllocs()
	for b.Loop() {
		p := w.picture()
		if text := p.table(screen{200, 50}, time.Now()); len(p.Robots) != 10_000 || len(text) < 1000 {
			b.Fatal(text)
		}
	}
}

// newLargeWatch is a watch that has heard ten thousand robots and listens to nobody.
func newLargeWatch(b *testing.B) *watch {
	b.Helper()
	w := &watch{fleetWatchCmd: &fleetWatchCmd{Sort: "trouble"}, registry: fleet.New(fleet.Config{})}
	w.Broker = "mqtt://127.0.0.1:1"
	if err := w.listen(discard()); err != nil {
		b.Fatal(err)
	}
	for n := range 10_000 {
		messages, err := sim.NewFeed(sim.NewRobot(1, n, 0.2), "").Hello(time.Now())
		if err != nil {
			b.Fatal(err)
		}
		for _, m := range messages {
			if err := w.registry.Take(m.Topic, m.Payload, false); err != nil {
				b.Fatal(err)
			}
		}
	}
	return w
}
