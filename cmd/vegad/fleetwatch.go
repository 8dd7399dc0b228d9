package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vega-edge/vegad/runtime/fleet"
	"github.com/vega-edge/vegad/runtime/link"
)

// fleetWatchCmd is vegad fleet watch.
type fleetWatchCmd struct {
	hubFlags
	Sort    string        `default:"trouble" help:"trouble, name, heard, temperature or outbox (${default})."`
	Filter  string        `placeholder:"TEXT" help:"Only robots with it in name, bundle, provider or trouble's cause."`
	Trouble string        `placeholder:"LIST" help:"Only robots with one of these troubles, such as hot,blind."`
	Every   time.Duration `default:"1s" help:"Time between two pictures (${default})."`
	Once    bool          `help:"Print all once it is quiet, and exit: 0 if nobody is in trouble, 3 otherwise."`
	Wait    time.Duration `default:"10s" help:"With --once: longest time to listen (${default})."`
	Scenes  bool          `help:"Take positions from scenes, too: they are fresher, and by far the largest messages."`
	Page    string        `placeholder:"URL" help:"Address of robots' pages, with {manufacturer} and {serial} in it."`
	JSON    bool          `name:"json" help:"Print JSON: with --once an object, else a line for each robot with news."`

	troubles fleet.Trouble // of Trouble
	any      bool          // Trouble was given
}

// Validate checks the flags that kong cannot.
func (c *fleetWatchCmd) Validate() error {
	if _, err := fleet.ParseOrder(c.Sort); err != nil {
		return fmt.Errorf("--sort: %w", err)
	}
	if c.Trouble != "" {
		wanted, err := fleet.ParseTrouble(c.Trouble)
		if err != nil {
			return fmt.Errorf("--trouble: %w", err)
		}
		c.troubles, c.any = wanted, true
	}
	if c.Every < 100*time.Millisecond || c.Wait < 100*time.Millisecond {
		return errors.New("--every and --wait must be at least 100ms")
	}
	return c.hubFlags.Validate()
}

// fleetPicture is what the command shows.
type fleetPicture struct {
	Broker    string         `json:"broker"`
	Connected bool           `json:"connected"`
	Problem   string         `json:"problem,omitempty"` // why not connected
	Known     int            `json:"known"`             // robots before filters
	Counts    map[string]int `json:"counts"`            // of them by their worst trouble
	Messages  uint64         `json:"messages"`          // that told something
	Refused   uint64         `json:"refused"`           // malformed, or beyond what is kept
	Robots    []fleet.Robot  `json:"robots"`            // those wanted, in order
}

// watch is a running fleetWatchCmd.
type watch struct {
	*fleetWatchCmd
	registry *fleet.Registry
	listener *link.Listener
	heard    atomic.Int64 // when the last message came that the broker had kept, Unix nanoseconds
}

// Run watches until interrupted, or once.
func (c *fleetWatchCmd) Run(ctx context.Context, s streams) error {
	w := &watch{fleetWatchCmd: c, registry: fleet.New(fleet.Config{Prefix: c.Prefix, PageURL: c.Page})}
	if err := w.listen(warnings(s.err)); err != nil {
		return err
	}
	listening, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- w.listener.Run(listening) }()
	err := w.show(ctx, s)
	stop()
	return errors.Join(err, <-done)
}

func (w *watch) listen(log *slog.Logger) error {
	security, err := w.tls()
	if err != nil {
		return err
	}
	w.listener, err = link.NewListener(link.ListenerConfig{
		Broker: w.Broker, Failover: w.Failover, TLS: security, Password: w.password(), MaxBackoff: 5 * time.Second,
		Logger: log, Filters: w.registry.Topics(w.Scenes), Subscribed: w.registry.Listen,
		Receive: func(topic string, data []byte, retained bool) {
			if retained {
				w.heard.Store(time.Now().UnixNano())
			}
			_ = w.registry.Take(topic, data, retained) // counted, and shown as refused
		},
	})
	if err != nil {
		return usageError{err}
	}
	return nil
}

