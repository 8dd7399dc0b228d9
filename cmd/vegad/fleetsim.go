package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/vega-edge/vegad/runtime/fleet/sim"
)

// fleetSimCmd is vegad fleet sim.
type fleetSimCmd struct {
	hubFlags
	Robots     int           `default:"100" help:"How many (${default})."`
	First      int           `help:"Number of the first, so that several simulators can share a fleet (0)."`
	Seed       uint64        `default:"1" help:"Same seed, same robots (${default})."`
	Start      time.Duration `default:"10s" help:"Time over which they start, evenly drawn (${default})."`
	For        time.Duration `help:"How long to play once all are connected; 0 until interrupted (0)."`
	State      time.Duration `default:"30s" help:"Time between two states (${default})."`
	Stats      time.Duration `default:"60s" help:"Time between two statistics (${default})."`
	Answers    float64       `default:"1" help:"Answers of each robot a minute (${default})."`
	Scenes     float64       `help:"Scenes of each robot a second (0)."`
	Troubled   float64       `default:"0.05" help:"Share of robots with something wrong (${default})."`
	AckTimeout time.Duration `default:"4s" help:"As broker.ackTimeout: an idle link is probed twice in it (${default})."`
	QoS        int           `name:"subscribe-qos" default:"1" enum:"0,1" help:"As broker.subscribeQos (${default})."`
	JSON       bool          `name:"json" help:"Print JSON."`
}

// played is what a simulation cost this process.
type played struct {
	Robots            int     `json:"robots"`
	ConnectedSeconds  float64 `json:"connectedAfterSeconds"`
	Seconds           float64 `json:"seconds"`
	MessagesPerSecond float64 `json:"messagesPerSecond"`
	ProbesPerSecond   float64 `json:"probesPerSecond"` // of idle links, by arithmetic
	Reconnects        uint64  `json:"reconnects"`
	Dropped           uint64  `json:"dropped"`
	CPUPercent        float64 `json:"cpuPercentPer1000Robots"` // of one core
	MemoryKiB         float64 `json:"memoryKiBPerRobot"`
	Cores             int     `json:"cores"`
}

// maxConnecting is how long robots may take to connect beyond the time in which they start.
const maxConnecting = 5 * time.Minute

// Run plays the fleet and says what it cost.
func (c *fleetSimCmd) Run(ctx context.Context, s streams) error {
	security, err := c.tls()
	if err != nil {
		return err
	}
	fleet, err := sim.New(sim.Config{
		Robots: c.Robots, First: c.First, Seed: c.Seed, Troubled: c.Troubled,
		Broker: c.Broker, Failover: c.Failover, TLS: security, Password: c.password(), Prefix: c.Prefix,
		AckTimeout: c.AckTimeout, SubscribeQoS0: c.QoS == 0, Start: c.Start, StateEvery: c.State, StatsEvery: c.Stats,
		AnswersPerMinute: c.Answers, SceneHz: c.Scenes, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return usageError{err}
	}
	playing, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- fleet.Run(playing) }()
	out, err := c.play(ctx, fleet, newProgress(s.err))
	stop()
	if err = errors.Join(err, <-done); err != nil {
		return err
	}
	if c.JSON {
		return s.json(out)
	}
	s.say("%s", out)
	return nil
}

// play waits until all are connected, and then measures until the time is over or somebody interrupts.
func (c *fleetSimCmd) play(ctx context.Context, fleet *sim.Fleet, shown *progress) (played, error) {
	defer shown.clear()
	began := time.Now()
	if err := c.await(ctx, fleet, shown); err != nil {
		return played{}, err
	}
	out := played{Robots: c.Robots, ConnectedSeconds: time.Since(began).Seconds(), Cores: runtime.GOMAXPROCS(0)}
	from, before, cpu := time.Now(), fleet.Count(), cpuTime()
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for ctx.Err() == nil && (c.For == 0 || time.Since(from) < c.For) {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		now := fleet.Count()
		shown.update("%d of %d robots connected, %.0f messages/s", now.Connected, c.Robots,
			float64(now.Made-before.Made)/time.Since(from).Seconds())
	}
	out.measure(time.Since(from), before, fleet.Count(), cpuTime()-cpu)
	out.ProbesPerSecond = float64(c.Robots) / (c.AckTimeout.Seconds() / 2)
	return out, nil
}

// await returns when all are connected.
func (c *fleetSimCmd) await(ctx context.Context, fleet *sim.Fleet, shown *progress) error {
	limit, cancel := context.WithTimeout(ctx, c.Start+maxConnecting)
	defer cancel()
	connected := make(chan error, 1)
	go func() { connected <- fleet.Await(limit) }()
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-connected:
			return err
		case <-tick.C:
			now := fleet.Count()
			shown.update("connecting %s %d of %d robots%s", bar(float64(now.Connected), float64(c.Robots)), now.Connected,
				c.Robots, noted(now.Problem != "", ": "+now.Problem))
		}
	}
}

func (p *played) measure(span time.Duration, before, after sim.Count, cpu time.Duration) {
	p.Seconds = span.Seconds()
	p.MessagesPerSecond = float64(after.Made-before.Made) / p.Seconds
	p.Reconnects, p.Dropped = after.Connections-before.Connections, after.Dropped-before.Dropped
	p.CPUPercent = 100 * cpu.Seconds() / p.Seconds / (float64(p.Robots) / 1000)
	p.MemoryKiB = residentKiB() / float64(p.Robots)
}

// String is for people.
func (p played) String() string {
	return fmt.Sprintf("robots             %d, connected after %.1f s, %d reconnects\n"+
		"messages           %.1f/s for %.0f s, %d dropped, and %.0f probes of idle links a second\n"+
		"this process       %.2f %% of a core for 1000 robots (of %d), %.0f KiB for a robot\n",
		p.Robots, p.ConnectedSeconds, p.Reconnects, p.MessagesPerSecond, p.Seconds, p.Dropped, p.ProbesPerSecond,
		p.CPUPercent, p.Cores, p.MemoryKiB)
}

// cpuTime is what this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// residentKiB is the memory of this process; 0 where /proc does not tell.
func residentKiB() float64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kib); n == 1 {
			return kib
		}
	}
	return 0
}
