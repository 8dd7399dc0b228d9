package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// Fault is what is wrong with a simulated robot.
type Fault string

// The faults.
const (
	Well      Fault = ""
	Hot       Fault = "hot"       // it throttles and does half of its work
	Blind     Fault = "blind"     // its camera is lost
	Fallback  Fault = "fallback"  // its networks run on the CPU
	Uncertain Fault = "uncertain" // it abstains from most questions
	Broken    Fault = "broken"    // it can give no answers
)

// faults are those that a share of the robots have, evenly.
var faults = []Fault{Hot, Blind, Fallback, Uncertain, Broken}

// The rates of a robot in its default configuration.
const (
	observationHz = 5
	frameHz       = 15
)

// Robot makes the messages of one simulated robot: those of a Jetson that runs vegad in its default configuration. The
// same seed and number make the same robot. It belongs to one goroutine.
type Robot struct {
	Manufacturer string
	Serial       string
	Fault        Fault

	rand    *rand.Rand
	warmth  float64 // degrees Celsius at rest
	heading float64
	x, y    float64
	counts  payload.Asked // since the last statistics
	asked   int
	skipped uint64
}

// Manufacturer is that of all simulated robots.
const Manufacturer = "sim"

// NewRobot returns robot number n of a seed; troubled is the share of robots with a Fault, 0..1.
func NewRobot(seed uint64, n int, troubled float64) *Robot {
	r := &Robot{
		Manufacturer: Manufacturer, Serial: fmt.Sprintf("%06d", n),
		rand: rand.New(rand.NewPCG(seed, uint64(n))),
	}
	if r.rand.Float64() < troubled {
		r.Fault = faults[r.rand.IntN(len(faults))]
	}
	r.warmth = 48 + 12*r.rand.Float64()
	r.x, r.y, r.heading = 20*r.rand.Float64()-10, 20*r.rand.Float64()-10, 2*math.Pi*r.rand.Float64()-math.Pi
	return r
}

// Factsheet says what the robot is.
func (r *Robot) Factsheet() payload.Factsheet {
	provider, precision := r.runs()
	return payload.Factsheet{
		VegadVersion: "0.3.0", Provider: provider, Precision: precision,
		Bundle: payload.Bundle{Name: "edge", Version: "0.3.0", Digests: map[string]string{
			"manifest.json": fmt.Sprintf("%064x", 1), "video_stem.onnx": fmt.Sprintf("%064x", 2),
			"semantic_encoder.onnx": fmt.Sprintf("%064x", 3), "video_mixer.onnx": fmt.Sprintf("%064x", 4),
			"spatial_head.onnx": fmt.Sprintf("%064x", 5),
		}},
		Cameras: []payload.FactsheetCamera{{Name: "front", Calibrated: true}},
		Kinds: []string{
			"count", "distance", "size", "room_size", "nearest", "direction", "route", "order", "locate", "describe",
			"relation", "exists", "clear",
		},
		Labels: []string{"chair", "table", "sofa", "shelf", "box", "lamp", "plant", "ball", "bed", "cabinet"},
		Colors: []string{"red", "green", "blue", "yellow", "white", "black", "grey", "brown"},
		Limits: payload.Limits{
			MaxMessageBytes: payload.MaxMessageBytes, MaxDepth: payload.MaxDepth, MaxQuestionRunes: payload.MaxQuestionRunes,
			MaxDeadlineMs: payload.MaxDeadlineMs, AskQueue: 64,
		},
		Rates: payload.Rates{ObservationHz: observationHz, SceneHz: 2, StateMaxSeconds: 30},
	}
}

func (r *Robot) runs() (provider, precision string) {
	if r.Fault == Fallback {
		return "cpu", "fp32"
	}
	return "tensorrt", "int8"
}

