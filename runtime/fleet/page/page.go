// Package page serves one page that shows every robot of a fleet: a table sorted by trouble, where the robots are, and
// the way to each robot's own page.
//
// A page asks once a second for the rows that have changed since it last asked. The rows are made once for all pages,
// and only when one asks: nothing is computed when nobody looks, and a slow browser asks less often instead of being
// waited for.
package page

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/vega-edge/vegad/runtime/fleet"
	"github.com/vega-edge/vegad/runtime/web"
)

//go:embed files
var embedded embed.FS

// Config describes a page. All fields but Version are required.
type Config struct {
	Registry *fleet.Registry
	Line     Line
	Version  string // of vegad
	Logger   *slog.Logger
}

// Line is what the registry is fed by. Its methods are called by any goroutine.
type Line interface {
	// Connected says whether the broker is listened to now and, if not, why.
	Connected() (bool, error)
	// Broker is the broker's address, without a password.
	Broker() string
}

// Page shows one registry to any number of viewers.
type Page struct {
	cfg   Config
	log   *slog.Logger
	table table
}

// New checks the configuration.
func New(cfg Config) (*Page, error) {
	if cfg.Registry == nil || cfg.Line == nil || cfg.Logger == nil {
		return nil, errors.New("configuring the page of the fleet: registry, line and logger are required")
	}
	return &Page{cfg: cfg, log: cfg.Logger.With("component", "fleet page"), table: newTable(cfg.Registry)}, nil
}

// Routes returns what the site serves.
func (p *Page) Routes(site *web.Site) (*http.ServeMux, error) {
	files, err := fs.Sub(embedded, "files")
	if err != nil {
		return nil, err
	}
	static, err := web.Files(files)
	if err != nil {
		return nil, err
	}
	mux := site.Mux(static)
	mux.Handle("GET /robots", site.Private(http.HandlerFunc(p.robots)))
	return mux, nil
}

// reply is what a page is sent.
type reply struct {
	Run       string            `json:"run"`     // changes when the numbers of versions begin anew
	Version   uint64            `json:"version"` // to ask with the next time
	Full      bool              `json:"full"`    // all robots are there; otherwise those that have changed
	Robots    []json.RawMessage `json:"robots"`
	Now       int64             `json:"nowMs"` // the clock by which robots were heard
	Count     int               `json:"count"` // of all robots
	NoRoom    uint64            `json:"noRoom"`
	Refused   uint64            `json:"refused"`
	Connected bool              `json:"connected"`
	Broker    string            `json:"broker"`
	LineError string            `json:"lineError"` // why there is no connection
	Program   string            `json:"program"`   // version of vegad
	Troubles  []string          `json:"troubles"`  // their names, from the lowest bit on
}

// robots sends what has changed since the version that the page has; without one, everything.
func (p *Page) robots(w http.ResponseWriter, r *http.Request) {
	since, err := readSince(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := p.table.since(since)
	stats := p.cfg.Registry.Stats()
	up, reason := p.cfg.Line.Connected()
	out.Now = time.Now().UnixMilli()
	out.Count, out.NoRoom, out.Refused = stats.Robots, stats.NoRoom, stats.Refused
	out.Connected, out.Broker, out.Program, out.Troubles = up, p.cfg.Line.Broker(), p.cfg.Version, troubles()
	if !up && reason != nil {
		out.LineError = reason.Error()
	}
	data, err := json.Marshal(out)
	if err != nil {
		p.log.Error("robots are not sent to the page", "err", err)
		http.Error(w, "the robots cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(data) // a viewer who has gone needs no answer
}

// point is a state of the table that a page has: a version, in one run of the program.
type point struct {
	run     string
	version uint64
}

// readSince reads what a page says that it has; nothing is everything's wish.
func readSince(r *http.Request) (point, error) {
	query := r.URL.Query()
	text := query.Get("version")
	if text == "" {
		return point{}, nil
	}
	version, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return point{}, fmt.Errorf("version %.20q is no number", text)
	}
	return point{query.Get("run"), version}, nil
}

// troubles lists the names of the bits of a row's trouble.
func troubles() []string {
	all := fleet.Troubles() // the worst first
	names := make([]string, len(all))
	for i, t := range all {
		names[len(all)-1-i] = t.String()
	}
	return names
}
