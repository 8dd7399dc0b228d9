package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// result is what became of one question.
type result struct {
	planned
	answer  payload.Answer
	err     error // no answer came
	latency time.Duration
	judgement
}

// guest is a client on the broker like any other: it feeds the robot's odometry and asks the questions.
type guest struct {
	demo  *demo
	clock *filmClock
	ready chan daemon.Info
}

func newGuest(d *demo) *guest {
	return &guest{demo: d, clock: newFilmClock(), ready: make(chan daemon.Info, 1)}
}

// welcome tells that the daemon is ready.
func (g *guest) welcome(info daemon.Info) { g.ready <- info }

// visit waits for the daemon, then drives and asks until all questions were asked or there is nothing to watch.
func (g *guest) visit(ctx context.Context) (err error) {
	var info daemon.Info
	select {
	case info = <-g.ready:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	g.demo.introduce(info)
	asker, err := link.Dial(ctx, link.AskerConfig{
		Broker: info.Broker, Prefix: info.Prefix, Manufacturer: info.Manufacturer, Serial: info.Serial,
	})
	if err != nil {
		return g.endOf(ctx, err)
	}
	defer func() { err = errors.Join(err, asker.Close()) }()
	select {
	case <-g.clock.started:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return g.drive(ctx, asker) })
	group.Go(func() error {
		defer stop(errAsked)
		return g.ask(ctx, asker)
	})
	err = group.Wait()
	if errors.Is(err, errAsked) || (errors.Is(err, errFilmEnded) && len(g.demo.results) > 0) {
		return nil
	}
	return err
}

// errAsked stops the odometry when the last question was answered.
var errAsked = errors.New("everything was asked")

// endOf prefers the reason why a context ended to the error that this caused.
func (g *guest) endOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// drive publishes the wheel odometry of every frame at the moment of its capture.
func (g *guest) drive(ctx context.Context, asker *link.Asker) error {
	start := g.clock.start(demoFPS)
	for i, o := range g.demo.wheels {
		at := start.Add(time.Duration(float64(i) / demoFPS * float64(time.Second)))
		if err := waitUntil(ctx, at); err != nil {
			return err
		}
		if err := asker.PublishPose(ctx, o.message(at)); err != nil {
			return g.endOf(ctx, err)
		}
	}
	return nil
}

// ask asks the planned questions, each at its moment.
func (g *guest) ask(ctx context.Context, asker *link.Asker) error {
	start := g.clock.start(demoFPS)
	for i, p := range g.demo.plan {
		if err := g.await(ctx, start.Add(time.Duration(g.demo.times[i]*float64(time.Second)))); err != nil {
			return err
		}
		r := g.question(ctx, asker, p)
		if r.err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		g.demo.report(r)
	}
	return nil
}

// await shows how the film goes on until an instant.
func (g *guest) await(ctx context.Context, until time.Time) error {
	ticker := time.NewTicker(redrawEvery)
	defer ticker.Stop()
	begun := g.clock.start(demoFPS)
	for time.Now().Before(until) {
		gone := time.Since(begun)
		g.demo.shown.update("watching %s %.0f of %.0f s, %d of %d questions asked",
			bar(gone.Seconds(), g.demo.length.Seconds()), gone.Seconds(), g.demo.length.Seconds(), len(g.demo.results),
			len(g.demo.plan))
		next := time.Now().Add(redrawEvery)
		if until.Before(next) {
			next = until
		}
		if err := waitUntil(ctx, next); err != nil {
			return err
		}
	}
	return nil
}

// patience is how long the guest waits for an answer.
const patience = 5 * time.Second

