package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vega-edge/vegad/models/store"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

var (
	errNoStore   = errors.New("there is no folder for installed bundles: set update.dir")
	errNoService = errors.New("nothing would start vegad again: it does not run under systemd")
	errErrand    = errors.New("another bundle is being tried")
)

// errRestart stops the group, so that systemd starts the daemon again.
var errRestart = errors.New("restarting by order")

// modelOrder are the parameters of the commands about bundles.
type modelOrder struct {
	From    string `json:"from"`    // install: folder or tar file on the robot
	Bundle  string `json:"bundle"`  // activate: name, name@version or digest; empty is the one installed last
	Restart bool   `json:"restart"` // activate, rollback: start again at once, with that bundle
}

func (d *daemon) readModelOrder(parameters json.RawMessage) (modelOrder, error) {
	var o modelOrder
	if d.store == nil {
		return o, errNoStore
	}
	if len(parameters) > 0 {
		if err := json.Unmarshal(parameters, &o); err != nil {
			return o, fmt.Errorf("reading the parameters: %w", err)
		}
	}
	if o.Restart && !d.o.Supervised {
		return o, errNoService
	}
	return o, nil
}

// orderModels lists the installed bundles.
func (d *daemon) orderModels(_ context.Context, parameters json.RawMessage) (string, error) {
	if _, err := d.readModelOrder(parameters); err != nil {
		return "", err
	}
	list, err := d.store.List()
	if err != nil {
		return "", err
	}
	lines := make([]string, len(list))
	for i, info := range list {
		lines[i] = fmt.Sprintf("%s: %s@%s %.16s", info.Role, info.Name, info.Version, info.Digest)
		if info.Problem != "" {
			lines[i] += " (" + info.Problem + ")"
		}
	}
	if len(lines) == 0 {
		return "no bundle is installed; the configured one runs", nil
	}
	return strings.Join(lines, "; "), nil
}

// orderInstall installs a signed bundle from a folder or file that the robot can read, such as a stick's.
func (d *daemon) orderInstall(ctx context.Context, parameters json.RawMessage) (string, error) {
	o, err := d.readModelOrder(parameters)
	if err != nil {
		return "", err
	}
	if o.From == "" {
		return "", errors.New(`the parameter "from" must name a folder or a tar file on the robot`)
	}
	info, err := d.store.Install(ctx, o.From)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s@%s is installed: %s", info.Name, info.Version, info.Digest), nil
}

// orderActivate tries a bundle beside the running one. That may take minutes: an event tells how it ended.
func (d *daemon) orderActivate(_ context.Context, parameters json.RawMessage) (string, error) {
	o, err := d.readModelOrder(parameters)
	if err != nil {
		return "", err
	}
	select {
	case d.errands <- o:
		return "it is tried now; the event modelUpdate tells how that ended", nil
	default:
		return "", errErrand
	}
}

// orderRollback goes back to the bundle that ran before, from the next start on.
func (d *daemon) orderRollback(_ context.Context, parameters json.RawMessage) (string, error) {
	o, err := d.readModelOrder(parameters)
	if err != nil {
		return "", err
	}
	if err := d.store.Rollback(); err != nil {
		return "", err
	}
	if o.Restart {
		d.restart()
		return "what ran before runs again after the restart", nil
	}
	return "what ran before runs again from the next start on", nil
}

// orderRestart ends the process for systemd to start it again.
func (d *daemon) orderRestart(context.Context, json.RawMessage) (string, error) {
	if !d.o.Supervised {
		return "", errNoService
	}
	d.restart()
	return "starting again", nil
}

// restart asks for the end of the process; asking twice changes nothing.
func (d *daemon) restart() {
	select {
	case d.leave <- struct{}{}:
	default:
	}
}

// runErrands tries bundles, one after the other, and ends with errRestart when a restart was ordered.
func (d *daemon) runErrands(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.leave:
			d.log.Info("restarting by order")
			return afterGrace(ctx)
		case o := <-d.errands:
			d.tryBundle(ctx, o)
		}
	}
}

// tryBundle activates a bundle and tells how that ended, unless the daemon stops meanwhile.
func (d *daemon) tryBundle(ctx context.Context, o modelOrder) {
	info, err := d.store.Activate(ctx, o.Bundle, ProveOn(d.runtime, d.cfg, d.log))
	if ctx.Err() != nil {
		return
	}
	d.tellUpdate(info, err)
	if err == nil && o.Restart {
		d.restart()
	}
}

// restartGrace lets the reply to the order, and the event of an activation, reach the broker first.
const restartGrace = time.Second

func afterGrace(ctx context.Context) error {
	grace := time.NewTimer(restartGrace)
	defer grace.Stop()
	select {
	case <-ctx.Done():
		return nil
	case <-grace.C:
		return errRestart
	}
}

// tellUpdate publishes what became of an activation. The limit on the rate of events does not hold it back.
func (d *daemon) tellUpdate(info store.Info, err error) {
	event := payload.Event{Kind: payload.ModelUpdate, Model: &payload.Update{
		Name: info.Name, Version: info.Version, Digest: info.Digest, Outcome: payload.UpdateOnTrial,
	}}
	event.Text = info.Name + " " + info.Version + " has passed its test and is on trial from the next start on"
	if err != nil {
		event.Model.Outcome, event.Text = payload.UpdateRefused, err.Error()
		d.log.Warn("a bundle was not activated", "err", err)
	}
	d.told(d.link.PublishEvent(event))
}

// tellTrial publishes how a trial ended.
func (d *daemon) tellTrial(outcome payload.UpdateOutcome, text string) {
	m := &d.bundle.Manifest
	d.told(d.link.PublishEvent(payload.Event{
		Kind: payload.ModelUpdate, Text: text,
		Model: &payload.Update{Name: m.Name, Version: m.Version, Outcome: outcome},
	}))
}
