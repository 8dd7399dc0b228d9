package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/vega-edge/vegad/camera/gocv"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/record"
)

// recordCmd is vegad record.
type recordCmd struct {
	Here   recordHereCmd   `cmd:"" default:"withargs" help:"Watch a camera and record everything until stopped."`
	Start  recordStartCmd  `cmd:"" help:"Let a running robot record, by a signed command."`
	Stop   recordStopCmd   `cmd:"" help:"End that."`
	Show   recordShowCmd   `cmd:"" help:"Tell what is in a recording."`
	Export recordExportCmd `cmd:"" help:"Write a recording as a film with overlays, or as JSON lines."`
}

// recordHereCmd is vegad record: vegad run that records from the first picture to the last.
type recordHereCmd struct {
	settings
	Out      string        `required:"" placeholder:"DIR" help:"Folder of recordings."`
	For      time.Duration `placeholder:"DURATION" help:"Stop after this time, such as 10m."`
	Pictures string        `placeholder:"HOW" help:"lossless or jpeg; lossless can be told again exactly."`
}

// whole are limits beyond which nobody records on purpose.
const (
	wholeBytes = 1024 << 30
	wholeAge   = 8760 * time.Hour
)

// Run watches, answers and records.
func (c *recordHereCmd) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if n := len(cfg.Cameras); n != 1 {
		return usageError{fmt.Errorf("%d cameras are configured: a recording holds one, name it with --camera", n)}
	}
	r := &cfg.Record
	r.Dir, r.When, r.MaxBytes, r.MaxKept, r.MaxAge = config.Path(c.Out), "always", wholeBytes, wholeBytes, wholeAge
	if c.Pictures != "" {
		r.Pictures = c.Pictures
	}
	if err := cfg.Validate(); err != nil {
		return usageError{err}
	}
	run := runCmd{settings: c.settings, For: c.For}
	if err := run.with(ctx, s, cfg); err != nil {
		return err
	}
	return describeRecording(s, c.Out)
}

// remoteFlags say how to command a robot.
type remoteFlags struct {
	brokerFlags
	SignKey string        `name:"sign-key" env:"VEGAD_COMMAND_KEY" placeholder:"FILE" help:"From vegad command keygen."`
	KeyID   string        `name:"key-id" placeholder:"ID" help:"Its name in commands.keysFile; derived unless given."`
	Timeout time.Duration `default:"10s" help:"How long to wait for everything."`
	JSON    bool          `name:"json" help:"Print the reply message."`
}

func (f remoteFlags) send(ctx context.Context, s streams, command string) error {
	c := sendCmd{brokerFlags: f.brokerFlags, Timeout: f.Timeout, JSON: f.JSON, orderFlags: orderFlags{
		Command: command, SignKey: f.SignKey, KeyID: f.KeyID, Valid: f.Timeout,
	}}
	return c.Run(ctx, s)
}

// recordStartCmd is vegad record start.
type recordStartCmd struct{ remoteFlags }

// Run sends the command.
func (c *recordStartCmd) Run(ctx context.Context, s streams) error {
	return c.send(ctx, s, "record.start")
}

// recordStopCmd is vegad record stop.
type recordStopCmd struct{ remoteFlags }

// Run sends the command.
func (c *recordStopCmd) Run(ctx context.Context, s streams) error {
	return c.send(ctx, s, "record.stop")
}

// recordShowCmd is vegad record show.
type recordShowCmd struct {
	Recording string `arg:"" help:"A folder of recordings, a recording, or one of its files."`
}

// Run prints what is in it.
func (c *recordShowCmd) Run(s streams) error { return describeRecording(s, c.Recording) }

// contents sums up a recording.
type contents struct {
	head        *record.Head
	counts      map[record.Kind]int
	bytes       map[record.Kind]int64
	first, last time.Duration
	lost        uint64
	damage      record.Damage
}

