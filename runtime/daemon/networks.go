package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/store"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// What the daemon keeps below the directories that systemd gives.
const (
	enginesFolder = "engines"      // in the cache directory
	modelsFolder  = "models"       // in the state directory
	keyFile       = "engine.key"   // in the state directory
	baselineFile  = "latency.json" // in the state directory
)

// OpenStore opens the store of installed bundles. It returns nil if the configuration names no folder and systemd gives
// none.
func OpenStore(cfg config.Config, log *slog.Logger) (*store.Store, error) {
	dir := string(cfg.Update.Dir)
	if state := stateFolder(); dir == "" && state != "" {
		dir = filepath.Join(state, modelsFolder)
	}
	if dir == "" {
		return nil, nil // no store is no error
	}
	c := store.Config{Dir: dir, Starts: cfg.Update.Starts, Logger: log}
	for _, file := range cfg.Update.Keys {
		text, err := os.ReadFile(string(file))
		if err != nil {
			return nil, fmt.Errorf("reading a trusted key: %w", err)
		}
		key, err := models.ParsePublicKey(text)
		if err != nil {
			return nil, fmt.Errorf("reading trusted key %s: %w", file, err)
		}
		c.Keys = append(c.Keys, key)
	}
	return store.Open(c)
}

// OpenCache opens the cache of TensorRT's engines. It returns nil if the configuration names no folder and systemd
// gives none: then engines are built at every start.
func OpenCache(cfg config.Config, rt *engine.Runtime) (*engine.Cache, error) {
	dir, key := string(cfg.Engine.Dir), string(cfg.Engine.KeyFile)
	if given, _, _ := strings.Cut(os.Getenv("CACHE_DIRECTORY"), ":"); dir == "" && given != "" {
		dir = filepath.Join(given, enginesFolder)
	}
	if dir == "" {
		return nil, nil // no cache is no error
	}
	if state := stateFolder(); key == "" && state != "" {
		key = filepath.Join(state, keyFile)
	}
	return engine.OpenCache(engine.CacheOptions{
		Dir: dir, KeyFile: key, Platform: engine.ThisPlatform(rt.Version()),
	})
}

// EngineOptions translates the configuration. The cache may be nil.
func EngineOptions(cfg config.Config, cache *engine.Cache, log *slog.Logger) engine.Options {
	o := engine.Options{
		Provider: engine.Provider(cfg.Provider), Precision: models.Precision(cfg.Precision), AllowFallback: true,
		Threads: cfg.Threads, Logger: log, Cache: cache, Later: cfg.Engine.Meanwhile == "answer",
		TensorRT: engine.TensorRTOptions{
			Workspace: int64(cfg.Engine.Workspace), Level: cfg.Engine.Level, MinSubgraph: cfg.Engine.MinSubgraph,
		},
	}
	if state := stateFolder(); state != "" {
		o.Baseline = filepath.Join(state, baselineFile)
	}
	return o
}

// ProveOn returns how a bundle is tried before it is activated: its engines are built into the cache and its golden
// test runs, beside whatever else the runtime runs.
func ProveOn(rt *engine.Runtime, cfg config.Config, log *slog.Logger) store.Prove {
	return func(ctx context.Context, b *models.Bundle) error {
		cache, err := OpenCache(cfg, rt)
		if err != nil {
			return err
		}
		o := EngineOptions(cfg, cache, log)
		o.Later, o.Baseline = false, "" // the verdict is wanted now, and two bundles at once are slow
		e, err := engine.Open(ctx, rt, b, o)
		if err != nil {
			return err
		}
		return e.Close()
	}
}

// load opens the bundle and its engine. A bundle on trial that cannot be loaded gives way at once.
func (d *daemon) load(ctx context.Context, rt *engine.Runtime) error {
	var err error
	if d.store, err = OpenStore(d.cfg, d.log); err != nil {
		d.log.Error("installed bundles are not used", "err", err)
	}
	for {
		dir, err := d.choose()
		if err != nil {
			return err
		}
		err = d.loadFrom(ctx, rt, dir)
		if err == nil || !d.trial || ctx.Err() != nil {
			return err
		}
		if failed := d.store.Fail(err.Error()); failed != nil {
			return errors.Join(err, failed)
		}
	}
}

// choose returns the folder of the bundle to load: an installed one, unless the command line named another or gave a
// folder.
func (d *daemon) choose() (string, error) {
	d.trial = false
	if d.store == nil || d.cfg.BundlePinned || strings.ContainsRune(d.cfg.Bundle, filepath.Separator) {
		return FindBundle(d.cfg)
	}
	c, err := d.store.Start()
	if err != nil {
		d.log.Error("installed bundles are not used", "err", err)
	}
	if err != nil || c.Dir == "" {
		return FindBundle(d.cfg)
	}
	d.trial = c.Trial
	return c.Dir, nil
}

