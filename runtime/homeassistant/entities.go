package homeassistant

import (
	"fmt"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// The platforms and words of Home Assistant that are used here.
const (
	sensor       = "sensor"
	binarySensor = "binary_sensor"
	diagnostic   = "diagnostic"
	measurement  = "measurement"
	enum         = "enum"

	state = "state"
	stats = "stats"
)

// words makes options of the words of the contract.
func words[W ~string](all ...W) []string {
	out := make([]string, len(all))
	for i, w := range all {
		out[i] = string(w)
	}
	return out
}

// entities lists what a robot is in Home Assistant. Topics are without the robot's root.
func entities(cameras []string) map[string]entity {
	out := map[string]entity{
		"health": {
			Platform: sensor, Name: "Health", Class: enum, Topic: state, Template: value("health"),
			Options: words(payload.HealthStarting, payload.HealthOK, payload.HealthDegraded, payload.HealthFailed),
		},
		"problem": {
			Platform: binarySensor, Name: "Problem", Class: "problem", Topic: state,
			Template:   "{{ 'ON' if value_json.errors | count > 0 else 'OFF' }}",
			Attributes: state, Picked: "{{ {'errors': value_json.errors} | tojson }}",
		},
		"step": {
			Platform: sensor, Name: "Work", Class: enum, Category: diagnostic, Topic: state, Template: maybe("step"),
			Options: words(payload.StepFull, payload.StepHalfFrames, payload.StepHalfObservations,
				payload.StepQuestionsOnly),
		},
		"provider": {
			Platform: sensor, Name: "Networks run on", Category: diagnostic, Icon: "mdi:chip", Topic: state,
			Template: "{{ value_json.runtime.provider ~ ' ' ~ value_json.runtime.precision }}",
		},
		"temperature": {
			Platform: sensor, Name: "Temperature", Class: "temperature", Unit: "°C", StateClass: measurement,
			Category: diagnostic, Precision: 1, Topic: state,
			Template: "{{ (value_json.device.temperatures | map(attribute='celsius') | max) " +
				"if (value_json.device | default({})).temperatures is defined else None }}",
		},
		"power": {
			Platform: sensor, Name: "Power", Class: "power", Unit: "W", StateClass: measurement, Category: diagnostic,
			Precision: 1, Topic: state, Template: "{{ (value_json.device | default({})).powerW | default(None) }}",
		},
	}
	addRates(out)
	for i, name := range cameras {
		out["camera_"+name] = entity{
			Platform: sensor, Name: "Camera " + name, Class: enum, Icon: "mdi:camera", Topic: state,
			Template: fmt.Sprintf("{{ value_json.cameras[%d].state if value_json.cameras | count > %[1]d else None }}", i),
			Options: words(
				"opening", "running", "black", "blurred", "stalled", "frozen", "wrongSize", "lost", "ended"),
		}
	}
	return out
}

// addRates adds what is counted and queued.
func addRates(out map[string]entity) {
	for key, e := range map[string]entity{
		"frames": {Name: "Pictures", Unit: "Hz", Class: "frequency", Topic: stats, Template: value("frameHz")},
		"observations": {
			Name: "Observations", Unit: "Hz", Class: "frequency", Topic: state, Template: value("observationRateHz"),
		},
		"answered": {
			Name: "Questions answered", Icon: "mdi:comment-check", Topic: stats, Template: value("questions.answered"),
		},
		"abstained": {
			Name: "Questions abstained from", Icon: "mdi:comment-question", Topic: stats,
			Template: value("questions.abstained"),
		},
		"outbox": {Name: "Messages waiting", Icon: "mdi:tray-full", Topic: state, Template: value("outbox.depth")},
		"outbox_age": {
			Name: "Oldest message", Unit: "s", Class: "duration", Topic: state, Template: value("outbox.oldestSeconds"),
		},
	} {
		e.Platform, e.StateClass, e.Category = sensor, measurement, diagnostic
		out[key] = e
	}
}

// value reads a field that is always there.
func value(path string) string { return "{{ value_json." + path + " }}" }

// maybe reads one that may be absent; then the entity is unknown.
func maybe(path string) string { return "{{ value_json." + path + " | default(None) }}" }
