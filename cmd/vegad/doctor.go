package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vega-edge/vegad/camera/gocv"
	"github.com/vega-edge/vegad/runtime/config"
)

// doctorCmd is vegad doctor.
type doctorCmd struct {
	settings
	JSON bool `name:"json" help:"Print JSON."`
}

// health grades a finding.
type health string

const (
	healthOK   health = "ok"
	healthWarn health = "warn" // vegad works, but not as well as it could
	healthFail health = "fail" // vegad does not work
)

// finding is the outcome of one check.
type finding struct {
	Health health `json:"health"`
	Check  string `json:"check"`
	Detail string `json:"detail"`
	Fix    string `json:"fix,omitempty"` // what a person can do
}

func ok(check, detail string) finding          { return finding{healthOK, check, detail, ""} }
func warn(check, detail, fix string) finding   { return finding{healthWarn, check, detail, fix} }
func broken(check, detail, fix string) finding { return finding{healthFail, check, detail, fix} }

// doctorReport is what vegad doctor --json prints.
type doctorReport struct {
	Health   health      `json:"health"` // the worst of all
	Version  versionInfo `json:"version"`
	Findings []finding   `json:"findings"`
}

// machine is what the checks look at; tests make one up.
type machine struct {
	root   fs.FS                             // the file system
	free   func(path string) (uint64, error) // bytes that an ordinary user may still write
	access func(path string) error           // that keeps an ordinary user from reading and writing
	modes  func(path string) ([]gocv.Mode, error)
	synced func() (bool, error) // whether something keeps the clock right
	now    func() time.Time
	env    func(key string) string
	groups []int // that this process belongs to
	uid    int

	engineDir string // the configured cache of engines; empty is the service's
}

func thisMachine() (machine, error) {
	groups, err := os.Getgroups()
	return machine{
		root: os.DirFS("/"), groups: append(groups, os.Getegid()), uid: os.Geteuid(),
		free: func(path string) (uint64, error) {
			var s unix.Statfs_t
			err := unix.Statfs(path, &s)
			return s.Bavail * uint64(s.Bsize), err
		},
		access: func(path string) error { return unix.Access(path, unix.R_OK|unix.W_OK) },
		modes:  gocv.Modes, synced: kernelSynced, now: time.Now, env: os.Getenv,
	}, err
}

// examination is how long the checks that wait for something may take together.
const examination = 60 * time.Second

// Run looks at everything, whatever it finds.
func (c *doctorCmd) Run(ctx context.Context, s streams) error {
	ctx, cancel := context.WithTimeout(ctx, examination)
	defer cancel()
	m, err := thisMachine()
	if err != nil {
		return err
	}
	cfg, err := c.load()
	if dir, none := filepath.Abs(string(cfg.Engine.Dir)); cfg.Engine.Dir != "" && none == nil {
		m.engineDir = dir
	}
	report := doctorReport{Version: programVersion(), Findings: m.examine()}
	if err != nil {
		if usage := (usageError{}); errors.As(err, &usage) {
			return err
		}
		report.add(broken("configuration", err.Error(), "correct it; vegad check prints it again"))
	} else {
		report.add(m.examineConfig(ctx, cfg)...)
	}
	report.grade()
	if c.JSON {
		err = s.json(report)
	} else {
		report.print(s)
	}
	return errors.Join(err, report.verdict())
}

// examine looks at the machine alone.
func (m machine) examine() []finding {
	findings := []finding{m.system(), m.board(), program(), m.clock()}
	findings = append(findings, m.power()...)
	findings = append(findings, m.acceleration()...)
	findings = append(findings, m.gpuDevices()...)
	findings = append(findings, m.opencv(), m.gstreamer())
	findings = append(findings, m.cameras()...)
	findings = append(findings, m.membership()...)
	findings = append(findings, m.memory())
	findings = append(findings, m.swap()...)
	findings = append(findings, m.disks()...)
	return append(findings, m.engines()...)
}

// examineConfig looks at what the configuration names.
func (m machine) examineConfig(ctx context.Context, cfg config.Config) []finding {
	findings := m.configuredCameras(cfg)
	findings = append(findings, m.examineNetworks(ctx, cfg, slog.New(slog.DiscardHandler))...)
	return append(findings, m.examineBroker(ctx, cfg)...)
}

func (r *doctorReport) add(findings ...finding) { r.Findings = append(r.Findings, findings...) }

// grade takes the worst finding for the whole.
func (r *doctorReport) grade() {
	r.Health = healthOK
	for _, f := range r.Findings {
		if f.Health == healthFail || (f.Health == healthWarn && r.Health == healthOK) {
			r.Health = f.Health
		}
	}
}

func (r *doctorReport) verdict() error {
	switch r.Health {
	case healthFail:
		return verdict(exitFailed)
	case healthWarn:
		return verdict(exitAbstained)
	}
	return nil
}

func (r *doctorReport) print(s streams) {
	for _, f := range r.Findings {
		s.say("%-5s %-14s %s\n", f.Health, f.Check, indent(f.Detail))
		if f.Fix != "" {
			s.say("%21s> %s\n", "", indent(f.Fix))
		}
	}
}