func survey(path string) (c contents, err error) {
	c = contents{counts: map[record.Kind]int{}, bytes: map[record.Kind]int64{}, first: -1}
	r, err := record.Open(path)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			c.damage = r.Damage()
			return c, nil
		}
		if err != nil {
			return c, err
		}
		if err := c.add(rec); err != nil {
			return c, err
		}
	}
}

func (c *contents) add(rec record.Record) error {
	c.counts[rec.Kind]++
	c.bytes[rec.Kind] += int64(len(rec.Data))
	c.last = max(c.last, rec.Mono)
	if c.first < 0 {
		c.first = rec.Mono
	}
	switch rec.Kind {
	case record.HeadKind:
		head, err := record.Message[record.Head](rec)
		if c.head == nil && err == nil {
			c.head = &head
		}
		return err
	case record.GapKind:
		gap, err := record.Message[record.Gap](rec)
		c.lost += gap.Records
		return err
	}
	return nil
}

func describeRecording(s streams, path string) error {
	c, err := survey(path)
	if err != nil {
		return err
	}
	if h := c.head; h != nil {
		s.say("%s %s, %s, with %s on %s %s\n", h.Manufacturer, h.SerialNumber, h.Started.Format(time.RFC3339), h.Bundle,
			h.Provider, h.Precision)
	}
	seconds := (c.last - max(c.first, 0)).Seconds()
	var total int64
	for kind := record.HeadKind; kind <= record.GapKind; kind++ {
		if n := c.counts[kind]; n > 0 {
			s.say("  %-12s %7d  %9.2f MiB\n", kind, n, float64(c.bytes[kind])/(1<<20))
			total += c.bytes[kind]
		}
	}
	mib := float64(total) / (1 << 20)
	s.say("%.1f s, %.1f MiB, %.1f MiB a minute\n", seconds, mib, mib*60/max(seconds, 1))
	if c.lost > 0 {
		s.say("%d records are missing: the disk or the processor could not follow\n", c.lost)
	}
	if d := c.damage; d.Places > 0 {
		s.say("%d damaged places, %d bytes; cut off at the end: %t\n", d.Places, d.Bytes, d.Truncated)
	}
	return nil
}

// recordExportCmd is vegad record export.
type recordExportCmd struct {
	Recording string  `arg:"" help:"A folder of recordings, a recording, or one of its files."`
	Lines     string  `placeholder:"OUT.jsonl" help:"JSON lines to write."`
	Film      string  `placeholder:"OUT.mp4" help:"Film to write, with what was seen and said."`
	FPS       float64 `name:"fps" default:"15" help:"Pictures a second of the film (${default})."`
	Width     int     `default:"640" help:"Pixels of the film, even (${default})."`
}

// Validate checks what is to be written.
func (c *recordExportCmd) Validate() error {
	switch {
	case c.Lines == "" && c.Film == "":
		return errors.New("nothing to write: give --lines or --film")
	case c.FPS < 1 || c.FPS > 240:
		return fmt.Errorf("--fps %g: must lie between 1 and 240", c.FPS)
	case c.Width < minSide || c.Width > maxSide || c.Width%2 != 0:
		return fmt.Errorf("--width %d: must be even and lie between %d and %d", c.Width, minSide, maxSide)
	}
	return nil
}

// Run writes the files.
func (c *recordExportCmd) Run(ctx context.Context, s streams) error {
	if c.Lines != "" {
		if err := c.writeLines(); err != nil {
			return err
		}
		s.say("%s\n", c.Lines)
	}
	if c.Film == "" {
		return nil
	}
	if err := gocv.Quiet(); err != nil {
		return err
	}
	n, err := exportFilm(ctx, c)
	if err != nil {
		return err
	}
	s.say("%s: %d pictures\n", c.Film, n)
	return nil
}

func (c *recordExportCmd) writeLines() (err error) {
	r, err := record.Open(c.Recording)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	f, err := os.Create(c.Lines)
	if err != nil {
		return fmt.Errorf("writing JSON lines: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return record.WriteLines(f, r)
}
