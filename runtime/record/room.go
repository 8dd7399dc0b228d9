package record

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// free returns how many bytes this process may still write to the disk that holds a folder, or will hold it.
func free(dir string) (int64, error) {
	for {
		var s unix.Statfs_t
		err := unix.Statfs(dir, &s)
		if err == nil {
			return int64(min(s.Bavail, 1<<62/uint64(s.Bsize))) * s.Bsize, nil
		}
		if up := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && up != dir {
			dir = up
			continue
		}
		return 0, fmt.Errorf("looking for room on the disk of %s: %w", dir, err)
	}
}

// short returns how many bytes the disk lacks. One that does not tell lacks none: writing to it tells.
func (w *writer) short() int64 {
	have, err := w.r.free(w.r.cfg.Dir)
	if err != nil {
		return 0
	}
	return w.r.cfg.MinFree - have
}

// makeRoom lets the ring shrink while the disk is nearly full, and pauses the recording when that is not enough.
func (w *writer) makeRoom(now time.Time) {
	if !w.r.On() && w.file == nil && !w.full {
		return
	}
	if w.short() > 0 {
		w.tidied = time.Time{}
		w.tidy(now)
	}
	full := w.short() > 0
	if full == w.full {
		return
	}
	w.full = full
	if !full {
		w.r.told(nil)
		return
	}
	err := fmt.Errorf("recording pauses: less than %d MiB are free on the disk of %s", w.r.cfg.MinFree>>20, w.r.cfg.Dir)
	w.log.Warn("the recording pauses", "err", err)
	w.r.told(errors.Join(err, w.close()))
}
