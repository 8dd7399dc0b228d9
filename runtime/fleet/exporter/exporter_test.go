package exporter

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/runtime/fleet"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// say feeds one message of a robot.
func say(tb testing.TB, r *fleet.Registry, robot, topic string, message any) {
	tb.Helper()
	data, err := json.Marshal(message)
	if err == nil {
		err = r.Take("vegad/v1/"+robot+"/"+topic, data, false)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// tellAll has a robot tell everything that there is to tell.
func tellAll(tb testing.TB, r *fleet.Registry, robot string) {
	tb.Helper()
	say(tb, r, robot, "connection", payload.Connection{ConnectionState: payload.Online, SessionID: "a.1"})
	say(tb, r, robot, "factsheet", payload.Factsheet{
		VegadVersion: "v1", Bundle: payload.Bundle{Name: "nano", Version: "3"},
	})
	device := &payload.Device{
		HeadroomK: new(2.5), Throttled: "gpu", PowerW: new(9.5),
		Temperatures: []payload.Temperature{{Zone: "cpu", Celsius: 60}, {Zone: "tj", Celsius: 95}},
	}
	outbox := payload.Outbox{
		Depth: 7, Bytes: 890, OldestSeconds: 61.5, Dropped: payload.Dropped{Stats: 1, Answers: 2}, Failure: "disk full",
	}
	say(tb, r, robot, "state", payload.State{
		Health: payload.HealthDegraded, Step: payload.StepHalfFrames, UptimeSeconds: 120,
		Runtime: payload.RuntimeState{Provider: "cpu", Precision: "int8", Degraded: true},
		Cameras: []payload.CameraState{{Name: "a", State: "running"}, {Name: "b", State: "lost"}},
		Device:  device, Outbox: outbox,
		Errors: []payload.Error{{ErrorType: "load", ErrorLevel: payload.LevelWarning}},
	})
	say(tb, r, robot, "stats", payload.Stats{
		PeriodSeconds: 60, FrameHz: 14.5, ObservationHz: 4.5, CameraReconnects: 2, BrokerReconnects: 3,
		Questions: payload.Asked{Answered: 12, Abstained: 4, Refused: 2, Expired: 1},
		Stages:    []payload.Stage{{Name: "question", Count: 16, P95Ms: 250}},
		Step:      payload.StepHalfFrames, Device: device, Outbox: outbox,
	})
}

func config(r *fleet.Registry) Config {
	return Config{Registry: r, Connected: func() bool { return true }, Logger: slog.New(slog.DiscardHandler)}
}

func scrape(t *testing.T, cfg Config) string {
	t.Helper()
	h, err := Handler(cfg)
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
	r := fleet.New(fleet.Config{})
	tellAll(t, r, "acme/0001")
	_ = r.Take("vegad/v1/acme/0001/state", []byte("{"), false) // refused
	got := scrape(t, config(r))
	for line := range strings.Lines(`vegad_fleet_robots{trouble="hot"} 1
vegad_fleet_robots{trouble="ok"} 0
vegad_fleet_messages_total{outcome="taken"} 4
vegad_fleet_messages_total{outcome="refused"} 1
vegad_fleet_broker_connected 1
vegad_robot_info{bundle="nano 3",precision="int8",provider="cpu",robot="acme/0001",version="v1"} 1
vegad_robot_online{robot="acme/0001"} 1
vegad_robot_trouble{robot="acme/0001",trouble="hot"} 1
vegad_robot_trouble{robot="acme/0001",trouble="late"} 1
vegad_robot_trouble{robot="acme/0001",trouble="degraded"} 1
vegad_robot_health{health="degraded",robot="acme/0001"} 1
vegad_robot_work_step{robot="acme/0001",step="halfFrames"} 1
vegad_robot_uptime_seconds{robot="acme/0001"} 120
vegad_robot_degraded{robot="acme/0001"} 1
vegad_robot_errors{robot="acme/0001"} 1
vegad_robot_cameras{robot="acme/0001"} 2
vegad_robot_cameras_running{robot="acme/0001"} 1
vegad_robot_temperature_celsius{robot="acme/0001"} 95
vegad_robot_thermal_headroom_kelvin{robot="acme/0001"} 2.5
vegad_robot_throttled{robot="acme/0001"} 1
vegad_robot_power_watts{robot="acme/0001"} 9.5
vegad_robot_outbox_messages{robot="acme/0001"} 7
vegad_robot_outbox_size_bytes{robot="acme/0001"} 890
vegad_robot_outbox_oldest_age_seconds{robot="acme/0001"} 61.5
vegad_robot_outbox_dropped_total{robot="acme/0001"} 3
vegad_robot_outbox_failed{robot="acme/0001"} 1
vegad_robot_frames_per_second{robot="acme/0001"} 14.5
vegad_robot_observations_per_second{robot="acme/0001"} 4.5
vegad_robot_question_duration_p95_seconds{robot="acme/0001"} 0.25
vegad_robot_camera_reconnects_last_hour{robot="acme/0001"} 2
vegad_robot_broker_reconnects_last_hour{robot="acme/0001"} 3
vegad_robot_recent_questions{robot="acme/0001",status="answered"} 12
vegad_robot_recent_questions{robot="acme/0001",status="expired"} 1
vegad_robot_answers_per_second{robot="acme/0001"} 0.2
vegad_robot_abstained_ratio{robot="acme/0001"} 0.25
`) {
		if !strings.Contains(got, "\n"+line) {
			t.Errorf("lacks %s", line)
		}
	}
	for _, name := range newCollector(config(r)).Names() {
		if !strings.Contains(got, "# HELP "+name+" ") {
			t.Errorf("%s is declared and never told", name)
		}
	}
}

// TestUnknownIsAbsent tells of a robot that has only said that it is there nothing that it has not said.
func TestUnknownIsAbsent(t *testing.T) {
	r := fleet.New(fleet.Config{})
	say(t, r, "acme/0001", "connection", payload.Connection{ConnectionState: payload.ConnectionBroken, SessionID: "a.1"})
	got := scrape(t, config(r))
	for _, name := range []string{"health", "temperature", "outbox", "cameras", "answers", "power", "work_step"} {
		if strings.Contains(got, "vegad_robot_"+name) {
			t.Errorf("vegad_robot_%s is told", name)
		}
	}
	if !strings.Contains(got, `vegad_robot_online{robot="acme/0001"} 0`) ||
		!strings.Contains(got, `vegad_fleet_robots{trouble="unreachable"} 1`) {
		t.Error("a robot whose connection broke is not told of")
	}
}

// TestSilentRobotsDisappear forgets what was not heard for a time, and nobody else.
func TestSilentRobotsDisappear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := fleet.New(fleet.Config{})
		cfg := config(r)
		cfg.Forget = time.Hour
		c := newCollector(cfg)
		tellAll(t, r, "acme/old")
		time.Sleep(50 * time.Minute) //nolint:forbidigo // the clock of the bubble
		tellAll(t, r, "acme/new")
		for _, step := range []struct {
			wait time.Duration
			want int
		}{{0, 2}, {11 * time.Minute, 1}, {50 * time.Minute, 0}} {
			time.Sleep(step.wait) //nolint:forbidigo // the clock of the bubble
			if got := testutil.CollectAndCount(c, "vegad_robot_online"); got != step.want {
				t.Errorf("%d robots are told of, want %d", got, step.want)
			}
		}
	})
}

// TestConventions holds every name, unit and help text against Prometheus' own linter.
func TestConventions(t *testing.T) {
	r := fleet.New(fleet.Config{})
	tellAll(t, r, "acme/0001")
	problems, err := testutil.CollectAndLint(newCollector(config(r)))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	registry := prometheus.NewPedanticRegistry() // it complains of what was not described
	registry.MustRegister(newCollector(config(r)))
	if _, err := registry.Gather(); err != nil {
		t.Error(err)
	}
}

// BenchmarkScrape is one scrape of ten thousand robots, text and all.
func BenchmarkScrape(b *testing.B) {
	const robots = 10_000
	r := fleet.New(fleet.Config{MaxRobots: robots})
	for i := range robots {
		tellAll(b, r, fmt.Sprintf("acme/%05d", i))
	}
	h, err := Handler(config(r))
	if err != nil {
		b.Fatal(err)
	}
	size := 0
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(b.Context(), "GET", "/metrics", nil))
		size = w.Body.Len()
	}
	b.ReportMetric(float64(size)/robots, "B/robot")
}
