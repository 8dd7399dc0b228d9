package perception

import (
	"context"
	"fmt"

	"github.com/vega-edge/vegad/models"
)

// Stream names one of the maps over the grid that the networks make on their way to an observation.
type Stream string

// The streams.
const (
	GateStream     Stream = "gate"     // one value a token, 0..1: the share of the stream that the manifest names
	GeometryStream Stream = "geometry" // of the video backbone, in its time context
	SemanticStream Stream = "semantic" // of the semantic encoder
	FusedStream    Stream = "fused"    // the two, as the gate mixes them
)

// Map is the values of a stream over the grid: channel by channel, each row by row from the top left.
type Map struct {
	Cols, Rows, Channels int
	Seq                  uint64 // of the newest frame it rests on
	Family               Family // whose context the gate had
	Values               []float32
}

// Map copies what the newest observation or question made of a stream into buffer, or into a larger one, and returns
// it. Before the first observation it returns ErrNoFrame. It waits while the networks run, so it is not for the
// goroutine that feeds them.
func (p *Pipeline) Map(s Stream, buffer []float32) (Map, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.family == "" {
		return Map{}, ErrNoFrame
	}
	if p.shared.latest != p { // the graphs hold the tokens of another camera; to run them again takes milliseconds
		if err := p.think(context.Background(), p.family); err != nil {
			return Map{}, err
		}
	}
	values, err := p.tokens(s)
	if err != nil {
		return Map{}, err
	}
	g := p.cfg.Manifest.Grid
	return Map{
		Cols: g.Cols, Rows: g.Rows, Channels: len(values) / (g.Cols * g.Rows), Seq: p.obs.Seq, Family: p.family,
		Values: append(buffer[:0], values...),
	}, nil
}

// tokens is where the head found or left a stream. Of tokens for several frames the newest are taken.
func (p *Pipeline) tokens(s Stream) ([]float32, error) {
	switch s {
	case GateStream:
		return p.head.Output("gate"), nil
	case SemanticStream:
		return p.head.Input("semantic"), nil
	case FusedStream:
		return p.head.Output("fused"), nil
	case GeometryStream:
		values := p.head.Input("generative")
		return values[len(values)-len(values)/p.frames():], nil
	}
	return nil, fmt.Errorf("stream %q: there are gate, geometry, semantic and fused", s)
}

// frames is for how many frames the mixer makes tokens: its output has an axis more when they are several.
func (p *Pipeline) frames() int {
	for _, t := range p.cfg.Manifest.Graphs[models.VideoMixer].Outputs {
		if t.Name == "generative" && len(t.Shape) == 5 {
			return int(t.Shape[1])
		}
	}
	return 1
}
