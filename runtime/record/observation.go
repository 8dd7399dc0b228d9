package record

import "github.com/vega-edge/vegad/runtime/scene"

// Observation is one run of the head, for an observation or for a question. Metres, radians, base_link.
type Observation struct {
	Seq        uint64      `json:"seq"` // of the newest picture that it rests on
	Family     string      `json:"family"`
	Offered    bool        `json:"offered"` // the memory was asked to take it in
	GateMean   float64     `json:"gateMean"`
	GateShift  float64     `json:"gateShift"`
	Agrees     float64     `json:"consistency"`
	Detections []Detection `json:"detections"`
	Hints      []Detection `json:"hints"`
	Ego        *Motion     `json:"ego,omitempty"`
	Room       Room        `json:"room"`
	View       View        `json:"view"`
}

// Detection is one thing seen.
type Detection struct {
	Label     int       `json:"label"` // index into the bundle's labels
	Score     float64   `json:"score"`
	Center    Vector    `json:"centerM"`
	Size      Vector    `json:"sizeM"`
	Yaw       float64   `json:"yawRad"`
	CenterVar Vector    `json:"centerVarM2"`
	SizeVar   Vector    `json:"sizeVarM2"`
	YawVar    float64   `json:"yawVarRad2"`
	Colors    []float32 `json:"colors,omitempty"`
	Embedding []float32 `json:"embedding,omitempty"`
}

// Vector is x, y and z.
type Vector [3]float64

// Motion is the robot's own, as the networks tell it.
type Motion struct {
	X      float64 `json:"xM"`
	Y      float64 `json:"yM"`
	Yaw    float64 `json:"yawRad"`
	VarX   float64 `json:"xVarM2"`
	VarY   float64 `json:"yVarM2"`
	VarYaw float64 `json:"yawVarRad2"`
}

// Room is the enclosing room.
type Room struct {
	Length float64 `json:"lengthM"`
	Width  float64 `json:"widthM"`
	Height float64 `json:"heightM"`
	Area   float64 `json:"areaM2"`
	LogVar float64 `json:"logAreaVar"`
}

// View is the depth along the rays of the grid, row by row from the top left.
type View struct {
	Cols       int       `json:"cols"`
	Rows       int       `json:"rows"`
	Depth      []float32 `json:"depthM"` // 0 is unknown
	DepthSigma []float32 `json:"depthSigma"`
}

// NewObservation describes an observation. It shares the slices of o.
func NewObservation(o *scene.Observation, family string, offered bool) Observation {
	out := Observation{
		Seq: o.Seq, Family: family, Offered: offered, GateMean: o.GateMean, GateShift: o.GateShift, Agrees: o.Consistency,
		Detections: detections(o.Detections), Hints: detections(o.Hints), Room: Room(o.Room),
		View: View{Cols: o.View.Cols, Rows: o.View.Rows, Depth: o.View.Depth, DepthSigma: o.View.DepthSigma},
	}
	if o.HasEgo {
		out.Ego = &Motion{
			X: o.Ego.X, Y: o.Ego.Y, Yaw: o.Ego.Yaw, VarX: o.Ego.VarX, VarY: o.Ego.VarY, VarYaw: o.Ego.VarYaw,
		}
	}
	return out
}

func detections(from []scene.Detection) []Detection {
	out := make([]Detection, len(from))
	for i := range from {
		d := &from[i]
		out[i] = Detection{
			Label: d.Label, Score: d.Score, Center: vector(d.Box.Center), Size: vector(d.Box.Size), Yaw: d.Box.Yaw,
			CenterVar: vector(d.CenterVar), SizeVar: vector(d.SizeVar), YawVar: d.YawVar, Colors: d.Colors,
			Embedding: d.Embedding,
		}
	}
	return out
}

func vector(v scene.Vec3) Vector { return Vector{v.X, v.Y, v.Z} }
