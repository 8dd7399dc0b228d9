package main

import (
	"errors"
	"fmt"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
)

// checkCmd is vegad check.
type checkCmd struct {
	Config string `short:"c" placeholder:"FILE" help:"Configuration; without one, the defaults are checked."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// checkReport is what it prints.
type checkReport struct {
	OK       bool           `json:"ok"`
	Config   string         `json:"config,omitempty"`
	Problems []checkProblem `json:"problems"`
	Bundle   *bundleSummary `json:"bundle,omitempty"`
	Cameras  []checkCamera  `json:"cameras"`
}

type checkProblem struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Path   string `json:"path,omitempty"`
	Reason string `json:"reason"`
}

type checkCamera struct {
	Name       string `json:"name"`
	URI        string `json:"uri"`
	Kind       string `json:"kind"`
	Calibrated bool   `json:"calibrated"`
}

// Run checks everything that can be checked without a camera and without the networks.
func (c *checkCmd) Run(s streams) error {
	report := c.examine()
	if c.JSON {
		if err := s.json(report); err != nil {
			return err
		}
	} else {
		report.print(s)
	}
	if !report.OK {
		return verdict(exitFailed)
	}
	return nil
}

func (c *checkCmd) examine() checkReport {
	report := checkReport{Config: c.Config, Problems: []checkProblem{}, Cameras: []checkCamera{}}
	cfg, err := config.Load(c.Config)
	if err != nil {
		report.Problems = append(report.Problems, problemsOf(err)...)
		return report
	}
	for i, cam := range cfg.Cameras {
		checked, err := examineCamera(cam)
		report.Cameras = append(report.Cameras, checked)
		if err != nil {
			report.blame(c.Config, fmt.Sprintf("cameras[%d]", i), err)
		}
	}
	if err := daemon.CheckSecurity(cfg); err != nil {
		report.blame(c.Config, "security", err)
	}
	bundle, err := openBundle(cfg)
	if err != nil {
		report.blame(c.Config, "bundle", err)
	} else {
		report.Bundle = summarize(bundle)
	}
	report.OK = len(report.Problems) == 0
	return report
}

func (r *checkReport) blame(file, path string, err error) {
	r.Problems = append(r.Problems, checkProblem{File: file, Path: path, Reason: err.Error()})
}

func problemsOf(err error) []checkProblem {
	var found config.Problems
	if !errors.As(err, &found) {
		return []checkProblem{{Reason: err.Error()}}
	}
	var out []checkProblem
	for _, p := range found {
		out = append(out, checkProblem{File: p.File, Line: p.Line, Column: p.Column, Path: p.Path, Reason: p.Reason})
	}
	return out
}

func examineCamera(c config.Camera) (checkCamera, error) {
	out := checkCamera{Name: c.Name}
	uri, err := camera.ParseURI(c.URI)
	if err != nil {
		return out, err
	}
	out.URI, out.Kind = uri.String(), string(uri.Kind)
	out.Calibrated = c.Calibration != nil || uri.Kind == camera.KindRoom
	_, err = c.Calibrate(640, 480)
	return out, err
}

// openBundle finds and verifies the configured bundle.
func openBundle(cfg config.Config) (*models.Bundle, error) {
	dir, err := daemon.FindBundle(cfg)
	if err != nil {
		return nil, err
	}
	return models.Open(dir)
}

func (r checkReport) print(s streams) {
	name := r.Config
	if name == "" {
		name = "the defaults"
	}
	for _, p := range r.Problems {
		place := config.Problem{File: p.File, Line: p.Line, Column: p.Column, Path: p.Path, Reason: p.Reason}
		s.say("fail  %s\n", place)
	}
	for _, c := range r.Cameras {
		lens := "its field of view is assumed"
		if c.Calibrated {
			lens = "calibrated"
		}
		s.say("ok    camera %s: %s, %s\n", c.Name, c.URI, lens)
	}
	if r.Bundle != nil {
		s.say("ok    bundle %s %s: every file matches its digest (%s)\n", r.Bundle.Name, r.Bundle.Version, r.Bundle.Dir)
	}
	if r.OK {
		s.say("ok    %s\n", name)
	}
}
