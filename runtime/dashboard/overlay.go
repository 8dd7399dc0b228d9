package dashboard

import (
	"math"
	"slices"
	"time"
)

// Stream names a map over the grid of the view that can be laid over the picture.
type Stream string

// The streams.
const (
	Gate     Stream = "gate"     // one value a token: 1 is all meaning, 0 all geometry
	Geometry Stream = "geometry" // what the video backbone says, in its time context
	Semantic Stream = "semantic" // what the semantic encoder says
	Fused    Stream = "fused"    // what the gate makes of the two
)

func (s Stream) known() bool { return slices.Contains([]Stream{Gate, Geometry, Semantic, Fused}, s) }

// Map is the values of a stream over the grid: channel by channel, each row by row from the top left.
type Map struct {
	Cols, Rows, Channels int
	Seq                  uint64 // of the newest frame it rests on
	Family               string // of questions, under which the gate was set: observe without a question
	Values               []float32
}

// overlayEvery is the least time between two maps of a stream: the eye reads no more.
const overlayEvery = 190 * time.Millisecond

// overlay is what is kept of a stream between two maps.
type overlay struct {
	buffer     []float32
	components components
	painted    time.Time
}

// overlayHeader stands before the bytes of an overlay: one a token for the gate, stretched from Low to High, and three,
// red, green and blue, for the other streams.
type overlayHeader struct {
	Type   string  `json:"type"` // overlay
	Camera int     `json:"camera"`
	Stream Stream  `json:"stream"`
	Cols   int     `json:"cols"`
	Rows   int     `json:"rows"`
	Seq    uint64  `json:"seq"`
	Family string  `json:"family"`
	Low    float64 `json:"low"` // of the gate
	High   float64 `json:"high"`
	Mean   float64 `json:"mean"`
}

// drawOverlays makes the maps that somebody looks at.
func (s *Server) drawOverlays(now time.Time) {
	for at := range s.hub.sights() {
		o := s.overlays[at]
		if o == nil {
			o = &overlay{}
			s.overlays[at] = o
		}
		if now.Sub(o.painted) < overlayEvery {
			continue
		}
		o.painted = now
		m, err := s.cfg.Robot.Map(at.camera, at.stream, o.buffer)
		if err != nil {
			s.log.Debug("no map for the page", "stream", string(at.stream), "err", err)
			continue
		}
		o.buffer = m.Values
		head, data := o.paint(at.stream, m)
		head.Camera = at.camera
		s.hub.put(overlaySlot, s.binary(head, data), func(v *viewer) bool { return v.wants() == at })
	}
}

func (o *overlay) paint(stream Stream, m Map) (overlayHeader, []byte) {
	head := overlayHeader{
		Type: "overlay", Stream: stream, Cols: m.Cols, Rows: m.Rows, Seq: m.Seq, Family: m.Family,
	}
	if stream != Gate {
		return head, o.components.paint(m.Values, m.Channels, m.Cols*m.Rows)
	}
	data := stretch(&head, m.Values)
	return head, data
}

// stretch writes the gate in bytes from its lowest value to its highest. What is no number counts as one half.
func stretch(head *overlayHeader, values []float32) []byte {
	clean := make([]float64, len(values))
	head.Low, head.High = math.Inf(1), math.Inf(-1)
	for i, v := range values {
		x := float64(v)
		if math.IsNaN(x) {
			x = 0.5
		}
		x = min(max(x, 0), 1)
		clean[i] = x
		head.Low, head.High = min(head.Low, x), max(head.High, x)
		head.Mean += x / float64(len(values))
	}
	out := make([]byte, len(clean))
	span := max(head.High-head.Low, 1e-6)
	for i, x := range clean {
		out[i] = byte(math.Round(255 * (x - head.Low) / span))
	}
	return out
}
