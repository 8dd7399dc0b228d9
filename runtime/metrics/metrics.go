// Package metrics tells Prometheus how a robot does.
//
// Nothing is measured for it and nothing is computed between two scrapes: a scrape reads the counters that the messages
// state and stats are made of. Names follow Prometheus' conventions: base units, and _total on what only grows.
package metrics

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/metrics/catalog"
)

// Robot is what is scraped. Its method is called at every scrape, by any goroutine.
type Robot interface {
	// Measure tells how the robot does now.
	Measure() Measurement
}

// Measurement is a robot at one instant. Its counters begin with the process.
type Measurement struct {
	Version string // of vegad
	Bundle  string // name and version

	State     payload.State // with Link and Outbox
	Connected bool          // to the broker

	Frames       uint64 // through the encoders
	Observations uint64 // taken into memory
	Consistency  *float64
	Stages       []Stage

	Questions          payload.Asked
	Commands           payload.Obeyed
	StandingQuestions  int
	EventsSuppressed   uint64
	StepChanges        uint64
	OutboxWritten      uint64 // records that went to disk
	OutboxTransactions uint64
}

// Stage is how long one step of the work took.
type Stage struct {
	Name     string
	Duration Histogram
}

// Histogram counts durations by how long they were. The zero value is empty; it is not safe for concurrent use.
type Histogram struct {
	counts [len(bounds) + 1]uint64 // the last one is of what is longer than all bounds
	sum    time.Duration
}

// bounds end the buckets. They lie closest where a picture's time and a question's patience are decided.
var bounds = [...]time.Duration{
	time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond,
	35 * time.Millisecond, 50 * time.Millisecond, 75 * time.Millisecond, 100 * time.Millisecond,
	150 * time.Millisecond, 200 * time.Millisecond, 350 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second,
}

// Observe counts one duration.
func (h *Histogram) Observe(d time.Duration) {
	at := 0
	for at < len(bounds) && d > bounds[at] {
		at++
	}
	h.counts[at]++
	h.sum += d
}

// cumulative returns how many durations there are, their sum in seconds, and how many are within each bound.
func (h *Histogram) cumulative() (count uint64, sum float64, within map[float64]uint64) {
	within = make(map[float64]uint64, len(bounds))
	for i, bound := range bounds {
		count += h.counts[i]
		within[bound.Seconds()] = count
	}
	return count + h.counts[len(bounds)], h.sum.Seconds(), within
}

// Handler serves a robot's metrics, and those of its process.
func Handler(robot Robot, logger *slog.Logger) (http.Handler, error) {
	return catalog.Handler(logger, newCollector(robot), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
}

// Names lists every metric of a robot, whether it tells it or not, but for those of its process.
func Names() []string { return newCollector(nil).Names() }