func (d *daemon) loadFrom(ctx context.Context, rt *engine.Runtime, dir string) error {
	var err error
	if d.bundle, err = models.Open(dir); err != nil {
		return fmt.Errorf("opening bundle %s: %w", dir, err)
	}
	cache, err := OpenCache(d.cfg, rt)
	if err != nil {
		d.log.Error("engines are built at every start", "err", err)
	}
	o := EngineOptions(d.cfg, cache, d.log)
	o.Progress = d.building
	if d.engine, err = engine.Open(ctx, rt, d.bundle, o); err != nil {
		return fmt.Errorf("loading bundle %s: %w", dir, err)
	}
	return nil
}

// How long systemd is asked to wait for a daemon that is not ready.
const (
	engineTime = 30 * time.Minute // while TensorRT builds one engine
	startTime  = 3 * time.Minute  // from the last engine to the first observation; TimeoutStartSec of the unit
)

// building tells systemd that an engine begins or ends. It is asked for more time only while the daemon is not ready:
// later the clock of its start has stopped.
func (d *daemon) building(b engine.Build) {
	if d.ready.Load() {
		return
	}
	if b.State != engine.BuildRunning || b.Done >= b.Total {
		d.say(d.notify.ExtendTimeout(startTime))
		return
	}
	d.say(d.notify.ExtendTimeout(engineTime))
	d.say(d.notify.Status(fmt.Sprintf("building engine %d of %d: %s %s", b.Done+1, b.Total, b.Graph, b.Precision)))
}

// buildPatience is how long a stop waits for the engine at work, which cannot be interrupted. systemd waits longer.
const buildPatience = 5 * time.Second

// build makes engines that are missing while something else answers. When the daemon stops meanwhile, it waits a little
// and then leaves the engine at work to the end of the process.
func (d *daemon) build(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := d.engine.Build(ctx); err != nil {
			d.log.Info("engines are not complete", "err", err)
		}
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	patience := time.NewTimer(buildPatience)
	defer patience.Stop()
	select {
	case <-done:
	case <-patience.C:
		d.abandoned.Store(true)
		d.log.Warn("an engine that is being built is given up")
	}
	return nil
}

// unload closes ONNX Runtime, unless a session is still being made in it.
func (d *daemon) unload(rt *engine.Runtime) error {
	if d.abandoned.Load() {
		return nil
	}
	return rt.Close()
}

// probation confirms a bundle on trial once it has answered for as long as is configured.
func (d *daemon) probation(ctx context.Context) error {
	if !d.trial {
		return nil
	}
	tick := time.NewTicker(min(time.Second, d.cfg.Update.Probation))
	defer tick.Stop()
	var since time.Time
	for since.IsZero() || time.Since(since) < d.cfg.Update.Probation {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if since.IsZero() && d.ready.Load() {
				since = now
			}
		}
	}
	if err := d.store.Confirm(); err != nil {
		d.log.Error("the new bundle could not be confirmed", "err", err)
		return nil
	}
	d.tellTrial(payload.UpdateConfirmed, "the new bundle has proved itself and stays")
	d.log.Info("the new bundle stays", "bundle", d.bundle.Manifest.Name, "version", d.bundle.Manifest.Version)
	return nil
}

// describe says what ran the networks and how far the engines are.
func (d *daemon) describe(s *payload.RuntimeState) {
	r := d.engine.Report()
	s.Provider, s.Precision, s.Degraded, s.Reason = string(r.Provider), string(r.Precision), r.Degraded, r.Reason
	for _, a := range r.Attempts {
		s.Tried = append(s.Tried, payload.TriedProvider{Provider: string(a.Provider), Reason: a.Error()})
	}
	for _, share := range r.Ran {
		s.Ran = append(s.Ran, payload.ProviderShare{
			Provider: string(share.Provider), Nodes: share.Nodes, TimeMs: milliseconds(share.Time),
		})
	}
	if b := r.Build; b.State != engine.BuildNone {
		s.EngineBuild = &payload.EngineBuild{
			State: string(b.State), Precision: string(b.Precision), Graph: b.Graph, Done: b.Done, Total: b.Total,
			ElapsedSeconds: math.Round(b.Elapsed.Seconds()), RemainingSeconds: math.Round(b.Left.Seconds()),
			Reason: b.Reason,
		}
	}
}

// steady is a build without what moves every second.
func steady(b *payload.EngineBuild) *payload.EngineBuild {
	if b == nil {
		return nil
	}
	still := *b
	still.ElapsedSeconds, still.RemainingSeconds = 0, 0
	return &still
}

// slow says if the networks are slower than they were when this device first ran them.
func (d *daemon) slow() []payload.Error {
	reason := d.engine.Report().Slow
	if reason == "" {
		return nil
	}
	return []payload.Error{{
		ErrorType: "latency", ErrorLevel: payload.LevelWarning, ErrorDescription: reason,
		ErrorHint: "look at the power mode, the temperature and what else runs; vegad doctor names them",
	}}
}
