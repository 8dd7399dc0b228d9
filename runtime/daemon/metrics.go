package daemon

import (
	"context"
	"fmt"
	"net/http"

	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/metrics"
	"github.com/vega-edge/vegad/runtime/web"
)

// measured is the daemon as Prometheus sees it.
type measured struct{ d *daemon }

var _ metrics.Robot = measured{}

// Measure reads the counters that state and stats are made of.
func (m measured) Measure() metrics.Measurement {
	d := m.d
	state, l := d.fullState()
	o := d.box.Stats()
	_, changes, _ := d.condition.read()
	out := metrics.Measurement{
		Version: d.o.Version, Bundle: d.bundle.Manifest.Name + " " + d.bundle.Manifest.Version,
		State: state, Connected: l.Connected,
		Frames: d.frames.Load(), Observations: d.observations.Load(),
		Questions: d.meter.asked(), Commands: d.obeyed.read(), StandingQuestions: d.watches.count(),
		EventsSuppressed: d.suppressed.Load(), StepChanges: changes,
		OutboxWritten: o.Written, OutboxTransactions: o.Commits,
	}
	if snap := d.memory.Snapshot(); !snap.Empty() {
		out.Consistency = &snap.Consistency
	}
	for _, s := range d.meter.stages() {
		out.Stages = append(out.Stages, metrics.Stage{Name: s.name, Duration: s.stage.all()})
	}
	return out
}

// metricsHandler serves the metrics on the page, and is nil when they are served elsewhere or not at all.
func (d *daemon) metricsHandler() (http.Handler, error) {
	if !d.cfg.MetricsOnPage() {
		return nil, nil
	}
	return metrics.Handler(measured{d}, d.log)
}

// serveMetrics serves the metrics on an address of their own, if they have one, until ctx ends. That they cannot be
// served any more is no reason to stop watching.
func (d *daemon) serveMetrics(ctx context.Context) error {
	if d.cfg.MetricsAddress() == "" {
		return nil
	}
	site, err := web.New(web.Config{
		Listen: d.cfg.MetricsAddress(), Hosts: d.cfg.Dashboard.Hosts, HostsSetting: "dashboard.hosts",
		Logger: d.log.With("component", "metrics"),
	})
	if err != nil {
		return fmt.Errorf("serving metrics: %w", err)
	}
	handler, err := metrics.Handler(measured{d}, d.log)
	if err != nil {
		return fmt.Errorf("serving metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", handler)
	if err := site.Run(ctx, mux); err != nil {
		d.log.Error("metrics are not served any more", "err", err)
	}
	return nil
}

// asked counts questions since the start.
func (m *meter) asked() payload.Asked {
	return payload.Asked{
		Answered: m.answered.Load(), Abstained: m.abstained.Load(), Refused: m.refused.Load(), Expired: m.expired.Load(),
	}
}

// named is a stage of the work with its name in messages.
type named struct {
	name  string
	stage *stage
}

func (m *meter) stages() []named {
	return []named{{"encode", &m.encode}, {"observe", &m.observe}, {"head", &m.head}, {"question", &m.question}}
}
