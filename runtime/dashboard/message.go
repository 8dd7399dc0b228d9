package dashboard

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/scene"
)

// About is what does not change while the robot runs.
type About struct {
	Version      string
	Manufacturer string
	Serial       string
	Bundle       string // name and version
	Labels       []string
	Colors       []string
	Kinds        []string // of questions
}

// Report is how the robot does at one instant.
type Report struct {
	State        payload.State
	Broker       string // address, without a password
	Connected    bool
	LinkError    string // why not
	Frames       uint64 // encoded since the start
	Observations uint64 // since the start
	Stages       []Reading
	Temperatures []Reading // °C; empty where nothing measures them
	Powers       []Reading // W; the same
	Standing     []Standing
}

// Reading is one measured value.
type Reading struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"` // ms for a stage, °C, W
}

// Standing is a standing question with its newest answer.
type Standing struct {
	ID       string          `json:"id"`
	Client   string          `json:"client"`
	Question string          `json:"question"`
	Query    json.RawMessage `json:"query,omitempty"`
	Until    payload.Time    `json:"until"`
	Answer   *payload.Answer `json:"answer,omitempty"`
}

// hello opens a connection: everything that the page must know to draw the rest.
type hello struct {
	Type         string    `json:"type"` // hello
	Version      string    `json:"version"`
	Manufacturer string    `json:"manufacturer"`
	Serial       string    `json:"serialNumber"`
	Cameras      []eyeView `json:"cameras"`
	Bundle       string    `json:"bundle"`
	Labels       []string  `json:"labels"`
	Colors       []string  `json:"colors"`
	Kinds        []string  `json:"kinds"`
	FreeRange    float64   `json:"freeRange"` // metres up to which free space is told
	Answers      []entry   `json:"answers"`   // oldest first
	Log          []Line    `json:"log"`
}

// eyeView is a camera, for projecting boxes into its picture.
type eyeView struct {
	Name       string  `json:"name"`
	Calibrated bool    `json:"calibrated"`
	HFOV       float64 `json:"hfovRad"`
	Aspect     float64 `json:"aspect"` // width over height
	X          float64 `json:"x"`      // in base_link
	Y          float64 `json:"y"`
	Height     float64 `json:"height"`
	Yaw        float64 `json:"yaw"`
	Pitch      float64 `json:"pitch"` // positive looks down
}

func newEyeView(e Eye) eyeView {
	return eyeView{
		Name: e.Name, Calibrated: e.Calibrated, HFOV: e.View.HFOV,
		Aspect: float64(e.View.Width) / float64(e.View.Height), X: e.Mount.X, Y: e.Mount.Y,
		Height: max(0, e.Mount.Height), Yaw: e.Mount.Yaw, Pitch: e.Mount.Pitch,
	}
}

// sceneMessage is the memory as the page draws it.
type sceneMessage struct {
	Type        string         `json:"type"` // scene
	Seq         uint64         `json:"seq"`
	CaptureTime payload.Time   `json:"captureTime"`
	Epoch       uint32         `json:"epoch"`
	Pose        payload.Pose2D `json:"pose"`
	PoseSource  string         `json:"poseSource"`
	Objects     []thing        `json:"objects"` // remembered
	Now         []thing        `json:"now"`     // in the newest observation
	Free        []freeSector   `json:"free"`
	Room        payload.Room   `json:"room"`
	Looked      float64        `json:"looked"`
	Consistency float64        `json:"consistency"`
	Gate        payload.Gate   `json:"gate"`
}

// thing is an object on the page, in the frame map.
type thing struct {
	ID        string       `json:"id,omitempty"`
	Label     string       `json:"label"`
	Color     string       `json:"color,omitempty"`
	Box       payload.Box  `json:"box"`
	Cov       [3]float64   `json:"cov"` // of the centre on the floor: xx, xy, yy, m²
	SizeSigma payload.Vec3 `json:"sizeSigma"`
	Existence float64      `json:"existence"`
	Hits      int          `json:"hits"`
	LastSeen  payload.Time `json:"lastSeen"`
}

// freeSector is the floor in one direction, as far as it is known.
type freeSector struct {
	Bearing float64 `json:"bearing"` // of its middle, in base_link, left positive
	Width   float64 `json:"width"`
	Free    float64 `json:"free"`
}

