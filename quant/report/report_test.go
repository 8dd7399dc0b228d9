package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vega-edge/vegad/quant/calibration"
	qint8 "github.com/vega-edge/vegad/quant/int8"
	"github.com/vega-edge/vegad/quant/report"
	"github.com/vega-edge/vegad/quant/sensitivity"
)

// graph multiplies its input with a factor and adds an offset.
type graph struct {
	factor, offset float32
	x, y           []float32
}

func newGraph(factor, offset float32) *graph {
	return &graph{factor: factor, offset: offset, x: make([]float32, 2), y: make([]float32, 2)}
}

func (g *graph) Input(name string) []float32  { return map[string][]float32{"x": g.x}[name] }
func (g *graph) Output(name string) []float32 { return map[string][]float32{"y": g.y}[name] }

func (g *graph) Run(context.Context) error {
	for i, v := range g.x {
		g.y[i] = v*g.factor + g.offset
	}
	return nil
}

func samples(values ...[]float32) calibration.Samples {
	var list []calibration.Sample
	for _, v := range values {
		list = append(list, calibration.Sample{"x": v})
	}
	return calibration.Repeat(list)
}

func TestCompare(t *testing.T) {
	pairs := []report.Pair{{Tensor: "x", Converted: "x", Scale: 0.5}, {Tensor: "y", Converted: "y"}}
	seen := samples([]float32{1, 2}, []float32{-2, 1})
	got, err := report.Compare(t.Context(), newGraph(1, 0), newGraph(1, 0.1), seen, pairs)
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Name != "y" || got[1].Name != "x" {
		t.Fatalf("the worst does not come first: %+v", got)
	}
	// Four errors of 0.1 on values whose squares add up to ten.
	if want := 10 * math.Log10(10/0.04); math.Abs(got[0].SQNRdB-want) > 1e-4 {
		t.Errorf("%v dB, want %v", got[0].SQNRdB, want)
	}
	// The image is the value plus 0.1: the product is 10 + 0.1 * 2, the square of the image 10 + 0.2 * 2 + 0.04.
	if want := 10.2 / math.Sqrt(10*10.44); math.Abs(got[0].Cosine-want) > 1e-6 {
		t.Errorf("cosine %v, want %v", got[0].Cosine, want)
	}
	if math.Abs(got[0].MaxAbs-0.1) > 1e-6 || got[0].Peak != 2 || got[0].Scale != 0 || got[1].Scale != 0.5 {
		t.Errorf("%+v", got)
	}
	if got[1].SQNRdB != report.MaxSQNR || got[1].Cosine != 1 {
		t.Errorf("equal tensors have %v dB and cosine %v", got[1].SQNRdB, got[1].Cosine)
	}
}

