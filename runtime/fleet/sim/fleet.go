// Package sim plays a fleet against a broker, so that brokers can be sized and those who watch fleets be tried.
//
// Each robot is the real one but for its camera: link.Client with an outbox in memory, and so the real subscriptions,
// last will, acknowledgements, probes of the link and back-off, with messages of a Jetson's size and at its rate.
package sim

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/outbox"
)

// MaxRobots bounds one simulator: more need more machines, for want of ports.
const MaxRobots = 25_000

// Config describes a simulated fleet. Zero rates take those of a robot's default configuration.
type Config struct {
	Robots   int // 1 to MaxRobots
	First    int // number of the first, which is its serial number; further simulators go on from there
	Seed     uint64
	Troubled float64 // share of the robots with a Fault, 0..1

	Broker     string // as in link.Config, as what follows
	Failover   []string
	TLS        *tls.Config
	Username   string
	Password   string
	Prefix     string
	AckTimeout time.Duration // 0 is link.DefaultAckTimeout

	SubscribeQoS0 bool // for NATS clusters; see link.Config

	Start            time.Duration // over which the robots start, evenly drawn
	StateEvery       time.Duration // 0 is 30 s
	StatsEvery       time.Duration // 0 is 60 s
	AnswersPerMinute float64       // of each robot, at random moments; 0 is none
	SceneHz          float64       // 0 is none: by far the largest messages, which few fleets want from all
	Logger           *slog.Logger
}

func (cfg Config) withDefaults() Config {
	if cfg.StateEvery <= 0 {
		cfg.StateEvery = 30 * time.Second
	}
	if cfg.StatsEvery <= 0 {
		cfg.StatsEvery = 60 * time.Second
	}
	return cfg
}

func (cfg Config) check() error {
	var errs []error
	if cfg.Robots < 1 || cfg.Robots > MaxRobots || cfg.First < 0 {
		errs = append(errs, fmt.Errorf("there must be 1 to %d robots, counted from 0", MaxRobots))
	}
	if cfg.Troubled < 0 || cfg.Troubled > 1 {
		errs = append(errs, errors.New("the share of robots in trouble must lie between 0 and 1"))
	}
	if cfg.AnswersPerMinute < 0 || cfg.SceneHz < 0 || cfg.SceneHz > 60 || cfg.Start < 0 {
		errs = append(errs, errors.New("rates and times must not be negative, and scenes come at most 60 times a second"))
	}
	if cfg.Logger == nil {
		errs = append(errs, errors.New("a logger is required"))
	}
	return errors.Join(errs...)
}

// Fleet is a simulated fleet.
type Fleet struct {
	cfg    Config
	robots []*player
}

// player is a robot with its connection.
type player struct {
	cfg    *Config
	robot  *Robot
	box    *outbox.Box
	client *link.Client
	wait   time.Duration // before it starts
	made   atomic.Uint64 // messages handed to the link
}

// New makes the robots; none is connected before Run. Close the fleet if it does not run.
func New(cfg Config) (*Fleet, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("simulating a fleet: %w", err)
	}
	f := &Fleet{cfg: cfg}
	for i := range cfg.Robots {
		p, err := f.newPlayer(cfg.First + i)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("simulating robot %d: %w", cfg.First+i, err), f.Close())
		}
		f.robots = append(f.robots, p)
	}
	return f, nil
}

func (f *Fleet) newPlayer(n int) (*player, error) {
	p := &player{cfg: &f.cfg, robot: NewRobot(f.cfg.Seed, n, f.cfg.Troubled)}
	if f.cfg.Start > 0 {
		p.wait = rand.N(f.cfg.Start)
	}
	var err error
	p.box, err = outbox.Open(outbox.Config{MaxBytes: 1 << 20, MaxMemory: 1 << 20, Logger: f.cfg.Logger})
	if err != nil {
		return nil, err
	}
	p.client, err = link.New(link.Config{
		Broker: f.cfg.Broker, Failover: f.cfg.Failover, TLS: f.cfg.TLS, Username: f.cfg.Username, Password: f.cfg.Password,
		Prefix: f.cfg.Prefix, Manufacturer: p.robot.Manufacturer, Serial: p.robot.Serial, AckTimeout: f.cfg.AckTimeout,
		SubscribeQoS0: f.cfg.SubscribeQoS0, Outbox: p.box, Logger: f.cfg.Logger, Handler: p,
	})
	if err != nil {
		return nil, errors.Join(err, p.box.Close())
	}
	return p, nil
}

