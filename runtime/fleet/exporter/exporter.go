// Package exporter tells Prometheus how every robot of a fleet does, by what they told about themselves over MQTT.
//
// A scrape reads the registry; between two nothing is computed. A robot that was not heard for a time disappears.
package exporter

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/vega-edge/vegad/runtime/fleet"
	"github.com/vega-edge/vegad/runtime/metrics/catalog"
)

// DefaultForget is how long a robot that is not heard goes on being told of.
const DefaultForget = 24 * time.Hour

// Config describes an exporter. Registry, Connected and Logger are required.
type Config struct {
	Registry  *fleet.Registry
	Connected func() bool   // whether the broker is listened to now
	Forget    time.Duration // after which a robot that is not heard disappears; 0 is DefaultForget
	Logger    *slog.Logger
}

// Handler serves the metrics of a fleet, and those of this process.
func Handler(cfg Config) (http.Handler, error) {
	return catalog.Handler(cfg.Logger, newCollector(cfg), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// collector turns a registry into metrics.
type collector struct {
	catalog.Catalog

	cfg   Config
	fleet fleetFamilies
	robot robotFamilies
}

func newCollector(cfg Config) *collector {
	if cfg.Forget <= 0 {
		cfg.Forget = DefaultForget
	}
	c := &collector{Catalog: catalog.Catalog{Namespace: "vegad"}, cfg: cfg}
	c.fleet = newFleetFamilies(&c.Catalog)
	c.robot = newRobotFamilies(&c.Catalog)
	return c
}

// Collect tells of every robot that was heard lately.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	to, since := catalog.Sink(out), time.Now().Add(-c.cfg.Forget)
	worst := make(map[fleet.Trouble]float64)
	for _, r := range c.cfg.Registry.Snapshot(fleet.ByName) {
		if r.LastHeard.Before(since) {
			continue
		}
		worst[r.Trouble.Worst()]++
		c.robot.collect(to, &r)
	}
	c.fleet.collect(to, worst, c.cfg.Registry.Stats())
	to.Put(c.fleet.connected, catalog.Number(c.cfg.Connected()))
}

// fleetFamilies tell of the fleet as a whole, and of the exporter itself.
type fleetFamilies struct{ robots, messages, connected catalog.Family }

func newFleetFamilies(c *catalog.Catalog) fleetFamilies {
	return fleetFamilies{
		robots:    c.Gauge("fleet_robots", "Robots, by the worst of their troubles; ok have none.", "trouble"),
		messages:  c.Counter("fleet_messages_total", "Messages, by what became of them.", "outcome"),
		connected: c.Gauge("fleet_broker_connected", "1 while the broker is listened to."),
	}
}

func (f *fleetFamilies) collect(to catalog.Sink, worst map[fleet.Trouble]float64, s fleet.Stats) {
	to.Put(f.robots, worst[0], "ok")
	for _, t := range fleet.Troubles() {
		to.Put(f.robots, worst[t], t.String())
	}
	to.Put(f.messages, float64(s.Taken), "taken")
	to.Put(f.messages, float64(s.Ignored), "ignored")
	to.Put(f.messages, float64(s.Refused), "refused")
	to.Put(f.messages, float64(s.NoRoom), "noRoom")
}

// Names lists every metric of a fleet, but for those of this process.
func Names() []string { return newCollector(Config{}).Names() }