// State says how the robot does after it has run for so long. It drives on a little each time.
func (r *Robot) State(up time.Duration) payload.State {
	r.drive()
	provider, precision := r.runs()
	s := payload.State{
		Health: payload.HealthOK, Step: payload.StepFull, UptimeSeconds: round(up.Seconds()),
		ObservationRateHz: observationHz,
		Cameras:           []payload.CameraState{{Name: "front", State: "running", FPS: frameHz, Skipped: r.skipped}},
		Runtime:           payload.RuntimeState{Provider: provider, Precision: precision},
		PoseSource:        "odometry", Device: r.device(),
		Position: &payload.Position{
			Pose2D: payload.Pose2D{X: round(r.x), Y: round(r.y), Yaw: round(r.heading)}, Frame: "map", Epoch: 1,
		},
	}
	r.afflict(&s)
	return s
}

// afflict shows the robot's fault.
func (r *Robot) afflict(s *payload.State) {
	fail := func(kind string, level payload.ErrorLevel, text string) {
		s.Health = payload.HealthDegraded
		s.Errors = []payload.Error{{ErrorType: kind, ErrorLevel: level, ErrorDescription: text, ErrorHint: "vegad doctor"}}
	}
	switch r.Fault {
	case Hot:
		s.Step, s.StepReason = payload.StepHalfFrames, "tj is 3 K below throttling"
		fail("load", payload.LevelWarning, "halfFrames: "+s.StepReason)
	case Blind:
		s.Cameras[0].State, s.Cameras[0].LastError, s.Cameras[0].FPS = "lost", "no such device", 0
		fail("camera", payload.LevelCritical, "camera front: no such device")
	case Fallback:
		s.Runtime.Degraded, s.Runtime.Reason = true, "no GPU provider loads"
		s.Runtime.Tried = []payload.TriedProvider{{Provider: "tensorrt", Reason: "libnvinfer.so.10 not found"}}
		fail("runtime", payload.LevelWarning, s.Runtime.Reason)
	case Broken:
		fail("runtime", payload.LevelFatal, "no provider passes the golden test")
		s.Health = payload.HealthFailed
	case Uncertain, Well:
	}
}

func (r *Robot) drive() {
	r.heading = math.Remainder(r.heading+0.3*r.rand.NormFloat64(), 2*math.Pi)
	r.x = min(max(r.x+0.5*math.Cos(r.heading), -15), 15)
	r.y = min(max(r.y+0.5*math.Sin(r.heading), -15), 15)
	r.skipped += uint64(r.rand.IntN(3))
}

// device tells what a Jetson Orin's sensors tell.
func (r *Robot) device() *payload.Device {
	tj := r.warmth + 2*r.rand.NormFloat64()
	if r.Fault == Hot {
		tj = 96
	}
	d := &payload.Device{
		HeadroomK: new(round(99 - tj)), GPULoad: new(round(0.3 + 0.4*r.rand.Float64())),
		PowerW: new(round(6 + 4*r.rand.Float64())), PowerMode: "15W", Fan: new(0.4),
		Memory: &payload.DeviceMemory{TotalBytes: 7_991_029_760, AvailableBytes: 4_294_967_296},
	}
	for i, zone := range []string{"tj", "cpu", "gpu", "soc0", "soc1", "soc2"} {
		d.Temperatures = append(d.Temperatures, payload.Temperature{Zone: zone, Celsius: round(tj - float64(i))})
	}
	for _, rail := range []string{"VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"} {
		d.Rails = append(d.Rails, payload.Rail{Name: rail, PowerW: round(2 + r.rand.Float64())})
	}
	for _, name := range []string{"OC1", "OC2", "OC3"} {
		d.OverCurrent = append(d.OverCurrent, payload.OverCurrent{Name: name})
	}
	for _, name := range []string{"cpu0", "cpu4", "gpu"} {
		d.Clocks = append(d.Clocks, payload.Clock{Name: name, MHz: 1510.4})
	}
	return d
}

