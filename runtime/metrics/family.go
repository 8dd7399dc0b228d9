package metrics

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// family is one metric with all its labels' values.
type family struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// catalog lists the metrics of a collector, which are declared once, when it is made.
type catalog struct {
	namespace string
	names     []string
	descs     []*prometheus.Desc
}

func (c *catalog) add(name, help string, labels []string) *prometheus.Desc {
	full := prometheus.BuildFQName(c.namespace, "", name)
	desc := prometheus.NewDesc(full, help, labels, nil)
	c.names, c.descs = append(c.names, full), append(c.descs, desc)
	return desc
}

// gauge declares what goes up and down.
func (c *catalog) gauge(name, help string, labels ...string) family {
	return family{c.add(name, help, labels), prometheus.GaugeValue}
}

// counter declares what only grows.
func (c *catalog) counter(name, help string, labels ...string) family {
	return family{c.add(name, help, labels), prometheus.CounterValue}
}

// Describe tells of every metric there may be.
func (c *catalog) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		out <- d
	}
}

// sink is one scrape.
type sink chan<- prometheus.Metric

// put tells a value. Labels come from sensors' and robots' names: what is no UTF-8 in them is replaced.
func (s sink) put(f family, value float64, labels ...string) {
	for i, l := range labels {
		labels[i] = strings.ToValidUTF8(l, "?")
	}
	m, err := prometheus.NewConstMetric(f.desc, f.kind, value, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(f.desc, err)
	}
	s <- m
}

// maybe tells a value that may be unknown.
func (s sink) maybe(f family, value *float64, labels ...string) {
	if value != nil {
		s.put(f, *value, labels...)
	}
}

// oneOf tells which of some words holds: 1 for it, 0 for the others. The words come after the given labels.
func oneOf[W ~string](s sink, f family, words []W, holds W, labels ...string) {
	for _, w := range words {
		s.put(f, number(w == holds), append(slices.Clip(labels), string(w))...)
	}
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
