// Package dashboard serves the field tester's page: what the robot sees, where it takes things to stand, why it says
// what it says, and how it does.
//
// The page is one document with plain ES modules, embedded in the program. What moves comes over one WebSocket a
// viewer; questions are posted. Nothing here may cost the robot a frame: work is done in goroutines of this package,
// only for what somebody looks at, and a viewer who is too slow misses pictures instead of holding anything up.
package dashboard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/scene"
	"github.com/vega-edge/vegad/runtime/web"
)

// Robot is what the page shows. Its methods are called by goroutines of this package.
type Robot interface {
	// Scene returns what is remembered now.
	Scene() *scene.Snapshot
	// Report tells how the robot does now.
	Report() Report
	// Map writes the newest values of a stream of a camera into buffer, which it may replace by a larger one, and returns
	// them. It is an error to ask before the camera's first observation. Cameras are numbered as Config.Eyes.
	Map(camera int, stream Stream, buffer []float32) (Map, error)
}

// Answerer takes the questions that are asked on the page.
type Answerer interface {
	// Ask answers a question; what goes wrong is the answer's status and reason.
	Ask(ctx context.Context, ask payload.Ask) payload.Answer
	// Watch begins or ends a standing question; its error is the refusal's reason.
	Watch(watch payload.Watch) error
}

// Config describes a page. Listen, Robot, Answerer, About, at least one of Eyes and Logger are required.
type Config struct {
	Listen     string      // host:port; anything but loopback needs a token
	Token      string      // what a viewer must know, at least web.MinToken bytes; empty asks for none
	TLS        *tls.Config // nil serves plain HTTP
	Hosts      []string    // names, besides IP addresses and localhost, that a browser may use for this robot
	FPS        float64     // most pictures a second, positive
	Width      int         // of the picture, pixels; never more than the camera's own
	MaxViewers int         // at a time, positive

	Robot    Robot
	Answerer Answerer
	Recorder Recorder // nil cannot record
	About    About
	Eyes     []Eye        // the cameras
	Tail     *Tail        // the log; nil shows none
	Metrics  http.Handler // for Prometheus, on /metrics; nil serves none
	Logger   *slog.Logger
}

// Server serves one page. A nil Server shows nothing, so that a robot without a page needs no special case.
type Server struct {
	cfg   Config
	log   *slog.Logger
	site  *web.Site
	hub   *hub
	paint []*painter // one a camera
	files http.Handler

	observed chan struct{} // capacity 1: memory holds a new observation
	asked    atomic.Uint64 // numbers the page's questions
	answers  history
	reporter reporter
	overlays map[sight]*overlay // belongs to the goroutine of tell
}

// New checks the configuration; it listens to nothing yet.
func New(cfg Config) (*Server, error) {
	var err error
	switch {
	case cfg.Robot == nil || cfg.Answerer == nil || cfg.Logger == nil:
		err = errors.New("robot, answerer and logger are required")
	case len(cfg.Eyes) == 0:
		err = errors.New("there is no camera")
	case cfg.FPS <= 0 || cfg.Width <= 0 || cfg.MaxViewers <= 0:
		err = errors.New("pictures a second, width and viewers must be positive")
	}
	if err != nil {
		return nil, fmt.Errorf("configuring the dashboard: %w", err)
	}
	log := cfg.Logger.With("component", "dashboard")
	page, err := fs.Sub(embedded, "page")
	if err != nil {
		return nil, fmt.Errorf("configuring the dashboard: %w", err)
	}
	files, err := web.Files(page)
	if err != nil {
		return nil, fmt.Errorf("configuring the dashboard: %w", err)
	}
	site, err := web.New(web.Config{
		Listen: cfg.Listen, Token: cfg.Token, TLS: cfg.TLS, Hosts: cfg.Hosts, HostsSetting: "dashboard.hosts", Logger: log,
	})
	if err != nil {
		return nil, fmt.Errorf("configuring the dashboard: %w", err)
	}
	s := &Server{
		cfg: cfg, log: log, site: site, hub: newHub(cfg.MaxViewers), files: files,
		observed: make(chan struct{}, 1), overlays: make(map[sight]*overlay),
	}
	for i, eye := range cfg.Eyes {
		s.paint = append(s.paint, newPainter(i, eye, cfg.Width, cfg.FPS))
	}
	return s, nil
}

// Run serves the page until ctx ends; then every connection is closed and it returns nil. While the address cannot be
// had it says so once and keeps trying: a page is no reason to stop a robot.
func (s *Server) Run(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	for _, p := range s.paint {
		tasks.Go(func() { s.show(inner, p) })
	}
	tasks.Go(func() { s.tell(inner) })
	err := s.site.Run(ctx, s.routes())
	cancel()
	s.hub.close()
	tasks.Wait()
	if err != nil {
		return fmt.Errorf("serving the dashboard: %w", err)
	}
	return nil
}

// URL is where the page is served, and empty until it is.
func (s *Server) URL() string {
	if s == nil {
		return ""
	}
	return s.site.URL()
}

// Frame shows a picture of a camera if somebody waits for one. It belongs to the goroutine that reads the camera,
// copies what it needs before it returns, and never waits for a viewer.
func (s *Server) Frame(camera int, f *camera.Frame) {
	if s != nil && s.hub.hungry(camera) {
		s.paint[camera].offer(f)
	}
}

// Observed tells that memory holds a new observation. It never blocks.
func (s *Server) Observed() {
	if s == nil || s.hub.count() == 0 {
		return
	}
	select {
	case s.observed <- struct{}{}:
	default:
	}
}

// Answered tells of an answer, whoever asked. It never blocks.
func (s *Server) Answered(a payload.Answer, client string) {
	if s != nil {
		s.keep(a, client)
	}
}

// keep notes an answer and shows it to everybody.
func (s *Server) keep(a payload.Answer, client string) entry {
	a.Stamp(a.Header)
	e := s.answers.add(a, client)
	if s.hub.count() > 0 {
		s.hub.queue(s.encode(e))
	}
	return e
}