// Close frees what New has made. Run does it by itself.
func (f *Fleet) Close() error {
	var errs []error
	for _, p := range f.robots {
		errs = append(errs, p.box.Close())
	}
	return errors.Join(errs...)
}

// Run plays the robots until the context ends; then they say OFFLINE. It returns when all have gone.
func (f *Fleet) Run(ctx context.Context) error {
	var tasks sync.WaitGroup
	failures := make(chan error, len(f.robots))
	for _, p := range f.robots {
		tasks.Go(func() { failures <- p.play(ctx) })
	}
	tasks.Wait()
	close(failures)
	var errs []error
	for err := range failures {
		errs = append(errs, err)
	}
	return errors.Join(errors.Join(errs...), f.Close())
}

// Count sums what the robots did.
type Count struct {
	Connected   int
	Connections uint64 // since the start; those beyond one for each robot are reconnects
	Made        uint64 // messages handed to the links
	Published   uint64 // of all kinds, those of the link itself included: acknowledged, or written at QoS 0
	Dropped     uint64
	Waiting     int
	Problem     string // why one of those is not connected that are not; empty before they tried
}

// Count sums what the robots have done up to now.
func (f *Fleet) Count() Count {
	var c Count
	for _, p := range f.robots {
		s := p.client.Stats()
		if s.Connected {
			c.Connected++
		} else if s.LastError != "" {
			c.Problem = s.LastError
		}
		c.Connections += s.Connections
		c.Made += p.made.Load()
		c.Published += s.Published
		c.Dropped += s.Dropped
		c.Waiting += s.Queue + s.InFlight
	}
	return c
}

// Await returns when every robot is connected and nothing of what it began with waits, or when the context ends.
func (f *Fleet) Await(ctx context.Context) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		c := f.Count()
		if c.Connected == len(f.robots) && c.Published >= 2*uint64(len(f.robots)) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("awaiting %d robots, of which %d are connected (%s): %w", len(f.robots), c.Connected, c.Problem,
				context.Cause(ctx))
		}
	}
}

// play runs one robot.
func (p *player) play(ctx context.Context) error {
	if !pause(ctx, p.wait) {
		return nil
	}
	var tasks sync.WaitGroup
	defer tasks.Wait()
	ended := make(chan error, 1)
	tasks.Go(func() { ended <- p.client.Run(ctx) })
	if err := p.client.PublishFactsheet(p.robot.Factsheet()); err != nil {
		return err
	}
	err := p.tell(ctx)
	return errors.Join(err, <-ended)
}

// tell publishes until the context ends.
func (p *player) tell(ctx context.Context) error {
	began := time.Now()
	if err := p.client.PublishState(p.robot.State(0)); err != nil {
		return err
	}
	p.made.Add(2)
	state, stats := time.NewTicker(p.cfg.StateEvery), time.NewTicker(p.cfg.StatsEvery)
	defer state.Stop()
	defer stats.Stop()
	answer, scene := newPacer(p.cfg.AnswersPerMinute/60, true), newPacer(p.cfg.SceneHz, false)
	defer answer.stop()
	defer scene.stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-state.C:
			err = p.client.PublishState(p.robot.State(time.Since(began)))
		case <-stats.C:
			err = p.client.PublishStats(p.robot.Stats(p.cfg.StatsEvery))
		case <-answer.next():
			id, message := p.robot.Answer()
			err = p.client.PublishAnswer(id, message, "")
			answer.restart()
		case <-scene.next():
			err = p.client.PublishScene(p.robot.Scene())
			scene.restart()
		}
		if err != nil && !errors.Is(err, link.ErrNotConnected) {
			return fmt.Errorf("playing robot %s: %w", p.robot.Serial, err)
		}
		p.made.Add(1)
	}
}

// pause waits, and reports whether the context lives.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// HandleAsk abstains: a simulated robot sees nothing.
func (p *player) HandleAsk(_ context.Context, ask payload.Ask, _ time.Time) {
	answer := payload.Answer{Question: ask.Question, Status: payload.Abstained, Reason: "simulated robots see nothing"}
	_ = p.client.PublishAnswer(ask.RequestID, answer, ask.ReplyTo) // an error would be of its size, which is known
}

// HandleBadAsk ignores what was refused.
func (p *player) HandleBadAsk(string, error) {}

// HandlePose ignores odometry.
func (p *player) HandlePose(payload.Pose) {}

// HandleCommand refuses every order.
func (p *player) HandleCommand(context.Context, payload.Command) (string, error) {
	return "", errors.New("unavailable: simulated robots obey nobody")
}

var _ link.Handler = (*player)(nil)
