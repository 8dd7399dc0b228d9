// Package catalog declares metrics for Prometheus and tells their values at a scrape.
//
// A collector embeds a Catalog, declares its families when it is made, and puts their values into a Sink when it is
// asked to. Names follow Prometheus' conventions: base units, and _total on what only grows.
package catalog

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Family is one metric with all its labels' values.
type Family struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// Catalog lists the metrics of a collector. Its zero value has no namespace and no metrics.
type Catalog struct {
	Namespace string // begins every name

	names []string
	descs []*prometheus.Desc
}

// Add declares a metric of which the collector makes the values itself.
func (c *Catalog) Add(name, help string, labels ...string) *prometheus.Desc {
	full := prometheus.BuildFQName(c.Namespace, "", name)
	desc := prometheus.NewDesc(full, help, labels, nil)
	c.names, c.descs = append(c.names, full), append(c.descs, desc)
	return desc
}

// Gauge declares what goes up and down.
func (c *Catalog) Gauge(name, help string, labels ...string) Family {
	return Family{c.Add(name, help, labels...), prometheus.GaugeValue}
}

// Counter declares what only grows, but for a robot's start.
func (c *Catalog) Counter(name, help string, labels ...string) Family {
	return Family{c.Add(name, help, labels...), prometheus.CounterValue}
}

// Names lists the full names of all metrics, in the order of their declaration.
func (c *Catalog) Names() []string { return slices.Clone(c.names) }

// Describe tells of every metric there may be.
func (c *Catalog) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// Sink is one scrape.
type Sink chan<- prometheus.Metric

// Put tells a value. Labels come from sensors' and robots' names: what is no UTF-8 in them is replaced.
func (s Sink) Put(f Family, value float64, labels ...string) {
	for i, l := range labels {
		labels[i] = strings.ToValidUTF8(l, "?")
	}
	m, err := prometheus.NewConstMetric(f.desc, f.kind, value, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(f.desc, err)
	}
	s <- m
}

// Maybe tells a value that may be unknown: nil is not told.
func (s Sink) Maybe(f Family, value *float64, labels ...string) {
	if value != nil {
		s.Put(f, *value, labels...)
	}
}

// OneOf tells which of some words holds: 1 for it, 0 for the others. The words come after the given labels.
func OneOf[W ~string](s Sink, f Family, words []W, holds W, labels ...string) {
	for _, w := range words {
		s.Put(f, Number(w == holds), append(slices.Clip(labels), string(w))...)
	}
}

// Number is 1 for what holds and 0 for what does not.
func Number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// scrapes is how many may be under way; a crowd of them is refused.
const scrapes = 3

// Handler serves what the collectors collect. What is wrong with one metric is logged; the others are told.
func Handler(logger *slog.Logger, all ...prometheus.Collector) (http.Handler, error) {
	registry := prometheus.NewRegistry()
	for _, c := range all {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(logger.With("component", "metrics").Handler(), slog.LevelDebug),
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: scrapes,
	}), nil
}
