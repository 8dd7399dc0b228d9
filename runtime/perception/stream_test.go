package perception_test

import (
	"errors"
	"testing"
	"time"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/perception"
)

// TestMap reads every stream after an observation and after a question.
func TestMap(t *testing.T) {
	n := newNetwork()
	n.head.out["fused"] = make([]float32, 2*cells)
	fill(n.head.out["fused"], 3)
	fill(n.head.out["gate"], 0.25)
	n.mixer.run = func(f *fake) error { fill(f.out["generative"], 5); return nil }
	n.semantic.run = func(f *fake) error { fill(f.out["semantic"], 7); return nil }
	p := newPipeline(t, config(n))
	if _, err := p.Map(perception.GateStream, nil); !errors.Is(err, perception.ErrNoFrame) {
		t.Errorf("before the first observation: %v", err)
	}
	feed(t, p, picture(4, time.Second))
	observe(t, p, perception.Observe)
	buffer := make([]float32, 0, 5*cells)
	for stream, want := range map[perception.Stream]struct {
		channels int
		value    float32
	}{
		perception.GateStream: {1, 0.25}, perception.GeometryStream: {5, 5},
		perception.SemanticStream: {semantic, 7}, perception.FusedStream: {2, 3},
	} {
		m, err := p.Map(stream, buffer)
		if err != nil || m.Channels != want.channels || m.Values[cells/2] != want.value || m.Cols != cols || m.Rows != rows {
			t.Errorf("%s: %d channels of %v, %v", stream, m.Channels, m.Values[:1], err)
		}
		if m.Seq != 4 || m.Family != perception.Observe || &m.Values[0] != &buffer[:1][0] {
			t.Errorf("%s: frame %d, family %s, or the buffer was not used", stream, m.Seq, m.Family)
		}
	}
	observe(t, p, perception.Measure)
	if m, err := p.Map(perception.GateStream, nil); err != nil || m.Family != perception.Measure {
		t.Errorf("after a question: family %q, %v", m.Family, err)
	}
	if _, err := p.Map("depth", nil); err == nil {
		t.Error("there is a stream depth")
	}
}

// TestMapOfSeveralFrames takes the newest frame's tokens of a mixer that makes some for each.
func TestMapOfSeveralFrames(t *testing.T) {
	n := newNetwork()
	cfg := config(n)
	tokens := []int64{1, clip, 2, rows, cols}
	cfg.Manifest.Graphs = map[string]models.GraphSpec{
		models.VideoMixer: {Outputs: []models.TensorSpec{{Name: "generative", Shape: tokens}}},
	}
	n.mixer.out["generative"] = make([]float32, clip*2*cells)
	n.head.in["generative"] = make([]float32, clip*2*cells)
	n.mixer.run = func(f *fake) error {
		fill(f.out["generative"][(clip-1)*2*cells:], 9)
		return nil
	}
	p := newPipeline(t, cfg)
	feed(t, p, picture(1, time.Second))
	observe(t, p, perception.Observe)
	m, err := p.Map(perception.GeometryStream, nil)
	if err != nil || m.Channels != 2 || m.Values[0] != 9 || m.Values[2*cells-1] != 9 {
		t.Errorf("%d channels of %v, %v", m.Channels, m.Values[:1], err)
	}
}
