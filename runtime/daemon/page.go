package daemon

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/dashboard"
	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/query"
	"github.com/vega-edge/vegad/runtime/scene"
)

// shown is the daemon as the page sees it.
type shown struct{ d *daemon }

var (
	_ dashboard.Robot    = shown{}
	_ dashboard.Answerer = shown{}
)

// keepLog lets the page show the log, from the first line on.
func (d *daemon) keepLog() {
	if d.cfg.Dashboard.Served() {
		d.tail = &dashboard.Tail{}
		d.log = slog.New(d.tail.Wrap(d.log.Handler()))
	}
}

// openPage prepares the page; without one d.page stays nil, which shows nothing.
func (d *daemon) openPage() error {
	c := d.cfg.Dashboard
	if !c.Served() {
		return nil
	}
	var security *tls.Config
	if c.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(string(c.CertFile), string(c.KeyFile))
		if err != nil {
			return fmt.Errorf("reading dashboard.certFile and keyFile: %w", err)
		}
		security = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	}
	numbers, err := d.metricsHandler()
	if err != nil {
		return err
	}
	m := &d.bundle.Manifest
	var recorder dashboard.Recorder
	if d.record != nil {
		recorder = d.record
	}
	d.page, err = dashboard.New(dashboard.Config{
		Listen: c.Listen, Token: c.Token.Reveal(), TLS: security, Hosts: c.Hosts, FPS: c.FPS, Width: c.Width,
		MaxViewers: c.MaxViewers, Robot: shown{d}, Answerer: shown{d}, Tail: d.tail, Metrics: numbers, Recorder: recorder,
		Logger: d.log,
		About: dashboard.About{
			Version: d.o.Version, Manufacturer: d.cfg.Identity.Manufacturer, Serial: d.cfg.Identity.SerialNumber,
			Bundle: m.Name + " " + m.Version, Labels: m.Labels, Colors: m.Colors, Kinds: questionKinds(),
		},
		Eyes: d.shownEyes(),
	})
	return err
}

// shownEyes are the cameras as the page draws them.
func (d *daemon) shownEyes() []dashboard.Eye {
	v := d.bundle.Manifest.View
	out := make([]dashboard.Eye, len(d.eyes))
	for i, e := range d.eyes {
		out[i] = dashboard.Eye{
			Name: e.name, Calibrated: e.pipeline.Calibrated(),
			View:        camera.Canonical{Width: v.Width, Height: v.Height, HFOV: v.HFOVRad},
			Calibration: e.calibration, AssumedHFOV: e.assumed, Mount: e.mount,
		}
	}
	return out
}

// questionKinds lists what can be asked, in the words of the contract.
func questionKinds() []string {
	var out []string
	for _, k := range query.Supported() {
		out = append(out, string(k))
	}
	return out
}

// servePage runs the page beside the other tasks. That it cannot be served is no reason to stop watching.
func (d *daemon) servePage(ctx context.Context, group *errgroup.Group) {
	if d.page == nil {
		return
	}
	group.Go(func() error {
		if err := d.page.Run(ctx); err != nil {
			d.log.Error("the page has ended", "err", err)
		}
		return nil
	})
}

// Scene returns what is remembered now.
func (s shown) Scene() *scene.Snapshot { return s.d.memory.Snapshot() }

// Ask answers a question of the page, on the terms of any other client.
func (s shown) Ask(ctx context.Context, ask payload.Ask) payload.Answer {
	return s.d.attendTo(ctx, ask, time.Now())
}

// Watch begins or ends a standing question of the page. Its answers go out over MQTT as well.
func (s shown) Watch(w payload.Watch) error {
	d := s.d
	if w.Cancel {
		if !d.watches.belongs(w.RequestID, w.Client) {
			return fmt.Errorf("standing question %s is not one of the page", w.RequestID)
		}
		d.watches.remove(w.RequestID)
		d.clearWatch(w.RequestID)
		return nil
	}
	q, err := d.understand(payload.Ask{Question: w.Question, Query: w.Query, Scope: w.Scope})
	if err == nil {
		err = d.watches.add(d.newStanding(w, q), d.cfg.Limits.MaxWatches, d.cfg.Limits.MaxWatchesPerClient)
	}
	if err == nil {
		d.reply(d.glance(), time.Now())
	}
	return err
}

