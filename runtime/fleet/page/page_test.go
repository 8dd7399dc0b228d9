package page

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/runtime/fleet"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// line is a connection to a broker that is what a test says.
type line struct{ err error }

func (l line) Connected() (bool, error) { return l.err == nil, l.err }
func (line) Broker() string             { return "mqtt://hub:1883" }

// say feeds one message of a robot.
func say(tb testing.TB, r *fleet.Registry, serial, topic string, message any) {
	tb.Helper()
	data, err := json.Marshal(message)
	if err == nil {
		err = r.Take("vegad/v1/acme/"+serial+"/"+topic, data, false)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

func well() payload.State {
	return payload.State{
		Health: payload.HealthOK, Step: payload.StepFull, Cameras: []payload.CameraState{{Name: "front", State: "running"}},
		Runtime: payload.RuntimeState{Provider: "tensorrt", Precision: "int8"},
		Device:  &payload.Device{Temperatures: []payload.Temperature{{Zone: "tj", Celsius: 51.5}}},
	}
}

// serve shows a registry until the test ends.
func serve(tb testing.TB, registry *fleet.Registry, l Line) *web.Site {
	tb.Helper()
	log := slog.New(slog.DiscardHandler)
	site, err := web.New(web.Config{Listen: "127.0.0.1:0", HostsSetting: "--host", Logger: log})
	if err != nil {
		tb.Fatal(err)
	}
	p, err := New(Config{Registry: registry, Line: l, Version: "v1", Logger: log})
	if err != nil {
		tb.Fatal(err)
	}
	mux, err := p.Routes(site)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	done := make(chan error, 1)
	go func() { done <- site.Run(ctx, mux) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	linktest.Eventually(tb, "an address", func() bool { return site.URL() != "" })
	return site
}

func fetch(t *testing.T, url string) (int, reply) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var r reply
	if answer.StatusCode == http.StatusOK {
		if err := json.Unmarshal(data, &r); err != nil {
			t.Fatal(err)
		}
	}
	return answer.StatusCode, r
}

func TestRobotsAreSent(t *testing.T) {
	registry := fleet.New(fleet.Config{PageURL: "http://{serial}/"})
	say(t, registry, "0001", "state", well())
	say(t, registry, "0001", "scene", payload.Scene{Frame: "map", Pose: payload.Pose2D{X: 1.23456, Y: -2, Yaw: 0.5}})
	s := serve(t, registry, line{errors.New("refused by the hub")})
	status, got := fetch(t, s.URL()+"robots")
	if status != 200 || !got.Full || got.Count != 1 || got.Connected || got.LineError != "refused by the hub" ||
		got.Broker != "mqtt://hub:1883" || got.Program != "v1" || len(got.Robots) != 1 {
		t.Fatalf("status %d, %+v", status, got)
	}
	for _, part := range []string{
		`"acme/0001"`, `"tensorrt int8"`, `51.5`, `"map",0,1.235,-2,0.5,"http://0001/"`,
	} {
		if !strings.Contains(string(got.Robots[0]), part) {
			t.Errorf("%s lacks %s", got.Robots[0], part)
		}
	}
	if names := got.Troubles; names[0] != "starting" || names[len(names)-1] != "unreachable" {
		t.Errorf("%v", names)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL(), "http://"), ":")
	if status, _ = fetch(t, "http://0.0.0.0:"+port+"robots"); status != http.StatusMisdirectedRequest {
		t.Errorf("under an address that is not of loopback: status %d", status)
	}
	if status, _ = fetch(t, s.URL()+"robots?version=x"); status != http.StatusBadRequest {
		t.Errorf("a version that is none: status %d", status)
	}
}

// TestColumns holds the order of a row against the list by which the page reads it.
func TestColumns(t *testing.T) {
	text, err := os.ReadFile("files/js/store.js")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?s)const columns = \[(.*?)\];`).FindStringSubmatch(string(text))
	if list == nil {
		t.Fatal("the page has no list of columns")
	}
	names := regexp.MustCompile(`"([a-z0-9]+)"`).FindAllStringSubmatch(list[1], -1)
	var row []any
	robot := fleet.Robot{
		Manufacturer: "acme", Serial: "1", Trouble: fleet.Hot, Why: "w", Bundle: "b", PageURL: "p", Uptime: 7,
		Position: &fleet.Position{Frame: "f", Epoch: 3},
	}
	if err := json.Unmarshal(encode(&robot), &row); err != nil || len(row) != len(names) {
		t.Fatalf("%d values for %d columns, %v", len(row), len(names), err)
	}
	at := make(map[string]any)
	for i, name := range names {
		at[name[1]] = row[i]
	}
	for name, want := range map[string]any{
		"id": "acme/1", "trouble": float64(fleet.Hot), "why": "w", "bundle": "b", "page": "p", "frame": "f",
		"epoch": 3.0, "uptime": 7.0, "celsius": nil,
	} {
		if at[name] != want {
			t.Errorf("column %s holds %v, want %v", name, at[name], want)
		}
	}
}

// TestOnlyChangesAreSent asks as a page does, while robots speak, fall silent and are forgotten.
func TestOnlyChangesAreSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := fleet.New(fleet.Config{SilentAfter: time.Minute})
		rows := newTable(registry)
		for i := range 5 {
			say(t, registry, fmt.Sprint(i), "state", well())
		}
		have := point{}
		ask := func(what string, wait time.Duration, want int) reply {
			t.Helper()
			time.Sleep(wait) //nolint:forbidigo // the clock of the bubble
			got := rows.since(have)
			if len(got.Robots) != want {
				t.Errorf("%s: %d rows, want %d", what, len(got.Robots), want)
			}
			have = point{got.Run, got.Version}
			return got
		}
		if got := ask("the first time", time.Second, 5); !got.Full {
			t.Error("the first reply is not full")
		}
		ask("nothing new", time.Second, 0)
		say(t, registry, "3", "state", well())
		ask("too soon", freshFor/10, 0)
		if got := ask("one spoke", freshFor, 1); got.Full || !strings.Contains(string(got.Robots[0]), "acme/3") {
			t.Errorf("%s", got.Robots)
		}
		ask("all fall silent", 2*time.Minute, 5)
		ask("all are silent still", time.Minute, 0)
		if err := registry.Take("vegad/v1/acme/3/connection", nil, false); err != nil {
			t.Fatal(err)
		}
		if got := ask("one was forgotten", time.Second, 4); !got.Full {
			t.Error("a page would keep a robot that was forgotten")
		}
		if err := registry.Take("vegad/v1/acme/4/connection", nil, false); err != nil {
			t.Fatal(err)
		}
		say(t, registry, "new", "state", well())
		if got := ask("one went and one came", time.Second, 4); !got.Full {
			t.Error("a page would keep a robot that was forgotten")
		}
		have = point{"an earlier run", 1}
		if got := ask("another run", 0, 4); !got.Full {
			t.Error("a page of an earlier run is not sent everything")
		}
	})
}

// TestPageIsSelfContained reads the embedded files: no other host, no inline script or style, which the policy would
// refuse.
func TestPageIsSelfContained(t *testing.T) {
	count := 0
	err := filepath.WalkDir("files", func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		count++
		for _, foreign := range []string{
			"http://", "https://", "//cdn", "style=\"", "<script>", "javascript:", "eval(", "innerHTML",
		} {
			if strings.Contains(string(data), foreign) {
				t.Errorf("%s contains %s", name, foreign)
			}
		}
		for i, text := range strings.Split(string(data), "\n") {
			if len([]rune(text)) > 120 {
				t.Errorf("%s:%d is longer than 120 characters", name, i+1)
			}
		}
		return nil
	})
	if err != nil || count < 8 {
		t.Errorf("%d files, %v", count, err)
	}
}

// FuzzSince asks for what has changed in any way: the answer is JSON, or a refusal.
func FuzzSince(f *testing.F) {
	for _, seed := range []string{
		"", "version=1", "run=x&version=18446744073709551615", "version=-1", "version=1&version=x", "%zz", "version=%00;",
	} {
		f.Add(seed)
	}
	registry := fleet.New(fleet.Config{})
	say(f, registry, "0001", "state", well())
	p, err := New(Config{Registry: registry, Line: line{}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, query string) {
		w := httptest.NewRecorder()
		p.robots(w, &http.Request{URL: &url.URL{RawQuery: query}})
		if w.Code == http.StatusOK && !json.Valid(w.Body.Bytes()) || (w.Code != 200 && w.Code != 400) {
			t.Errorf("%q: status %d, %s", query, w.Code, w.Body)
		}
	})
}

// BenchmarkRows is what a page costs a second while ten thousand robots speak every thirty.
func BenchmarkRows(b *testing.B) {
	const robots = 10_000
	registry := fleet.New(fleet.Config{MaxRobots: robots})
	for i := range robots {
		say(b, registry, fmt.Sprint(i), "state", well())
	}
	rows := newTable(registry)
	have, next := point{}, 0
	for b.Loop() {
		b.StopTimer()
		for range robots / 30 {
			say(b, registry, fmt.Sprint(next%robots), "state", well())
			next++
		}
		rows.made = time.Time{}
		b.StartTimer()
		got := rows.since(have)
		have = point{got.Run, got.Version}
	}
}
