package metrics

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// robot counts how often it is measured.
type robot struct {
	measured int
	change   func(*Measurement)
}

func (r *robot) Measure() Measurement {
	r.measured++
	encode := Stage{Name: "encode"}
	for _, d := range []time.Duration{time.Millisecond, 30 * time.Millisecond, 10 * time.Second} {
		encode.Duration.Observe(d)
	}
	m := Measurement{
		Version: "v1", Bundle: "nano 3", Connected: true, Frames: 100, Observations: 40, Consistency: new(0.75),
		Stages: []Stage{encode}, Questions: payload.Asked{Answered: 5, Abstained: 4, Refused: 3, Expired: 2},
		Commands: payload.Obeyed{Done: 1, Failed: 2, Refused: 3}, StandingQuestions: 6, EventsSuppressed: 7,
		StepChanges: 8, OutboxWritten: 9, OutboxTransactions: 10,
		State: payload.State{
			Health: payload.HealthDegraded, Step: payload.StepHalfFrames,
			Runtime: payload.RuntimeState{Provider: "cuda", Precision: "fp16", Degraded: true},
			Cameras: []payload.CameraState{{
				Name: "front", State: "black", FPS: 14.5, Skipped: 1, Reconnects: 2, Withheld: 3,
				Faults: payload.CameraFaults{
					Lost: 4, Stalled: 5, Frozen: 6, WrongSize: 7, Black: 8, Blurred: 9, Damaged: 10, ClockJumps: 11,
				},
			}},
			Link: payload.LinkState{Connections: 3, Published: 50, Unconfirmed: 2, Refused: 1},
			Outbox: payload.Outbox{
				Durable: true, Depth: 12, Bytes: 3456, OldestSeconds: 7.5, Damaged: 1, Failure: "disk full",
				Dropped: payload.Dropped{Stats: 1, Scene: 2, Watches: 3, Events: 4, Answers: 5},
			},
			Errors: []payload.Error{
				{ErrorType: "camera", ErrorLevel: payload.LevelCritical, ErrorDescription: "a"},
				{ErrorType: "camera", ErrorLevel: payload.LevelCritical, ErrorDescription: "b"},
			},
			Device: &payload.Device{
				HeadroomK: new(12.5), Throttled: "cpu", GPULoad: new(0.5), PowerW: new(9.25), Fan: new(0.25),
				Temperatures: []payload.Temperature{{Zone: "cpu", Celsius: 50}, {Zone: "cpu", Celsius: 61}},
				Rails:        []payload.Rail{{Name: "VDD_IN", PowerW: 9}, {Name: "VDD_IN", PowerW: 1, Alarm: true}},
				OverCurrent:  []payload.OverCurrent{{Name: "oc1", Events: 2}},
				Memory:       &payload.DeviceMemory{TotalBytes: 8, AvailableBytes: 4, SwapUsedBytes: 2, OOMKills: 1},
			},
		},
	}
	if r.change != nil {
		r.change(&m)
	}
	return m
}

// scrape returns what Prometheus gets.
func scrape(t *testing.T, r *robot) string {
	t.Helper()
	h, err := Handler(r, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	text, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("status %d, %v: %s", w.Code, err, text)
	}
	return string(text)
}