// Stats says what the robot did in a period.
func (r *Robot) Stats(period time.Duration) payload.Stats {
	stage := func(name string, hz, p50 float64) payload.Stage {
		return payload.Stage{
			Name: name, Count: uint64(max(hz*period.Seconds(), 1)),
			P50Ms: round(p50 + r.rand.Float64()), P95Ms: round(p50 * 1.4),
		}
	}
	s := payload.Stats{
		PeriodSeconds: round(period.Seconds()), FrameHz: frameHz, ObservationHz: observationHz,
		Skipped: uint64(r.rand.IntN(5)), Questions: r.counts, Step: payload.StepFull, Device: r.device(),
		Stages: []payload.Stage{
			stage("encode", frameHz, 11), stage("observe", observationHz, 9), stage("head", 0.1, 6), stage("question", 0.1, 8),
		},
	}
	if r.Fault == Hot {
		s.Step = payload.StepHalfFrames
	}
	r.counts = payload.Asked{}
	return s
}

// Answer answers a question nobody asked, and returns its requestId.
func (r *Robot) Answer() (requestID string, answer payload.Answer) {
	r.asked++
	provider, precision := r.runs()
	answer = payload.Answer{
		Question: "how far is the nearest chair?", Query: []byte(`{"kind":"distance","target":{"label":"chair"}}`),
		Status: payload.Answered, CaptureTime: payload.Time{Time: time.Now()}, AgeMs: 119,
		LatencyMs: payload.Latency{Queue: 0.2, Head: 6.5, Total: 8.1},
		Model: &payload.Model{
			Bundle: "edge 0.3.0", Precision: precision, Provider: provider, Degraded: r.Fault == Fallback,
		},
		Step: payload.StepFull, Gate: &payload.Gate{Mean: 0.46, Shift: -0.03}, Consistency: new(0.93),
	}
	if r.abstains() {
		answer.Status, answer.Reason = payload.Abstained, "not_seen"
		r.counts.Abstained++
		return r.requestID(), answer
	}
	r.counts.Answered++
	distance := round(1 + 3*r.rand.Float64())
	answer.Answer = &payload.Value{
		Value: &distance, Unit: "m", Interval95: &[2]float64{round(distance * 0.9), round(distance * 1.1)}, Confidence: 0.93,
		Text: fmt.Sprintf("The nearest chair is %.2f m away.", distance),
	}
	answer.Objects = []payload.Object{r.object(distance)}
	return r.requestID(), answer
}

func (r *Robot) abstains() bool {
	share := 0.1
	if r.Fault == Uncertain {
		share = 0.8
	}
	return r.Fault == Blind || r.Fault == Broken || r.rand.Float64() < share
}

func (r *Robot) requestID() string { return fmt.Sprintf("sim-%s-%d", r.Serial, r.asked) }

func (r *Robot) object(distance float64) payload.Object {
	return payload.Object{
		ID: "o17", Label: "chair", Score: 0.91, Color: "red", Existence: 0.97,
		Box: payload.Box{
			Center: payload.Vec3{X: round(r.x + distance), Y: round(r.y), Z: 0.45}, Size: payload.Vec3{X: 0.5, Y: 0.5, Z: 0.9},
			Yaw: 0.4,
		},
		Sigma:     payload.Vec3{X: 0.08, Y: 0.05, Z: 0.03},
		FirstSeen: payload.Time{Time: time.Now()}, LastSeen: payload.Time{Time: time.Now()},
	}
}

// Scene is what the robot remembers.
func (r *Robot) Scene() payload.Scene {
	s := payload.Scene{
		Epoch: 1, CaptureTime: payload.Time{Time: time.Now()}, PoseSource: "odometry",
		Pose: payload.Pose2D{X: round(r.x), Y: round(r.y), Yaw: round(r.heading)},
		Room: &payload.Room{Length: 5.2, Width: 4.1, Height: 2.6, Area: 21.3},
	}
	for i := range 8 {
		s.Objects = append(s.Objects, r.object(float64(i)/2))
	}
	for i := range 36 {
		s.FreeSpace = append(s.FreeSpace, payload.FreeSector{
			Bearing: round(float64(i)*0.1745 - math.Pi), Width: 0.1745, Free: round(4 * r.rand.Float64()),
		})
	}
	return s
}

func round(x float64) float64 { return math.Round(x*100) / 100 }
