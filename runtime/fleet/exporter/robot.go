package exporter

import (
	"github.com/vega-edge/vegad/runtime/fleet"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/metrics/catalog"
)

// robotFamilies tell of one robot each. What a robot has not told is absent. Words are told only while they hold: one
// series instead of one a word keeps ten thousand robots within what a scrape can carry.
type robotFamilies struct {
	info, online, heard, trouble, health, step, uptime catalog.Family
	degraded, errors, cameras, camerasRunning          catalog.Family
	temperature, headroom, throttled, power            catalog.Family
	messages, bytes, age, dropped, failed              catalog.Family
	frames, observations, latency                      catalog.Family
	cameraReconnects, brokerReconnects                 catalog.Family
	questions, answers, abstained                      catalog.Family
}

// newRobotFamilies declares them; every one has the label robot, manufacturer/serialNumber.
func newRobotFamilies(c *catalog.Catalog) robotFamilies {
	gauge := func(name, help string, more ...string) catalog.Family {
		return c.Gauge("robot_"+name, help, append([]string{"robot"}, more...)...)
	}
	return robotFamilies{
		info:    gauge("info", "1, with what the robot runs.", "version", "bundle", "provider", "precision"),
		online:  gauge("online", "1 while the robot is connected to its broker."),
		heard:   gauge("last_heard_timestamp_seconds", "When the robot was last heard."),
		trouble: gauge("trouble", "1 for each trouble that the robot is in; absent otherwise.", "trouble"),
		health:  gauge("health", "1 for the health that the robot tells.", "health"),
		step:    gauge("work_step", "1 for how much of its work the robot does.", "step"),
		uptime:  gauge("uptime_seconds", "Time since the robot's vegad started."),

		degraded:       gauge("degraded", "1 if the networks do not run on what was wanted."),
		errors:         gauge("errors", "Errors that the robot tells of now."),
		cameras:        gauge("cameras", "Cameras of the robot."),
		camerasRunning: gauge("cameras_running", "Cameras that deliver pictures."),

		temperature: gauge("temperature_celsius", "Temperature of the hottest zone."),
		headroom:    gauge("thermal_headroom_kelvin", "How far the hottest zone is below throttling."),
		throttled:   gauge("throttled", "1 while a brake is on."),
		power:       gauge("power_watts", "Power of the whole module."),

		messages: gauge("outbox_messages", "Messages that wait in the robot for the broker."),
		bytes:    gauge("outbox_size_bytes", "Size of the messages that wait."),
		age:      gauge("outbox_oldest_age_seconds", "Age of the oldest message that waits."),
		dropped:  c.Counter("robot_outbox_dropped_total", "Messages given up since the robot's vegad started.", "robot"),
		failed:   gauge("outbox_failed", "1 while the outbox cannot be written to disk."),

		frames:       gauge("frames_per_second", "Pictures that go through the encoders."),
		observations: gauge("observations_per_second", "Observations that are taken into memory."),
		latency:      gauge("question_duration_p95_seconds", "Time within which 95 of 100 questions were answered."),

		cameraReconnects: gauge("camera_reconnects_last_hour", "Times that pictures came back, in the last hour."),
		brokerReconnects: gauge("broker_reconnects_last_hour", "Times that the broker came back, in the last hour."),

		questions: gauge("recent_questions", "Questions of the last ten statistics, by what became of them.", "status"),
		answers:   gauge("answers_per_second", "Answers given, over the last ten statistics."),
		abstained: gauge("abstained_ratio", "Share of questions that were abstained from, over the same."),
	}
}

func (f *robotFamilies) collect(to catalog.Sink, r *fleet.Robot) {
	id := r.ID()
	to.Put(f.info, 1, id, r.Version, bundle(r), r.Provider, r.Precision)
	to.Put(f.online, catalog.Number(r.Connection == payload.Online), id)
	to.Put(f.heard, float64(r.LastHeard.UnixMilli())/1e3, id)
	for rest := r.Trouble; rest != 0; rest &^= rest.Worst() {
		to.Put(f.trouble, 1, id, rest.Worst().String())
	}
	if r.Step != "" {
		to.Put(f.step, 1, id, string(r.Step))
	}
	if r.Health != "" {
		f.collectState(to, id, r)
	}
	if r.AnswersPerMinute != nil {
		f.collectStats(to, id, r)
	}
	if t := r.Temperature; t != nil {
		to.Put(f.temperature, t.Celsius, id)
		to.Put(f.throttled, catalog.Number(r.Throttled != ""), id)
	}
	to.Maybe(f.headroom, r.HeadroomK, id)
	to.Maybe(f.power, r.PowerW, id)
}

// collectState tells what comes with the message state.
func (f *robotFamilies) collectState(to catalog.Sink, id string, r *fleet.Robot) {
	to.Put(f.health, 1, id, string(r.Health))
	to.Put(f.uptime, r.Uptime, id)
	to.Put(f.degraded, catalog.Number(r.Degraded), id)
	to.Put(f.errors, float64(r.Errors), id)
	to.Put(f.cameras, float64(r.Cameras), id)
	to.Put(f.camerasRunning, float64(r.CamerasRunning), id)
	to.Put(f.messages, float64(r.OutboxDepth), id)
	to.Put(f.bytes, float64(r.OutboxBytes), id)
	to.Put(f.age, r.OutboxAgeSeconds, id)
	to.Put(f.dropped, float64(r.OutboxDropped), id)
	to.Put(f.failed, catalog.Number(r.OutboxFailure != ""), id)
}

// collectStats tells what comes with the message stats.
func (f *robotFamilies) collectStats(to catalog.Sink, id string, r *fleet.Robot) {
	to.Maybe(f.frames, r.FrameHz, id)
	to.Maybe(f.observations, r.ObservationHz, id)
	if p := r.QuestionP95Ms; p != nil {
		to.Put(f.latency, *p/1e3, id)
	}
	to.Put(f.cameraReconnects, float64(r.CameraReconnects), id)
	to.Put(f.brokerReconnects, float64(r.BrokerReconnects), id)
	to.Put(f.questions, float64(r.Questions.Answered), id, "answered")
	to.Put(f.questions, float64(r.Questions.Abstained), id, "abstained")
	to.Put(f.questions, float64(r.Questions.Refused), id, "refused")
	to.Put(f.questions, float64(r.Questions.Expired), id, "expired")
	to.Put(f.answers, *r.AnswersPerMinute/60, id)
	to.Maybe(f.abstained, r.AbstainedShare, id)
}

// bundle is name and version of the model bundle, as far as they are known.
func bundle(r *fleet.Robot) string {
	if r.BundleVersion == "" {
		return r.Bundle
	}
	return r.Bundle + " " + r.BundleVersion
}