func TestEveryValueIsTold(t *testing.T) {
	r := &robot{}
	got := scrape(t, r)
	for line := range strings.Lines(`vegad_build_info{bundle="nano 3",version="v1"} 1
vegad_health{health="degraded"} 1
vegad_health{health="ok"} 0
vegad_work_step{step="halfFrames"} 1
vegad_work_step{step="full"} 0
vegad_work_step_changes_total 8
vegad_runtime_info{precision="fp16",provider="cuda"} 1
vegad_runtime_degraded 1
vegad_errors{level="CRITICAL",type="camera"} 2
vegad_frames_encoded_total 100
vegad_observations_total 40
vegad_consistency_ratio 0.75
vegad_questions_total{status="answered"} 5
vegad_questions_total{status="abstained"} 4
vegad_questions_total{status="refused"} 3
vegad_questions_total{status="expired"} 2
vegad_commands_total{outcome="refused"} 3
vegad_standing_questions 6
vegad_events_suppressed_total 7
vegad_stage_duration_seconds_bucket{stage="encode",le="0.001"} 1
vegad_stage_duration_seconds_bucket{stage="encode",le="0.02"} 1
vegad_stage_duration_seconds_bucket{stage="encode",le="0.035"} 2
vegad_stage_duration_seconds_bucket{stage="encode",le="5"} 2
vegad_stage_duration_seconds_bucket{stage="encode",le="+Inf"} 3
vegad_stage_duration_seconds_sum{stage="encode"} 10.031
vegad_stage_duration_seconds_count{stage="encode"} 3
vegad_camera_state{camera="front",state="black"} 1
vegad_camera_state{camera="front",state="running"} 0
vegad_camera_frames_per_second{camera="front"} 14.5
vegad_camera_frames_skipped_total{camera="front"} 1
vegad_camera_reconnects_total{camera="front"} 2
vegad_camera_frames_withheld_total{camera="front"} 3
vegad_camera_faults_total{camera="front",fault="lost"} 4
vegad_camera_faults_total{camera="front",fault="clockJump"} 11
vegad_link_connected 1
vegad_link_connects_total 3
vegad_link_messages_published_total 50
vegad_link_messages_unconfirmed_total 2
vegad_link_messages_refused_total 1
vegad_outbox_messages 12
vegad_outbox_size_bytes 3456
vegad_outbox_oldest_age_seconds 7.5
vegad_outbox_durable 1
vegad_outbox_failed 1
vegad_outbox_dropped_total{class="answers"} 5
vegad_outbox_dropped_total{class="stats"} 1
vegad_outbox_damaged_total 1
vegad_outbox_records_written_total 9
vegad_outbox_transactions_total 10
vegad_device_temperature_celsius{zone="cpu"} 61
vegad_device_thermal_headroom_kelvin 12.5
vegad_device_throttled 1
vegad_device_power_watts 9.25
vegad_device_rail_power_watts{rail="VDD_IN"} 10
vegad_device_rail_alarm{rail="VDD_IN"} 1
vegad_device_over_current_events_total{limit="oc1"} 2
vegad_device_gpu_load_ratio 0.5
vegad_device_fan_ratio 0.25
vegad_device_memory_size_bytes 8
vegad_device_memory_available_bytes 4
vegad_device_swap_used_bytes 2
vegad_device_oom_kills_total 1
`) {
		if !strings.Contains(got, "\n"+line) {
			t.Errorf("lacks %s", line)
		}
	}
	if !strings.Contains(got, "\nprocess_start_time_seconds ") || !strings.Contains(got, "\ngo_goroutines ") {
		t.Error("nothing is told of the process")
	}
	if r.measured != 1 {
		t.Errorf("measured %d times for one scrape", r.measured)
	}
}

// TestUnknownIsAbsent tells nothing of what a machine does not tell, instead of zero.
func TestUnknownIsAbsent(t *testing.T) {
	got := scrape(t, &robot{change: func(m *Measurement) { m.State.Device, m.Consistency = nil, nil }})
	for _, name := range []string{"vegad_device_", "vegad_consistency_ratio"} {
		if strings.Contains(got, name) {
			t.Errorf("%s is told", name)
		}
	}
	got = scrape(t, &robot{change: func(m *Measurement) { m.State.Device = &payload.Device{} }})
	for _, name := range []string{"vegad_device_power_watts", "vegad_device_thermal_headroom_kelvin"} {
		if strings.Contains(got, name) {
			t.Errorf("%s is told", name)
		}
	}
}

// TestHostileNames lets a sensor's name cost none of the other metrics.
func TestHostileNames(t *testing.T) {
	got := scrape(t, &robot{change: func(m *Measurement) {
		m.State.Device.Temperatures = []payload.Temperature{{Zone: "a\xff\"\n}", Celsius: 1}}
	}})
	if !strings.Contains(got, `vegad_device_temperature_celsius{zone="a?\"\n}"} 1`) ||
		!strings.Contains(got, "vegad_frames_encoded_total 100") {
		t.Error("the scrape is spoilt")
	}
}

// TestConventions holds every name, unit and help text against Prometheus' own linter.
func TestConventions(t *testing.T) {
	problems, err := testutil.CollectAndLint(newCollector(&robot{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	registry := prometheus.NewPedanticRegistry() // it complains of what was not described
	registry.MustRegister(newCollector(&robot{}))
	if _, err := registry.Gather(); err != nil {
		t.Error(err)
	}
}

// TestAllAreMeasured finds declared metrics that a robot in full does not give.
func TestAllAreMeasured(t *testing.T) {
	got := scrape(t, &robot{})
	c := newCollector(&robot{})
	if len(c.Names()) < 40 {
		t.Fatalf("only %d metrics are declared", len(c.Names()))
	}
	for _, name := range c.Names() {
		if !strings.Contains(got, "# HELP "+name+" ") {
			t.Errorf("%s is declared and never told", name)
		}
	}
}

func BenchmarkScrape(b *testing.B) {
	c := newCollector(&robot{})
	for b.Loop() {
		testutil.CollectAndCount(c)
	}
}