func (w *watches) belongs(id, client string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	s, ok := w.byID[id]
	return ok && s.client == client
}

// Map hands out what the networks made of the newest frames. The gate is given as the share of meaning, whatever the
// bundle multiplies with it.
func (s shown) Map(camera int, stream dashboard.Stream, buffer []float32) (dashboard.Map, error) {
	m, err := s.d.eyes[camera].pipeline.Map(perception.Stream(stream), buffer)
	if err == nil && stream == dashboard.Gate && s.d.bundle.Manifest.Fusion.GatePolarity != "semantic" {
		for i, v := range m.Values {
			m.Values[i] = 1 - v
		}
	}
	return dashboard.Map{
		Cols: m.Cols, Rows: m.Rows, Channels: m.Channels, Seq: m.Seq, Family: string(m.Family), Values: m.Values,
	}, err
}

// Report tells how the daemon does now, with what the link adds to its state.
func (s shown) Report() dashboard.Report {
	d := s.d
	state, l := d.fullState()
	t := d.eyes[0].pipeline.Timing()
	temperatures, powers := vitals(state.Device)
	return dashboard.Report{
		State: state, Broker: d.link.Broker().Redacted(), Connected: l.Connected, LinkError: l.LastError,
		Frames: d.frames.Load(), Observations: d.observations.Load(),
		Stages: []dashboard.Reading{
			{Name: "view", Value: milliseconds(t.View)},
			{Name: "encoders", Value: milliseconds(t.Encoders)},
			{Name: "mixer", Value: milliseconds(t.Mixer)},
			{Name: "head", Value: milliseconds(t.Head)},
			{Name: "decode", Value: milliseconds(t.Decode)},
		},
		Temperatures: temperatures, Powers: powers,
		Standing: d.standing(),
	}
}

// fullState is the state with what the link adds to it, and the link's own counters.
func (d *daemon) fullState() (payload.State, link.Stats) {
	state, l := d.state(), d.link.Stats()
	state.Link = payload.LinkState{
		Connections: l.Connections, Published: l.Published, Dropped: l.Dropped, Unconfirmed: l.Unconfirmed,
		Refused: l.Refused,
	}
	state.Outbox = d.link.Outbox()
	return state, l
}

// vitals lists what the machine tells of its heat, in °C, and its power, in W.
func vitals(device *payload.Device) (temperatures, powers []dashboard.Reading) {
	if device == nil {
		return nil, nil
	}
	for _, t := range device.Temperatures {
		temperatures = append(temperatures, dashboard.Reading{Name: t.Zone, Value: t.Celsius})
	}
	for _, r := range device.Rails {
		powers = append(powers, dashboard.Reading{Name: r.Name, Value: r.PowerW})
	}
	return temperatures, powers
}

// standing lists the standing questions, in the order of their names.
func (d *daemon) standing() []dashboard.Standing {
	d.replying.Lock()
	defer d.replying.Unlock()
	d.watches.mu.Lock()
	defer d.watches.mu.Unlock()
	out := make([]dashboard.Standing, 0, len(d.watches.byID))
	for _, s := range d.watches.byID {
		one := dashboard.Standing{
			ID: s.id, Client: s.client, Question: s.question, Query: encode(s.query), Until: payload.Time{Time: s.until},
		}
		if s.last != nil {
			answer := *s.last
			answer.Stamp(answer.Header)
			one.Answer = &answer
		}
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b dashboard.Standing) int { return strings.Compare(a.ID, b.ID) })
	return out
}
