package report

import (
	"encoding/json"
	"fmt"
	"io"

	qint8 "github.com/vega-edge/vegad/quant/int8"
	"github.com/vega-edge/vegad/quant/sensitivity"
)

// Document is a report on one or more conversions.
type Document struct {
	Title     string `json:"title"`
	Generator string `json:"generator"` // program and version
	// Machine says where the latencies were measured.
	Machine string  `json:"machine"`
	Graphs  []Graph `json:"graphs"`
	// Task is what a benchmark of the whole says, by precision and figure. May be empty.
	Task []Figure `json:"task,omitempty"`
}

// Figure is one figure of a benchmark in every precision.
type Figure struct {
	Name   string             `json:"name"`
	Values map[string]float64 `json:"values"` // by precision
}

// Graph is the conversion of one network.
type Graph struct {
	Name      string          `json:"name"`
	Precision string          `json:"precision"`
	Method    string          `json:"method,omitempty"`
	Samples   int             `json:"samples"` // seen by the calibration
	Judged    int             `json:"judged"`  // seen by this comparison
	From      File            `json:"from"`
	To        File            `json:"to"`
	LatencyMs []Latency       `json:"latencyMs"`
	Layers    []Layer         `json:"layers,omitempty"`
	Unknown   []qint8.Unknown `json:"unknown,omitempty"` // node types that were left alone
	Outputs   []Tensor        `json:"outputs"`           // worst first
	Pairs     []Tensor        `json:"pairs"`             // at every Q/DQ, worst first
	// Golden is the largest error of the outputs on the bundle's golden inputs, and Tolerance what is allowed.
	Golden      float64             `json:"golden,omitempty"`
	Tolerance   float64             `json:"tolerance,omitempty"`
	Sensitivity *sensitivity.Result `json:"sensitivity,omitempty"`
	Histograms  []Histogram         `json:"histograms,omitempty"` // of the worst pairs
	Notes       []string            `json:"notes,omitempty"`
}

// File is a model file.
type File struct {
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// Latency is the median time of a run.
type Latency struct {
	Precision string  `json:"precision"`
	Median    float64 `json:"median"` // in milliseconds
}

// Layer is a layer with its work.
type Layer struct {
	qint8.Layer
	FLOPs int64 `json:"flops"`
}

// Histogram is the outline of a tensor's values on the calibration samples.
type Histogram struct {
	Tensor    string    `json:"tensor"`
	Low       float64   `json:"low"`
	High      float64   `json:"high"`
	Threshold float64   `json:"threshold"` // magnitude at which int8 clips
	Shares    []float64 `json:"shares"`    // of the values, in equal steps from low to high
}

// Int8Share is the share of the layers' FLOPs that are done in int8.
func (g *Graph) Int8Share() float64 {
	var all, part int64
	for _, l := range g.Layers {
		all += l.FLOPs
		if l.Quantized() {
			part += l.FLOPs
		}
	}
	if all == 0 {
		return 0
	}
	return float64(part) / float64(all)
}

// WriteJSON writes the document for machines.
func (d *Document) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", " ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(d); err != nil {
		return fmt.Errorf("writing report: %w", err)
	}
	return nil
}
