// Package daemon puts the parts together: camera, networks, memory, questions and the link, from start to stop.
//
// Frames flow in one direction: camera.Capture -> perception.Pipeline -> scene.Memory. Questions come in through
// link.Client, run the head once more with their own context, and are answered from a snapshot of the memory.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/store"
	"github.com/vega-edge/vegad/runtime/command"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/dashboard"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/broker"
	"github.com/vega-edge/vegad/runtime/outbox"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/query"
	"github.com/vega-edge/vegad/runtime/record"
	"github.com/vega-edge/vegad/runtime/scene"
	"github.com/vega-edge/vegad/systemd"
)

// Options is what Run needs. Config and Logger are required.
type Options struct {
	Config  config.Config
	Version string
	Logger  *slog.Logger
	// OnReady is called once, after the first frame of any camera has passed through the engine. May be nil.
	OnReady func(Info)
	// Reload reads the configuration again, for the command reload. May be nil: then keys and certificates are read only.
	Reload func() (config.Config, error)
	// OnFrame is called after each encoded frame of a camera. May be nil. Must not block.
	OnFrame func(camera string, seq uint64, wall time.Time)
	// Supervised says that somebody starts the process again when it ends, such as systemd.
	Supervised bool
	// Root is the file system that tells how the machine does; nil is that of this machine.
	Root fs.FS
}

// Info is how to reach a running daemon, and what it runs.
type Info struct {
	Broker               string // URL that clients on this machine may dial
	Manufacturer, Serial string
	Prefix               string
	Bundle               string // name and version
	Precision, Provider  string
	Degraded             bool
	Reason               string // why something else than the first choice runs
}

// daemon is the state that the tasks share.
type daemon struct {
	o        Options
	cfg      config.Config
	log      *slog.Logger
	bundle   *models.Bundle
	runtime  *engine.Runtime
	engine   *engine.Engine
	store    *store.Store // of installed bundles; may be nil
	trial    bool         // the bundle has to prove itself
	memory   *scene.Memory
	lexicon  *query.Lexicon
	networks perception.Shared
	eyes     []*eye // as configured; at least one
	link     *link.Client
	box      *outbox.Box
	clock    *command.Clock
	guard    *command.Guard
	identity identity
	notify   *systemd.Notifier
	page     *dashboard.Server // nil when it is off
	record   *record.Recorder  // nil without a folder for recordings, or with several cameras
	journal  journal
	tail     *dashboard.Tail
	started  time.Time

	budget, eventBudget *budget
	clients             *clients
	watches             watches
	replying            sync.Mutex    // held while standing questions are answered
	looked              chan struct{} // capacity 1: memory holds a new observation
	suppressed          atomic.Uint64 // events beyond the limit on their rate
	meter               meter
	condition           condition

	obeyed  obedience
	errands chan modelOrder // capacity 1: a bundle to try
	leave   chan struct{}   // capacity 1: a restart was ordered
	stopped atomic.Bool     // by a command: pictures are dropped

	frames       atomic.Uint64 // encoded
	observations atomic.Uint64 // taken into memory
	ready        atomic.Bool
	abandoned    atomic.Bool // an engine is still being built while the process ends
}

// Run watches the configured cameras and answers questions until ctx ends (nil), the last film ends (nil), a restart is
// ordered (nil), or something that cannot be repaired fails. Everything it started has ended when it returns.
func Run(ctx context.Context, o Options) (err error) {
	d := &daemon{
		o: o, cfg: o.Config, log: o.Logger, notify: systemd.NewNotifier(), started: time.Now(),
		watches: watches{byID: make(map[string]*standing)}, looked: make(chan struct{}, 1),
		errands: make(chan modelOrder, 1), leave: make(chan struct{}, 1),
	}
	d.setLimits()
	d.keepLog()
	if err := d.secure(); err != nil {
		return err
	}
	rt, err := engine.OpenRuntime(engine.RuntimeOptions{Logger: d.log})
	if err != nil {
		return err
	}
	d.runtime = rt
	defer func() { err = errors.Join(err, d.unload(rt)) }()
	if err := d.load(ctx, rt); ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return nil // stopped while it started
	} else if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.engine.Close()) }()
	if err := d.open(); err != nil {
		return err
	}
	return d.serve(ctx)
}

func (d *daemon) setLimits() {
	l, e := d.cfg.Limits, d.cfg.Events
	d.budget = newBudget(l.MaxAskPerSecond, l.MaxAskPerSecond)
	d.clients = newClients(l.MaxAskPerSecondPerClient)
	d.eventBudget = newBudget(e.MaxPerSecond, eventBurst)
	d.meter.last = d.started
}

