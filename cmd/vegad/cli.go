package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// The exit codes.
const (
	exitDone      = 0
	exitFailed    = 1
	exitUsage     = 2
	exitAbstained = 3 // there is no answer, or it works with less than it should
)

// commands is the command line.
type commands struct {
	Run      runCmd      `cmd:"" help:"Watch a camera and answer questions over MQTT."`
	Demo     demoCmd     `cmd:"" help:"Render a room, watch it as a camera, ask six questions and compare with the truth."`
	Ask      askCmd      `cmd:"" help:"Ask a robot a question."`
	Command  commandCmd  `cmd:"" help:"Sign commands for robots, and send them."`
	Check    checkCmd    `cmd:"" help:"Check a configuration and the model bundle it names."`
	Doctor   doctorCmd   `cmd:"" help:"Look for what may be wrong with this machine."`
	Bench    benchCmd    `cmd:"" help:"Measure the stages of the work on this machine, and compare with a baseline."`
	Eval     evalCmd     `cmd:"" help:"Measure a bundle on simulated rooms that nobody trained on."`
	Cameras  camerasCmd  `cmd:"" help:"List and try cameras."`
	Model    modelCmd    `cmd:"" help:"Show, verify, sign and install model bundles."`
	Fleet    fleetCmd    `cmd:"" help:"Watch and simulate many robots."`
	Engine   engineCmd   `cmd:"" help:"Build, list and verify TensorRT's engines."`
	Quantize quantizeCmd `cmd:"" help:"Convert networks to int8 and float16."`
	Record   recordCmd   `cmd:"" help:"Record what a robot sees, thinks and says."`
	Replay   replayCmd   `cmd:"" help:"Tell a recording again with today's program and bundle."`
	Room     roomCmd     `cmd:"" help:"Simulated rooms."`
	Schema   schemaCmd   `cmd:"" help:"Print the JSON Schema of messages or of the configuration."`
	Version  versionCmd  `cmd:"" help:"Print the version."`

	Completion completionCmd `cmd:"" help:"Print what a shell reads to complete this command line."`
	Manual     manualCmd     `cmd:"" hidden:"" help:"Print the manual page."`
}

const description = `Metric scene memory for robots: watches a camera, answers spatial questions over MQTT.

Exit codes: 0 done, 1 failed, 2 usage, 3 abstained or degraded.`

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s := streams{out: stdout, err: stderr}
	helped := false
	parser, err := kong.New(&commands{}, kong.Name("vegad"), kong.Description(description),
		kong.Writers(stdout, stderr), kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 120}))
	if err != nil {
		return s.fail(err)
	}
	bare := len(args) == 0
	if bare {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	switch {
	case bare:
		return exitUsage
	case helped:
		return exitDone
	case err != nil:
		return s.fail(usageError{err})
	}
	command.BindTo(ctx, (*context.Context)(nil))
	return s.fail(command.Run(s))
}

// verdict ends a command that has already printed all there is to say with an exit code of its own.
type verdict int

// Error is only seen by a programmer who forgot to look for a verdict.
func (v verdict) Error() string { return fmt.Sprintf("exit code %d", int(v)) }

// usageError is a command line that means nothing.
type usageError struct{ error }

// Unwrap returns what is wrong with it.
func (e usageError) Unwrap() error { return e.error }

// streams is where a command writes: results to out, everything else to err.
type streams struct{ out, err io.Writer }

// fail says what went wrong, if anything did, and returns the exit code.
func (s streams) fail(err error) int {
	var code verdict
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage):
		s.note("vegad: %s\nType vegad --help, or vegad COMMAND --help.\n", strings.TrimSpace(usage.Error()))
		return exitUsage
	case errors.Is(err, context.Canceled):
		s.note("vegad: interrupted\n")
		return exitFailed
	}
	s.note("vegad: %s\n", err)
	return exitFailed
}

// say prints a result. A reader that has gone away is no reason to stop.
func (s streams) say(format string, args ...any) { _, _ = fmt.Fprintf(s.out, format, args...) }

// note prints what is no result: trouble and progress.
func (s streams) note(format string, args ...any) { _, _ = fmt.Fprintf(s.err, format, args...) }

// json prints a result for machines.
func (s streams) json(v any) error { return s.encode(v, "  ") }

// line prints one of many results for machines, in a line of its own.
func (s streams) line(v any) error { return s.encode(v, "") }

func (s streams) encode(v any, indent string) error {
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", indent)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("printing the result: %w", err)
	}
	return nil
}
