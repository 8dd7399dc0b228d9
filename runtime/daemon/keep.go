package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vega-edge/vegad/runtime/outbox"
)

// What the daemon keeps below its state directory.
const (
	outboxFolder = "outbox"
	sceneFile    = "scene.bin"
	saveEvery    = time.Minute
)

// stateFolder is the directory that systemd keeps for the daemon; empty when systemd did not start it.
func stateFolder() string {
	first, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
	return first
}

// openOutbox opens what waits for the broker, from the last run too.
func (d *daemon) openOutbox() (*outbox.Box, error) {
	c := d.cfg.Outbox
	dir := string(c.Dir)
	if state := stateFolder(); dir == "" && state != "" {
		dir = filepath.Join(state, outboxFolder)
	}
	box, err := outbox.Open(outbox.Config{
		Dir: dir, MaxBytes: int64(c.MaxBytes), MaxMemory: int64(c.MaxMemory), MaxAge: c.MaxAge,
		CommitDelay: c.CommitDelay, Logger: d.log,
	})
	if err != nil {
		return nil, fmt.Errorf("opening the outbox: %w", err)
	}
	return box, nil
}

// recall restores what the last run remembered. A memory that cannot be read is none: the robot looks again.
func (d *daemon) recall() {
	state := stateFolder()
	if state == "" {
		return
	}
	err := d.memory.RestoreFile(filepath.Join(state, sceneFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.log.Warn("the memory of the last run is lost", "err", err)
	}
}

// remember saves the memory once a minute, and at the end.
func (d *daemon) remember(ctx context.Context) error {
	state := stateFolder()
	if state == "" {
		return nil
	}
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for {
		stop := false
		select {
		case <-ticker.C:
		case <-ctx.Done():
			stop = true
		}
		if err := d.memory.SaveFile(filepath.Join(state, sceneFile)); err != nil {
			d.log.Warn("the memory is not saved", "err", err)
		}
		if err := d.clock.Save(); err != nil {
			d.log.Warn("the time is not saved", "err", err)
		}
		if stop {
			return nil
		}
	}
}
