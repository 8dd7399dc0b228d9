package main

import (
	"context"
	"time"

	"github.com/vega-edge/vegad/runtime/daemon"
)

// replayCmd is vegad replay.
type replayCmd struct {
	Recording string `arg:"" help:"A folder of recordings, a recording, or one of its files."`
	Config    string `short:"c" placeholder:"FILE" help:"Configuration, for bundle, precision and provider."`
	Bundle    string `placeholder:"NAME|DIR" help:"Model bundle."`
	Precision string `placeholder:"P" help:"auto, fp32, fp16 or int8."`
	Provider  string `placeholder:"P" help:"auto, tensorrt, cuda or cpu."`
	JSON      bool   `name:"json" help:"Print JSON."`
}

// Run tells a recording again and says what is different. The exit code is 1 when anything is, as that of diff.
func (c *replayCmd) Run(ctx context.Context, s streams) error {
	cfg, err := settings{Config: c.Config, Bundle: c.Bundle, Precision: c.Precision, Provider: c.Provider}.load()
	if err != nil {
		return err
	}
	out, err := daemon.Replay(ctx, daemon.ReplayOptions{
		Config: cfg, Path: c.Recording, Version: programVersion().Version, Logger: newLogger(cfg.Log, s.err),
	})
	if err != nil {
		return err
	}
	if c.JSON {
		err = s.json(out)
	} else {
		describeReplay(s, out)
	}
	if err == nil && !out.Identical {
		return verdict(exitFailed)
	}
	return err
}

func describeReplay(s streams, r daemon.Replayed) {
	s.say("then  %s, %s on %s %s\n", r.Then.Version, r.Then.Bundle, r.Then.Provider, r.Then.Precision)
	s.say("now   %s, %s on %s %s\n", r.Now.Version, r.Now.Bundle, r.Now.Provider, r.Now.Precision)
	if r.Then.BundleDigest != r.Now.BundleDigest {
		s.say("      the bundle is another\n")
	}
	s.say("told again from %s on; %d pictures, %d gaps\n", r.Begins.Round(time.Millisecond), r.Pictures, r.Gaps)
	for _, row := range []struct {
		name string
		t    daemon.Tally
	}{
		{"features", r.Features}, {"observations", r.Observations}, {"memories", r.Memories}, {"answers", r.Answers},
	} {
		s.say("  %-13s %6d the same %6d different\n", row.name, row.t.Same, row.t.Different)
	}
	if r.Skipped > 0 {
		s.say("  %d answers hung on the moment, or came before, and were not asked again\n", r.Skipped)
	}
	for _, d := range r.Differences {
		s.say("%9.2f s  %s\n    then  %s\n    now   %s\n", float64(d.MonoNs)/1e9, d.Question, d.Then, d.Now)
	}
	for _, note := range r.Notes {
		s.say("note: %s\n", note)
	}
	if r.Identical {
		s.say("identical\n")
	}
}