func newScene(s *scene.Snapshot) sceneMessage {
	out := sceneMessage{
		Type: "scene", Seq: s.Seq, CaptureTime: payload.Time{Time: s.Wall}, Epoch: s.Epoch,
		Pose:       payload.Pose2D{X: s.Robot.X, Y: s.Robot.Y, Yaw: s.Robot.Yaw},
		PoseSource: string(s.PoseSource), Objects: things(s.Seen), Now: things(s.Now), Free: []freeSector{},
		Room:   payload.Room{Length: s.Room.Length, Width: s.Room.Width, Height: s.Room.Height, Area: s.Room.Area},
		Looked: s.Looked, Consistency: s.Consistency,
		Gate: payload.Gate{Mean: s.GateMean, Shift: s.GateShift},
	}
	const width = 2 * math.Pi / scene.Sectors
	for i, f := range s.Free {
		if f.Known {
			out.Free = append(out.Free, freeSector{Bearing: (float64(i)+0.5)*width - math.Pi, Width: width, Free: f.Free})
		}
	}
	return out
}

func things(objects []scene.Object) []thing {
	out := make([]thing, len(objects))
	for i := range objects {
		o := &objects[i]
		b := o.Box
		out[i] = thing{
			ID: o.ID, Label: o.Label, Color: o.Color,
			Box: payload.Box{
				Center: payload.Vec3{X: b.Center.X, Y: b.Center.Y, Z: b.Center.Z},
				Size:   payload.Vec3{X: b.Size.X, Y: b.Size.Y, Z: b.Size.Z}, Yaw: b.Yaw,
			},
			Cov: [3]float64{o.CenterCov[0], o.CenterCov[1], o.CenterCov[4]},
			SizeSigma: payload.Vec3{
				X: deviation(o.SizeVar.X), Y: deviation(o.SizeVar.Y), Z: deviation(o.SizeVar.Z),
			},
			Existence: o.Existence, Hits: o.Hits, LastSeen: payload.Time{Time: o.LastWall},
		}
	}
	return out
}

func deviation(variance float64) float64 { return math.Sqrt(max(0, variance)) }

// reportMessage is the robot's state as the page shows it, once a second.
type reportMessage struct {
	Type          string        `json:"type"` // report
	Time          payload.Time  `json:"time"`
	State         payload.State `json:"state"`
	Broker        string        `json:"broker"`
	Connected     bool          `json:"connected"`
	LinkError     string        `json:"linkError"`
	FrameHz       float64       `json:"frameHz"`
	ObservationHz float64       `json:"observationHz"`
	Stages        []Reading     `json:"stages"`
	Temperatures  []Reading     `json:"temperatures"`
	Powers        []Reading     `json:"powers"`
	Standing      []Standing    `json:"standing"`
	Recording     recording     `json:"recording"`
	Viewers       int           `json:"viewers"`
}

// reporter turns counters into rates, from one report to the next.
type reporter struct {
	at                   time.Time
	frames, observations uint64
}

func (r *reporter) rates(now time.Time, from Report) (frames, observations float64) {
	if period := now.Sub(r.at).Seconds(); !r.at.IsZero() && period > 0 && period < 5 {
		frames = float64(from.Frames-r.frames) / period
		observations = float64(from.Observations-r.observations) / period
	}
	r.at, r.frames, r.observations = now, from.Frames, from.Observations
	return frames, observations
}

func (s *Server) report(now time.Time) reportMessage {
	r := s.cfg.Robot.Report()
	r.State.Stamp(r.State.Header)
	out := reportMessage{
		Type: "report", Time: payload.Time{Time: now}, State: r.State, Broker: r.Broker, Connected: r.Connected,
		LinkError: r.LinkError, Stages: list(r.Stages), Temperatures: list(r.Temperatures), Powers: list(r.Powers),
		Standing: list(r.Standing), Recording: s.recording(), Viewers: s.hub.count(),
	}
	out.FrameHz, out.ObservationHz = s.reporter.rates(now, r)
	return out
}

// list makes an array of JSON of a slice that may be nil.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// encode makes a text message. What cannot be written, such as a number that is none, is not sent.
func (s *Server) encode(v any) message {
	data, err := json.Marshal(v)
	if err != nil {
		s.log.Debug("message not sent to the page", "err", err)
		return message{}
	}
	return message{data: data}
}

// binary makes a message of a header and bytes: the header's length in two bytes, little endian, then both.
func (s *Server) binary(head any, data []byte) message {
	text := s.encode(head).data
	if text == nil || len(text) > math.MaxUint16 {
		return message{}
	}
	out := binary.LittleEndian.AppendUint16(make([]byte, 0, 2+len(text)+len(data)), uint16(len(text)))
	return message{binary: true, data: append(append(out, text...), data...)}
}