// question asks one question and compares the answer with the truth.
func (g *guest) question(ctx context.Context, asker *link.Asker, p planned) result {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r := result{planned: p, judgement: judgement{noDeviation, noDeviation}}
	begun := time.Now()
	r.answer, r.err = asker.Ask(ctx, payload.Ask{
		Question: p.text, Scope: payload.Seen, DeadlineMs: patience.Milliseconds(),
	})
	r.latency = time.Since(begun)
	d := g.demo
	if r.err != nil || d.truth == nil {
		return r
	}
	frame, ok := g.clock.at(r.answer.CaptureTime.Time, demoFPS)
	if ok && frame >= 0 && frame < len(d.truth.Frames) {
		r.judgement = judge(d.truth, p, frame, d.wheels[frame].pose, r.answer)
	}
	return r
}

// introduce prints what runs.
func (d *demo) introduce(info daemon.Info) {
	d.shown.clear()
	d.say("networks %s, %s on %s%s\n", info.Bundle, info.Precision, info.Provider,
		noted(info.Degraded, ", degraded: "+info.Reason))
	d.say("broker   %s, robot %s/%s\n\n", info.Broker, info.Manufacturer, info.Serial)
}

// report prints one question with its answer.
func (d *demo) report(r result) {
	d.results = append(d.results, r)
	d.shown.clear()
	d.say("%d/%d  %s\n", len(d.results), len(d.plan), r.text)
	if r.err != nil {
		d.say("     no answer: %s\n\n", r.err)
		return
	}
	d.say("     answer   %s\n", headline(r.answer))
	if d.truth != nil {
		d.say("     truth    %s\n     error    %s\n", r.truth, r.deviation)
	}
	d.say("     latency  %s\n\n", milliseconds(r.latency.Seconds()*1e3))
}

// summarize prints the table and what to do next. Questions that got no answer at all fail the demonstration.
func (d *demo) summarize() error {
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', 0)
	put := func(cells ...any) { _, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", cells...) }
	put("QUESTION", "ANSWER", "TRUTH", "ERROR", "LATENCY")
	failed := 0
	for _, r := range d.results {
		if r.err != nil || r.answer.Status == payload.Refused || r.answer.Status == payload.Expired {
			failed++
		}
		put(r.text, r.short(), r.truth, r.deviation, milliseconds(r.latency.Seconds()*1e3))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("printing the table: %w", err)
	}
	d.farewell()
	missing := len(d.plan) - len(d.results)
	if missing > 0 && d.truth == nil {
		d.say("\nThe film ended before all questions were asked.\n")
		missing = 0
	}
	if failed+missing > 0 {
		return fmt.Errorf("%d of %d questions got no answer", failed+missing, len(d.plan))
	}
	return nil
}

// farewell tells where everything lies and how to go on.
func (d *demo) farewell() {
	source := d.cfg.Cameras[0].URI
	if d.truth != nil {
		source = fmt.Sprintf("room:?seed=%d", d.truth.Seed)
		d.say("\nThe film is %s\n", d.film)
	}
	bundle := noted(d.cfg.Bundle != config.Default().Bundle, " --bundle '"+d.cfg.Bundle+"'")
	d.say("\nThe daemon's log is %s\nAsk yourself, in two terminals:\n", d.logFile())
	d.say("  %s run --camera '%s'%s\n  %[1]s ask \"how far is the nearest chair?\"\n", os.Args[0], source, bundle)
}

// short is the answer in a table's cell.
func (r result) short() string {
	a := r.answer
	switch {
	case r.err != nil:
		return "none"
	case a.Status != payload.Answered || a.Answer == nil:
		return string(a.Status)
	case a.Answer.Value == nil:
		return a.Answer.Choice
	case r.kind == "exists":
		return a.Answer.Choice
	case r.kind == "direction":
		return fmt.Sprintf("%.0f°", degrees(*a.Answer.Value))
	case r.kind == "count":
		return fmt.Sprintf("%.0f", *a.Answer.Value)
	case r.kind == "nearest":
		return fmt.Sprintf("%s, %.2f m", a.Answer.Choice, *a.Answer.Value)
	}
	return fmt.Sprintf("%.2f m", *a.Answer.Value)
}