func TestCompareRefusesAndEndures(t *testing.T) {
	pair := []report.Pair{{Tensor: "y", Converted: "y"}}
	boom := errors.New("boom")
	broken := func(yield func(calibration.Sample, error) bool) { yield(nil, boom) }
	if _, err := report.Compare(t.Context(), newGraph(1, 0), newGraph(1, 0), broken, pair); !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	_, err := report.Compare(t.Context(), newGraph(1, 0), newGraph(1, 0), samples(), pair)
	if !errors.Is(err, calibration.ErrNoSamples) {
		t.Errorf("error %v", err)
	}
	_, err = report.Compare(t.Context(), newGraph(1, 0), newGraph(1, 0), samples([]float32{1, 2}),
		[]report.Pair{{Tensor: "y", Converted: "gone"}})
	if err == nil || !strings.Contains(err.Error(), "tensor y has 2 elements, its image gone has 0") {
		t.Errorf("error %v", err)
	}
	for name, g := range map[string]*graph{
		"no number": newGraph(float32(math.NaN()), 0), "infinite": newGraph(float32(math.Inf(1)), 0),
	} {
		got, err := report.Compare(t.Context(), newGraph(1, 0), g, samples([]float32{1, 2}), pair)
		if err != nil {
			t.Fatal(err)
		}
		if got[0].SQNRdB != -report.MaxSQNR {
			t.Errorf("%s: %+v", name, got[0])
		}
		if _, err := json.Marshal(got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func document() *report.Document {
	const attack = `</svg><script>alert("x")</script>`
	return &report.Document{
		Title: "Bundle <nano>", Generator: "vegad test", Machine: "a desk",
		Task: []report.Figure{{Name: "locate", Values: map[string]float64{"fp32": 50, "int8": 49.5}}},
		Graphs: []report.Graph{{
			Name: "video_stem", Precision: "int8", Method: "mse", Samples: 64, Judged: 8,
			From: report.File{SHA256: strings.Repeat("a", 64), Bytes: 4 << 20}, To: report.File{SHA256: "b", Bytes: 1 << 20},
			LatencyMs: []report.Latency{{"fp32", 4}, {"int8", 1.5}},
			Layers: []report.Layer{
				{Layer: qint8.Layer{ID: "conv", Op: "Conv"}, FLOPs: 3e9},
				{Layer: qint8.Layer{ID: "last", Op: "Conv", Reason: "a last layer"}, FLOPs: 1e9},
			},
			Unknown: []qint8.Unknown{{Op: "acme.Warp", Nodes: []string{attack}}},
			Outputs: []report.Tensor{{Name: "geometry", SQNRdB: 31.25, Cosine: 0.9997, MaxAbs: 0.1, Peak: 4}},
			Pairs: []report.Tensor{
				{Name: attack, SQNRdB: 12, Scale: 0.1},
				{Name: "relu", SQNRdB: 45, Scale: 0.1},
				{Name: "broken", SQNRdB: -200, Scale: 1},
			},
			Golden: 0.05, Tolerance: 0.15,
			Sensitivity: &sensitivity.Result{
				Loss: 0.01, Limit: 0.02, Int8Share: 0.75, Measured: 9,
				Layers: []sensitivity.Sensitivity{
					{Layer: sensitivity.Layer{ID: "conv", FLOPs: 3e9}, Alone: 0.005, LeftOut: 0.006},
				},
			},
			Histograms: []report.Histogram{
				{Tensor: "relu", Low: -1, High: 5, Threshold: 4, Shares: []float64{0.1, 0, 0.9}},
				{Tensor: "wide", Low: 0, High: 5, Threshold: 7, Shares: []float64{1}},
			},
			Notes: []string{"something <odd>"},
		}},
	}
}

func TestPageStandsAlone(t *testing.T) {
	var out bytes.Buffer
	if err := document().WriteHTML(&out); err != nil {
		t.Fatal(err)
	}
	page := out.String()
	for _, want := range []string{
		"Bundle &lt;nano&gt;", "31.2 dB", "4.00×", "75.0 %", "4.00 → 1.50 ms", "a last layer", "acme.Warp",
		"something &lt;odd&gt;", "49.50", "of 0.15 allowed", "9 choices measured",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if found := regexp.MustCompile(`(?i)<script|https?:|src=|@import|url\(`).FindString(page); found != "" {
		t.Errorf("the page holds %q: it must stand alone and run nothing", found)
	}
}

// The pictures are well-formed by themselves, whatever the names of tensors.
func TestPicturesAreWellFormed(t *testing.T) {
	var out bytes.Buffer
	if err := document().WriteHTML(&out); err != nil {
		t.Fatal(err)
	}
	pictures := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(out.String(), -1)
	if len(pictures) != 3 {
		t.Fatalf("%d pictures, want the bars and two histograms", len(pictures))
	}
	for i, picture := range pictures {
		decoder := xml.NewDecoder(strings.NewReader(picture))
		for {
			_, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("picture %d: %v\n%s", i, err, picture)
			}
		}
	}
	if bars := strings.Count(pictures[0], "<rect"); bars != 3 {
		t.Errorf("%d bars", bars)
	}
	if lines := strings.Count(pictures[1], "<line"); lines != 1 {
		t.Errorf("%d lines where int8 clips, want the one inside the picture", lines)
	}
	if strings.Contains(pictures[2], "<line") {
		t.Error("a threshold outside of the values has a line")
	}
}

func TestEmptyDocument(t *testing.T) {
	empty := &report.Document{Graphs: []report.Graph{{}}}
	if err := empty.WriteHTML(io.Discard); err != nil {
		t.Error(err)
	}
	if s := empty.Graphs[0].Int8Share(); s != 0 {
		t.Errorf("share %v", s)
	}
}

func TestJSONComesBack(t *testing.T) {
	var out bytes.Buffer
	if err := document().WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var got report.Document
	decoder := json.NewDecoder(&out)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(document(), &got); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkPage(b *testing.B) {
	d := document()
	for b.Loop() {
		if err := d.WriteHTML(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