// FindBundle returns the folder of the configured bundle. A name is looked up in the configured folders, then in
// models/bundles beside the program, as in a checkout.
func FindBundle(cfg config.Config) (string, error) {
	dirs := make([]string, 0, len(cfg.BundleDirs)+2)
	for _, d := range cfg.BundleDirs {
		dirs = append(dirs, string(d))
	}
	if exe, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Join(filepath.Dir(exe), "..", "models", "bundles"))
	}
	return models.Find(cfg.Bundle, append(dirs, filepath.Join("models", "bundles")))
}

// open makes memory and eyes.
func (d *daemon) open() error {
	if err := d.openMemory(); err != nil {
		return err
	}
	d.recall()
	if err := d.openEyes(); err != nil {
		return err
	}
	d.openRecorder()
	return d.openPage()
}

// openMemory makes an empty memory, and the words that questions about it may use.
func (d *daemon) openMemory() error {
	m := &d.bundle.Manifest
	d.lexicon = query.NewLexicon(m.Labels, m.Colors)
	sc := scene.DefaultConfig(m.Labels, m.Colors)
	sc.MaxObjects, sc.SizePriors = d.cfg.Scene.MaxObjects, priors(m)
	sc.MaxDetections = m.Decode.MaxDetections
	var err error
	if d.memory, err = scene.New(sc); err != nil {
		return fmt.Errorf("making the scene memory: %w", err)
	}
	return nil
}

func priors(m *models.Manifest) []scene.SizePrior {
	out := make([]scene.SizePrior, len(m.Labels))
	for i, label := range m.Labels {
		if p, ok := m.SizePriors[label]; ok {
			s := p.LogSigma
			out[i] = scene.SizePrior{
				Mean: scene.Vec3{X: p.MeanM[0], Y: p.MeanM[1], Z: p.MeanM[2]}, LogSigma: max(s[0], s[1], s[2]),
			}
		}
	}
	return out
}

// serve starts the broker and all tasks, and stops them in the order in which data flows: camera, networks, then the
// link, which still says OFFLINE, then the outbox and the broker.
func (d *daemon) serve(ctx context.Context) (err error) {
	url, stop, err := d.startBroker(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if d.box, err = d.openOutbox(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.box.Close()) }()
	if d.link, err = d.dial(url); err != nil {
		return err
	}
	linkCtx, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	linked := make(chan error, 1)
	go func() { linked <- d.link.Run(linkCtx) }()
	defer func() {
		hangUp()
		err = errors.Join(err, <-linked)
	}()

	stopRecorder := d.startRecorder(ctx)
	defer func() { err = errors.Join(err, stopRecorder()) }()
	d.announce()
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return d.watch(inner, url) })
	group.Go(func() error { return d.tell(inner) })
	group.Go(func() error { return d.mind(inner) })
	noticer := newNoticer(d.cfg.Events, d.memory.Snapshot()) // what the last run remembered is no news
	group.Go(func() error { return d.attend(inner, noticer) })
	group.Go(func() error { return d.remember(inner) })
	group.Go(func() error { return d.pet(inner) })
	group.Go(func() error { return d.build(inner) })
	group.Go(func() error { return d.probation(inner) })
	group.Go(func() error { return d.runErrands(inner) })
	d.servePage(inner, group)
	group.Go(func() error { return d.serveMetrics(inner) })
	group.Go(func() error { return d.announceHome(inner) })
	err = group.Wait()
	d.say(d.notify.Stopping())
	if errors.Is(err, errEnded) || errors.Is(err, errRestart) || ctx.Err() != nil {
		return nil
	}
	return err
}

// errEnded stops the group when the last film has ended.
var errEnded = errors.New("the film has ended")

// pet feeds systemd's watchdog while all eyes move on.
func (d *daemon) pet(ctx context.Context) error {
	w, err := systemd.NewWatchdog(d.notify, d.progress(), d.log)
	if err != nil {
		return err
	}
	return w.Run(ctx)
}

// say logs that systemd could not be told something; that is no reason to stop.
func (d *daemon) say(err error) {
	if err != nil {
		d.log.Warn("systemd was not notified", "err", err)
	}
}

// startBroker serves the embedded broker if one is configured and returns the URL to dial.
func (d *daemon) startBroker(ctx context.Context) (url string, stop func() error, err error) {
	port, ok := embeddedPort(d.cfg.Broker.URL)
	if !ok {
		return d.cfg.Broker.URL, func() error { return nil }, nil
	}
	security, err := d.identity.brokerTLS()
	if err != nil {
		return "", nil, err
	}
	b, err := broker.Start(ctx, broker.Config{
		Addr: "127.0.0.1:" + port, Prefix: d.cfg.Broker.Prefix, Logger: d.log,
		OutsideAddr: d.cfg.Embedded.Listen, OutsideTLS: security, Announced: d.announced(),
	})
	if err != nil {
		return "", nil, fmt.Errorf("starting the embedded broker: %w", err)
	}
	return b.URL(), b.Close, nil
}
