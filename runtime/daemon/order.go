package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/vega-edge/vegad/runtime/command"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// action obeys a command whose signature was verified. The text says what was done.
type action func(ctx context.Context, parameters json.RawMessage) (text string, err error)

// actions are the commands that must be signed. A command that takes long should hand its work to a task of its own and
// say so in its text: the next one waits until it returns.
func (d *daemon) actions() map[string]action {
	return map[string]action{
		"watch.set":      d.orderWatch,
		"watch.clear":    d.orderNoWatch,
		"reload":         d.orderReload,
		"forget":         d.orderForget,
		"capture.stop":   d.orderStop,
		"capture.resume": d.orderResume,
		"model.list":     d.orderModels,
		"model.install":  d.orderInstall,
		"model.activate": d.orderActivate,
		"model.rollback": d.orderRollback,
		"restart":        d.orderRestart,
		"record.start":   d.orderRecord(true),
		"record.stop":    d.orderRecord(false),
	}
}

// obedience counts what became of commands since the start.
type obedience struct{ done, failed, refused atomic.Uint64 }

func (o *obedience) read() payload.Obeyed {
	return payload.Obeyed{Done: o.done.Load(), Failed: o.failed.Load(), Refused: o.refused.Load()}
}

// HandleCommand judges a command and obeys it.
func (a *answerer) HandleCommand(ctx context.Context, cmd payload.Command) (string, error) {
	d := a.d
	act, err := d.judge(cmd)
	if err != nil {
		// Anybody whom the broker lets write can have commands refused; one line each would fill the disk.
		if n := d.obeyed.refused.Add(1); n&(n-1) == 0 {
			d.log.Warn("command refused", "request", cmd.RequestID, "err", err, "refused", n)
		}
		return "", err
	}
	text, err := act(ctx, cmd.Claim.Parameters)
	if err != nil {
		d.obeyed.failed.Add(1)
		d.log.Warn("command failed", "command", cmd.Name(), "key", cmd.KeyID, "err", err)
		return "", err
	}
	d.obeyed.done.Add(1)
	if cmd.Order != "" {
		d.log.Info("command obeyed", "command", cmd.Name(), "key", cmd.KeyID, "sequence", cmd.Claim.Sequence, "text", text)
	}
	return text, nil
}

// judge returns what to do, or why nothing is done. An order is used up by it.
func (d *daemon) judge(cmd payload.Command) (action, error) {
	if cmd.Order == "" && cmd.Command == payload.StateRequest {
		return d.orderState, nil
	}
	act, known := d.actions()[cmd.Name()]
	if !known {
		names := append(slices.Sorted(maps.Keys(d.actions())), payload.StateRequest)
		return nil, fmt.Errorf("command %.64q is unknown; supported: %s", cmd.Name(), strings.Join(names, ", "))
	}
	return act, d.guard.Accept(cmd)
}

func (d *daemon) orderState(context.Context, json.RawMessage) (string, error) {
	return "", d.link.PublishState(d.state())
}

// orderWatch begins a standing question; the parameters are a message of the topic watch.
func (d *daemon) orderWatch(_ context.Context, parameters json.RawMessage) (string, error) {
	w, err := payload.DecodeWatch(parameters)
	if err != nil {
		return "", fmt.Errorf("reading the standing question: %w", err)
	}
	if w.Cancel {
		return "", errors.New("to end a standing question is watch.clear")
	}
	if err := d.stand(w); err != nil {
		return "", err
	}
	return "standing question " + w.RequestID + " is answered on watch/" + w.RequestID, nil
}

// orderNoWatch ends the standing question that the parameters name, or all of them.
func (d *daemon) orderNoWatch(_ context.Context, parameters json.RawMessage) (string, error) {
	var which struct {
		RequestID string `json:"requestId"`
	}
	if len(parameters) > 0 {
		if err := json.Unmarshal(parameters, &which); err != nil {
			return "", fmt.Errorf("reading the parameters: %w", err)
		}
	}
	ended := d.watches.end(which.RequestID)
	if which.RequestID != "" && len(ended) == 0 {
		return "", fmt.Errorf("there is no standing question %.64q", which.RequestID)
	}
	for _, id := range ended {
		d.clearWatch(id)
	}
	return fmt.Sprintf("%d standing questions ended", len(ended)), nil
}

// orderForget empties the memory, on disk as well.
func (d *daemon) orderForget(context.Context, json.RawMessage) (string, error) {
	things := len(d.memory.Snapshot().Seen)
	d.forget()
	if state := stateFolder(); state != "" {
		if err := d.memory.SaveFile(filepath.Join(state, sceneFile)); err != nil {
			return "", fmt.Errorf("forgotten, but not on disk: %w", err)
		}
	}
	return fmt.Sprintf("%d things forgotten", things), nil
}

// orderStop has every picture dropped unseen from now on. The camera stays open.
func (d *daemon) orderStop(context.Context, json.RawMessage) (string, error) {
	if d.stopped.Swap(true) {
		return "it was stopped already", nil
	}
	return "pictures are dropped unseen until capture.resume or a restart", nil
}

func (d *daemon) orderResume(context.Context, json.RawMessage) (string, error) {
	if !d.stopped.Swap(false) {
		return "it was not stopped", nil
	}
	return "pictures are looked at", nil
}

// orderReload reads keys and certificates again, and tells which other settings of the file wait for a restart. Where
// anything is faulty, everything stays as it was.
func (d *daemon) orderReload(context.Context, json.RawMessage) (string, error) {
	var waiting []string
	if d.o.Reload != nil {
		fresh, err := d.o.Reload()
		if err != nil {
			return "", fmt.Errorf("nothing has changed: %w", err)
		}
		waiting = differing(d.cfg, fresh)
	}
	keys, err := readKeys(d.cfg.Commands)
	if err != nil {
		return "", fmt.Errorf("nothing has changed: %w", err)
	}
	if err := d.identity.refresh(); err != nil {
		return "", fmt.Errorf("nothing has changed: %w", err)
	}
	d.guard.SetKeys(keys)
	if len(waiting) > 0 {
		return "keys and certificates are read; these wait for a restart: " + strings.Join(waiting, ", "), nil
	}
	return "keys and certificates are read; nothing else has changed", nil
}

// differing lists the sections in which two configurations differ.
func differing(old, fresh config.Config) []string {
	var out []string
	a, b := reflect.ValueOf(old), reflect.ValueOf(fresh)
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			out = append(out, a.Type().Field(i).Tag.Get("yaml"))
		}
	}
	return out
}

// readKeys reads the file of trusted keys; without one there are none.
func readKeys(c config.Commands) ([]command.Key, error) {
	if c.KeysFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(string(c.KeysFile))
	if err != nil {
		return nil, fmt.Errorf("reading commands.keysFile: %w", err)
	}
	keys, err := command.ParseKeys(data)
	if err != nil {
		return nil, fmt.Errorf("reading commands.keysFile %s: %w", c.KeysFile, err)
	}
	return keys, nil
}