func (w *watch) show(ctx context.Context, s streams) error {
	switch {
	case w.Once:
		return w.once(ctx, s)
	case w.JSON:
		return w.stream(ctx, s)
	}
	return w.draw(ctx, s)
}

// picture is everything as it is now.
func (w *watch) picture() fleetPicture {
	connected, problem := w.listener.Connected()
	stats := w.registry.Stats()
	out := fleetPicture{
		Broker: w.listener.Broker(), Connected: connected, Counts: map[string]int{},
		Messages: stats.Taken, Refused: stats.Refused + stats.NoRoom,
	}
	if problem != nil {
		out.Problem = problem.Error()
	}
	all := w.registry.Snapshot(fleet.Order(w.Sort))
	out.Known = len(all)
	counts := map[fleet.Trouble]int{}
	for i := range all {
		counts[all[i].Trouble.Worst()]++
	}
	for trouble, n := range counts {
		out.Counts[trouble.String()] = n
	}
	out.Robots = slices.DeleteFunc(all, func(r fleet.Robot) bool { return !w.wants(&r) })
	return out
}

// wants applies the filters.
func (w *watch) wants(r *fleet.Robot) bool {
	if w.any && !r.Trouble.Has(w.troubles) && (w.troubles != 0 || r.Trouble != 0) {
		return false
	}
	if w.Filter == "" {
		return true
	}
	for _, text := range []string{r.Manufacturer, r.ID(), r.Bundle, r.Provider, r.Why, r.Trouble.String()} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(w.Filter)) {
			return true
		}
	}
	return false
}

// quiet is how long nothing retained must come before all that the broker has kept counts as heard.
const quiet = 500 * time.Millisecond

// once prints everything when it is quiet.
func (w *watch) once(ctx context.Context, s streams) error {
	if err := w.settle(ctx); err != nil {
		return err
	}
	out := w.picture()
	if !out.Connected {
		return fmt.Errorf("watching %s: %s", out.Broker, out.Problem)
	}
	if w.JSON {
		if err := s.json(out); err != nil {
			return err
		}
	} else {
		s.say("%s", out.table(screen{}, time.Now()))
	}
	for i := range out.Robots {
		if out.Robots[i].Trouble.Worst() > fleet.Uneasy {
			return verdict(exitAbstained)
		}
	}
	return nil
}

// settle waits until it is quiet, or long enough.
func (w *watch) settle(ctx context.Context) error {
	began := time.Now()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var subscribed time.Time
	for time.Since(began) < w.Wait {
		select {
		case now := <-tick.C:
			if up, _ := w.listener.Connected(); up && subscribed.IsZero() {
				subscribed = now
			}
			heard := time.Unix(0, w.heard.Load())
			if !subscribed.IsZero() && now.Sub(subscribed) > quiet && now.Sub(heard) > quiet {
				return nil
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// stream prints a line for each robot that has news, until interrupted.
func (w *watch) stream(ctx context.Context, s streams) error {
	shown := map[string]fleet.Trouble{}
	var revision uint64
	tick := time.NewTicker(w.Every)
	defer tick.Stop()
	for {
		newest := revision
		for _, r := range w.picture().Robots {
			known, before := shown[r.ID()]
			newest = max(newest, r.Revision)
			if before && known == r.Trouble && r.Revision <= revision {
				continue
			}
			shown[r.ID()] = r.Trouble
			if err := s.line(r); err != nil {
				return err
			}
		}
		revision = newest
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// draw shows the table again and again, until interrupted: on a terminal as much as fits, in place of the last.
func (w *watch) draw(ctx context.Context, s streams) error {
	tick := time.NewTicker(w.Every)
	defer tick.Stop()
	terminal := isTerminal(s.out)
	for {
		if terminal {
			now := w.picture()
			s.say("\x1b[H%s\x1b[J", now.table(terminalSize(s.out), time.Now()))
		} else {
			now := w.picture()
			s.say("%s\n", now.table(screen{}, time.Now()))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
