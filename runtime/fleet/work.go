package fleet

import (
	"slices"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// stateNews is what is read of the message on the topic state.
type stateNews struct {
	stamp
	Health        payload.Health   `json:"health"`
	Step          payload.WorkStep `json:"step"`
	StepReason    string           `json:"stepReason"`
	UptimeSeconds float64          `json:"uptimeSeconds"`
	Cameras       []cameraNews     `json:"cameras"`
	Runtime       runtimeNews      `json:"runtime"`
	Outbox        outboxNews       `json:"outbox"`
	Device        *deviceNews      `json:"device"`
	Errors        []errorNews      `json:"errors"`
	Position      *struct {
		poseNews
		Frame string `json:"frame"`
		Epoch uint64 `json:"epoch"`
	} `json:"position"`
}

type cameraNews struct {
	Name      string `json:"name"`
	State     string `json:"state"`
	LastError string `json:"lastError"`
}

type runtimeNews struct {
	Provider  string `json:"provider"`
	Precision string `json:"precision"`
	Degraded  bool   `json:"degraded"`
	Reason    string `json:"reason"`
}

type outboxNews struct {
	Depth         int             `json:"depth"`
	Bytes         int64           `json:"bytes"`
	OldestSeconds float64         `json:"oldestSeconds"`
	Dropped       payload.Dropped `json:"dropped"`
	Failure       string          `json:"failure"`
}

type deviceNews struct {
	HeadroomK    *float64 `json:"headroomK"`
	Throttled    string   `json:"throttled"`
	PowerW       *float64 `json:"powerW"`
	Temperatures []struct {
		Zone    string  `json:"zone"`
		Celsius float64 `json:"celsius"`
	} `json:"temperatures"`
}

type errorNews struct {
	Type        string             `json:"errorType"`
	Level       payload.ErrorLevel `json:"errorLevel"`
	Description string             `json:"errorDescription"`
}

var healths = []payload.Health{
	payload.HealthStarting, payload.HealthOK, payload.HealthDegraded, payload.HealthFailed,
}

var steps = []payload.WorkStep{
	payload.StepFull, payload.StepHalfFrames, payload.StepHalfObservations, payload.StepQuestionsOnly,
}

// known returns a word if it is one of the contract, and otherwise nothing.
func known[W ~string](word W, words []W) W {
	if slices.Contains(words, word) {
		return word
	}
	return ""
}

func (e *entry) takeState(s *stateNews) {
	r := &e.robot
	r.Health, r.Step = known(s.Health, healths), known(s.Step, steps)
	set(&r.StepReason, s.StepReason)
	r.Uptime = clamp(s.UptimeSeconds, maxSeconds)
	set(&r.Provider, s.Runtime.Provider)
	set(&r.Precision, s.Runtime.Precision)
	r.Degraded = s.Runtime.Degraded
	set(&r.DegradedReason, s.Runtime.Reason)
	e.takeCameras(s.Cameras)
	e.takeErrors(s.Errors)
	e.takeOutbox(&s.Outbox)
	e.takeDevice(s.Device)
	if p := s.Position; p != nil {
		r.Position = p.position(p.Frame, p.Epoch, s.Timestamp, r.Position)
	}
}

// takeCameras counts those that deliver pictures. Blurred ones do: what they show is less sure, and not nothing.
func (e *entry) takeCameras(cameras []cameraNews) {
	running, why := 0, ""
	for _, c := range cameras {
		if c.State == "running" || c.State == "blurred" {
			running++
		} else if why == "" {
			why = clean(c.Name + " is " + c.State + colon(c.LastError))
		}
	}
	e.blind = why
	e.robot.Cameras, e.robot.CamerasRunning = min(len(cameras), maxCameras), min(running, maxCameras)
}

func colon(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// gravity lists the levels from the mildest; an unknown one is milder than all.
var gravity = []payload.ErrorLevel{
	payload.LevelWarning, payload.LevelUrgent, payload.LevelCritical, payload.LevelFatal,
}

// takeErrors keeps the gravest error, the first of equals.
func (e *entry) takeErrors(errors []errorNews) {
	worst := errorNews{}
	for _, each := range errors {
		if slices.Index(gravity, each.Level) > slices.Index(gravity, worst.Level) {
			worst = each
		}
	}
	e.gravest = known(worst.Level, gravity)
	e.robot.Errors = min(len(errors), maxCameras)
	set(&e.robot.ErrorType, worst.Type)
	set(&e.robot.Error, or(worst.Description, worst.Type))
}

func (e *entry) takeOutbox(o *outboxNews) {
	r := &e.robot
	r.OutboxDepth = min(max(o.Depth, 0), maxMessages)
	r.OutboxBytes = max(o.Bytes, 0)
	r.OutboxAgeSeconds = clamp(o.OldestSeconds, maxSeconds)
	d := o.Dropped
	r.OutboxDropped = 0
	for _, n := range []uint64{d.Stats, d.Scene, d.Watches, d.Events, d.Answers} {
		r.OutboxDropped += min(n, maxMessages)
	}
	set(&r.OutboxFailure, o.Failure)
}

// takeDevice keeps the hottest zone. A robot that tells of no device has none.
func (e *entry) takeDevice(d *deviceNews) {
	r := &e.robot
	if d == nil {
		d = new(deviceNews)
	}
	r.HeadroomK, r.PowerW = within(d.HeadroomK, -maxKelvin, maxKelvin), within(d.PowerW, 0, maxWatts)
	set(&r.Throttled, d.Throttled)
	r.Temperature = nil
	for _, t := range d.Temperatures {
		sane := t.Celsius > coldest && t.Celsius < hottest
		if sane && (r.Temperature == nil || t.Celsius > r.Temperature.Celsius) {
			r.Temperature = &Temperature{Zone: clean(t.Zone), Celsius: t.Celsius}
		}
	}
}

// statsNews is what is read of the message on the topic stats.
type statsNews struct {
	stamp
	PeriodSeconds    float64          `json:"periodSeconds"`
	FrameHz          *float64         `json:"frameHz"`
	ObservationHz    *float64         `json:"observationHz"`
	CameraReconnects uint64           `json:"cameraReconnects"`
	BrokerReconnects uint64           `json:"brokerReconnects"`
	Questions        payload.Asked    `json:"questions"`
	Stages           []payload.Stage  `json:"stages"`
	Step             payload.WorkStep `json:"step"`
	Device           *deviceNews      `json:"device"`
	Outbox           *outboxNews      `json:"outbox"`
}

func (e *entry) takeStats(s *statsNews) {
	r := &e.robot
	r.FrameHz, r.ObservationHz = within(s.FrameHz, 0, maxRate), within(s.ObservationHz, 0, maxRate)
	r.CameraReconnects, r.BrokerReconnects = min(s.CameraReconnects, maxMessages), min(s.BrokerReconnects, maxMessages)
	r.QuestionP95Ms = nil
	for _, stage := range s.Stages {
		if stage.Name == "question" {
			r.QuestionP95Ms = within(&stage.P95Ms, 0, maxLatency)
		}
	}
	if step := known(s.Step, steps); step != "" {
		r.Step = step
	}
	if s.Device != nil {
		e.takeDevice(s.Device)
	}
	if s.Outbox != nil {
		e.takeOutbox(s.Outbox)
	}
	q := s.Questions
	for _, n := range []*uint64{&q.Answered, &q.Abstained, &q.Refused, &q.Expired} {
		*n = min(*n, maxMessages)
	}
	e.questions.add(asked{q, max(clamp(s.PeriodSeconds, maxSeconds), 1)}) // nobody sends them more often
	e.questions.sum(r)
}
