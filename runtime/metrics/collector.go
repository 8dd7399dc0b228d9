package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/metrics/catalog"
)

// collector turns a robot's measurement into metrics.
type collector struct {
	catalog.Catalog

	robot   Robot
	work    workFamilies
	cameras cameraFamilies
	link    linkFamilies
	device  deviceFamilies
}

// namespace begins every name.
const namespace = "vegad"

func newCollector(robot Robot) *collector {
	c := &collector{Catalog: catalog.Catalog{Namespace: namespace}, robot: robot}
	c.work = newWorkFamilies(&c.Catalog)
	c.cameras = newCameraFamilies(&c.Catalog)
	c.link = newLinkFamilies(&c.Catalog)
	c.device = newDeviceFamilies(&c.Catalog)
	return c
}

// Collect measures once.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	m, to := c.robot.Measure(), catalog.Sink(out)
	c.work.collect(to, &m)
	for i := range m.State.Cameras {
		c.cameras.collect(to, &m.State.Cameras[i])
	}
	c.link.collect(to, &m)
	if m.State.Device != nil {
		c.device.collect(to, m.State.Device)
	}
}

// The words of the contract, in its order.
var (
	healths = []payload.Health{
		payload.HealthStarting, payload.HealthOK, payload.HealthDegraded, payload.HealthFailed,
	}
	steps = []payload.WorkStep{
		payload.StepFull, payload.StepHalfFrames, payload.StepHalfObservations, payload.StepQuestionsOnly,
	}
	cameraWords = []string{
		"opening", "running", "black", "blurred", "stalled", "frozen", "wrongSize", "lost", "ended",
	}
)

// workFamilies tell what vegad does and how long that takes.
type workFamilies struct {
	build, health, step, stepChanges  catalog.Family
	runtime, degraded, errors         catalog.Family
	frames, observations, consistency catalog.Family
	questions, standing, commands     catalog.Family
	suppressed                        catalog.Family
	stages                            *prometheus.Desc
}

func newWorkFamilies(c *catalog.Catalog) workFamilies {
	return workFamilies{
		build:        c.Gauge("build_info", "1, with the version of vegad and its model bundle.", "version", "bundle"),
		health:       c.Gauge("health", "1 for the state of the robot that holds, 0 for the others.", "health"),
		step:         c.Gauge("work_step", "1 for how much of its work vegad does, 0 for the others.", "step"),
		stepChanges:  c.Counter("work_step_changes_total", "Times that vegad began to do less or more of its work."),
		runtime:      c.Gauge("runtime_info", "1, with what runs the networks.", "provider", "precision"),
		degraded:     c.Gauge("runtime_degraded", "1 if the networks do not run on what was configured or expected."),
		errors:       c.Gauge("errors", "What is wrong now, by type and level.", "type", "level"),
		frames:       c.Counter("frames_encoded_total", "Pictures that went through the encoders."),
		observations: c.Counter("observations_total", "Observations that were taken into memory."),
		consistency:  c.Gauge("consistency_ratio", "Agreement of the newest observation with itself and with memory."),
		questions:    c.Counter("questions_total", "Questions, by what became of them.", "status"),
		standing:     c.Gauge("standing_questions", "Questions that are answered again when the answer changes."),
		commands:     c.Counter("commands_total", "Commands, by what became of them.", "outcome"),
		suppressed:   c.Counter("events_suppressed_total", "Events beyond the limit on their rate."),
		stages:       c.Add("stage_duration_seconds", "How long one step of the work took.", "stage"),
	}
}

func (f *workFamilies) collect(to catalog.Sink, m *Measurement) {
	s := &m.State
	to.Put(f.build, 1, m.Version, m.Bundle)
	catalog.OneOf(to, f.health, healths, s.Health)
	catalog.OneOf(to, f.step, steps, s.Step)
	to.Put(f.stepChanges, float64(m.StepChanges))
	to.Put(f.runtime, 1, s.Runtime.Provider, s.Runtime.Precision)
	to.Put(f.degraded, catalog.Number(s.Runtime.Degraded))
	for e, n := range countErrors(s.Errors) {
		to.Put(f.errors, n, e.ErrorType, string(e.ErrorLevel))
	}
	to.Put(f.frames, float64(m.Frames))
	to.Put(f.observations, float64(m.Observations))
	to.Maybe(f.consistency, m.Consistency)
	for status, n := range map[payload.Status]uint64{
		payload.Answered: m.Questions.Answered, payload.Abstained: m.Questions.Abstained,
		payload.Refused: m.Questions.Refused, payload.Expired: m.Questions.Expired,
	} {
		to.Put(f.questions, float64(n), string(status))
	}
	to.Put(f.standing, float64(m.StandingQuestions))
	to.Put(f.commands, float64(m.Commands.Done), "done")
	to.Put(f.commands, float64(m.Commands.Failed), "failed")
	to.Put(f.commands, float64(m.Commands.Refused), "refused")
	to.Put(f.suppressed, float64(m.EventsSuppressed))
	for i := range m.Stages {
		f.stage(to, &m.Stages[i])
	}
}

func (f *workFamilies) stage(to catalog.Sink, s *Stage) {
	count, sum, within := s.Duration.cumulative()
	h, err := prometheus.NewConstHistogram(f.stages, count, sum, within, s.Name)
	if err != nil {
		h = prometheus.NewInvalidMetric(f.stages, err)
	}
	to <- h
}

// errorKind is an error without its text, which may hold anything.
type errorKind struct {
	ErrorType  string
	ErrorLevel payload.ErrorLevel
}

func countErrors(errors []payload.Error) map[errorKind]float64 {
	out := make(map[errorKind]float64, len(errors))
	for _, e := range errors {
		out[errorKind{e.ErrorType, e.ErrorLevel}]++
	}
	return out
}

// cameraFamilies tell how a camera does.
type cameraFamilies struct{ state, rate, skipped, reconnects, withheld, faults catalog.Family }

func newCameraFamilies(c *catalog.Catalog) cameraFamilies {
	return cameraFamilies{
		state:      c.Gauge("camera_state", "1 for the state of the camera that holds.", "camera", "state"),
		rate:       c.Gauge("camera_frames_per_second", "Pictures that arrive.", "camera"),
		skipped:    c.Counter("camera_frames_skipped_total", "Pictures that nobody had time for.", "camera"),
		reconnects: c.Counter("camera_reconnects_total", "Times that pictures came back after a loss.", "camera"),
		withheld:   c.Counter("camera_frames_withheld_total", "Black pictures and repetitions.", "camera"),
		faults:     c.Counter("camera_faults_total", "What went wrong, by kind.", "camera", "fault"),
	}
}

func (f *cameraFamilies) collect(to catalog.Sink, c *payload.CameraState) {
	catalog.OneOf(to, f.state, cameraWords, c.State, c.Name)
	to.Put(f.rate, c.FPS, c.Name)
	to.Put(f.skipped, float64(c.Skipped), c.Name)
	to.Put(f.reconnects, float64(c.Reconnects), c.Name)
	to.Put(f.withheld, float64(c.Withheld), c.Name)
	for fault, n := range map[string]uint64{
		"lost": c.Faults.Lost, "stalled": c.Faults.Stalled, "frozen": c.Faults.Frozen, "wrongSize": c.Faults.WrongSize,
		"black": c.Faults.Black, "blurred": c.Faults.Blurred, "damaged": c.Faults.Damaged,
		"clockJump": c.Faults.ClockJumps,
	} {
		to.Put(f.faults, float64(n), c.Name, fault)
	}
}
