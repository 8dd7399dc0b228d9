package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// part is a segment of the present recording, for as long as it may still have to be kept.
type part struct {
	path        string
	first, last time.Duration // mono of its records
	kept        bool
}

// writer is the goroutine's half of a Recorder.
type writer struct {
	r    *Recorder
	pack *packer
	log  *slog.Logger

	folder  string // of the present recording; empty between two
	file    *os.File
	parts   []part // the last one is open while file is not nil
	opened  time.Time
	number  uint64        // of records in the folder
	files   int           // in the folder
	gaps    uint64        // dropped records that a gap has told of
	dirty   bool          // something is not on the disk yet
	until   time.Duration // up to here everything is kept
	resting time.Time     // no attempt to write before
	ends    int64         // recordings that were closed
	buffer  []byte
	tidied  time.Time
	full    bool // the disk is: nothing is written
}

// drain takes what waits now.
func (w *writer) drain() {
	for range len(w.r.queue) {
		w.take(<-w.r.queue)
	}
}

// take writes one entry. After a failure entries are dropped for a while.
func (w *writer) take(e entry) {
	w.endBefore(e.ends)
	data := w.packed(e)
	if w.file == nil && !w.r.On() {
		return // a straggler of a recording that has ended
	}
	if data == nil && e.kind != ForgetKind || w.full || time.Now().Before(w.resting) {
		w.r.dropped.Add(1)
		return
	}
	err := w.store(e, data)
	if err != nil {
		w.r.dropped.Add(1)
		w.resting = time.Now().Add(retryAfter)
		w.log.Error("the recording cannot be written", "err", err)
		err = errors.Join(err, w.close())
	}
	if err != nil || w.r.Status().Failure != "" {
		w.r.told(err)
	}
}

// endBefore closes the recording if one has ended since; another may have begun.
func (w *writer) endBefore(ends int64) {
	if ends <= w.ends {
		return
	}
	w.ends = ends
	if err := w.close(); err != nil {
		w.log.Error("the recording was not ended properly", "err", err)
	}
}

// packed returns the data of an entry's record. It is valid until the next call.
func (w *writer) packed(e entry) []byte {
	switch {
	case e.picture != nil:
		data, err := w.pack.pack(w.buffer[:0], e.picture)
		w.r.frames <- e.picture
		if err != nil {
			return nil
		}
		w.buffer = data
		return data
	case e.checkpoint != nil:
		return e.checkpoint.pack(w.pack)
	}
	return e.data
}

func (w *writer) store(e entry, data []byte) error {
	if w.ripe(e.kind) {
		if err := w.open(e.mono); err != nil {
			return err
		}
	}
	if lost := w.r.dropped.Load(); lost > w.gaps {
		if err := w.message(GapKind, e.mono, Gap{Records: lost - w.gaps}); err != nil {
			return err
		}
		w.gaps = lost
	}
	return w.write(Record{Kind: e.kind, Mono: e.mono, Data: data})
}

// ripe says whether a new segment begins: with a checkpoint, and without one where none came for long.
func (w *writer) ripe(kind Kind) bool {
	if w.file == nil {
		return true
	}
	age := time.Since(w.opened)
	return kind == CheckpointKind || age > 3*w.r.cfg.Segment
}

// open begins a segment, and a folder where there is none.
func (w *writer) open(mono time.Duration) error {
	if err := w.shut(); err != nil {
		return err
	}
	now := time.Now()
	if w.folder == "" {
		folder, err := newFolder(w.r.cfg.Dir, now)
		if err != nil {
			return fmt.Errorf("beginning a recording: %w", err)
		}
		w.folder, w.number, w.files = folder, 0, 0
		w.gaps = w.r.dropped.Load()
	}
	w.files++
	kept := w.keeping(mono)
	name := fmt.Sprintf("%06d%s", w.files, suffix)
	if kept {
		name = fmt.Sprintf("%06d%s", w.files, keptSuffix)
	}
	path := filepath.Join(w.folder, name)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("beginning a segment: %w", err)
	}
	w.file, w.opened, w.tidied = file, now, time.Time{}
	w.parts = append(w.parts, part{path: path, first: mono, kept: kept})
	head := w.r.cfg.Head()
	head.Started = now.UTC()
	return w.message(HeadKind, mono, head)
}

func (w *writer) keeping(mono time.Duration) bool {
	return mono < w.until || w.r.Status().Recording
}

func (w *writer) message(kind Kind, mono time.Duration, message any) error {
	data, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("writing a %s: %w", kind, err)
	}
	return w.write(Record{Kind: kind, Mono: mono, Data: data})
}

// write hands a record to the kernel, so that it outlives the process.
func (w *writer) write(rec Record) error {
	w.number++
	rec.Number = w.number
	header := rec.header()
	if _, err := w.file.Write(header[:]); err != nil {
		return fmt.Errorf("writing a record: %w", err)
	}
	if _, err := w.file.Write(rec.Data); err != nil {
		return fmt.Errorf("writing a record: %w", err)
	}
	w.dirty = true
	if rec.Kind != HeadKind {
		at := &w.parts[len(w.parts)-1].last
		*at = max(*at, rec.Mono)
	}
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	w.r.status.Bytes += headerSize + int64(len(rec.Data))
	w.r.status.Folder = w.folder
	return nil
}

// sync brings everything to the disk, so that it outlives a loss of power.
func (w *writer) sync() {
	if w.file == nil || !w.dirty {
		return
	}
	w.dirty = false
	if err := w.file.Sync(); err != nil {
		w.r.told(fmt.Errorf("writing a recording to the disk: %w", err))
	}
}

// shut ends the open segment.
func (w *writer) shut() error {
	if w.file == nil {
		return nil
	}
	w.sync()
	f := w.file
	w.file = nil
	if err := f.Close(); err != nil {
		return fmt.Errorf("ending a segment: %w", err)
	}
	return nil
}

// close ends the recording; the next one gets a folder of its own.
func (w *writer) close() error {
	err := w.shut()
	w.folder, w.parts = "", nil
	w.r.again.Store(false)
	w.r.due.Store(0)
	return err
}

// turn follows a change of what is wanted: recording ended, or something is to be kept.
func (w *writer) turn() {
	w.endBefore(w.r.ends.Load())
	if at := w.r.keep.Swap(0); at > 0 {
		mono := time.Duration(at - 1)
		w.until = max(w.until, mono+w.r.cfg.After)
		w.keepFrom(mono - w.r.cfg.Before)
	}
	if w.r.Status().Recording && w.file != nil {
		w.keepFrom(w.parts[len(w.parts)-1].last)
	}
}

// keepFrom renames the segments that reach beyond an instant; older ones need not be remembered any more.
func (w *writer) keepFrom(mono time.Duration) {
	for i := range w.parts {
		p := &w.parts[i]
		open := w.file != nil && i == len(w.parts)-1
		if p.kept || p.last < mono && !open {
			continue
		}
		path := strings.TrimSuffix(p.path, suffix) + keptSuffix
		if err := os.Rename(p.path, path); err != nil && !errors.Is(err, os.ErrNotExist) {
			w.log.Error("a part of the recording is not kept", "err", err)
			continue
		}
		p.path, p.kept = path, true
	}
}

// tidyEvery is the longest time between two looks at the limits.
const tidyEvery = 30 * time.Second

// tidy holds the folder within its limits: after each new segment, and now and then for what grows old.
func (w *writer) tidy(now time.Time) {
	if now.Sub(w.tidied) < tidyEvery {
		return
	}
	w.tidied = now
	open := ""
	if w.file != nil {
		open = w.parts[len(w.parts)-1].path
		w.forget(w.parts[len(w.parts)-1].last - w.r.cfg.Before)
	}
	c := w.r.cfg
	l := limits{ring: c.MaxBytes, kept: c.MaxKept, age: c.MaxAge, short: w.short()}
	u, err := prune(c.Dir, open, l, now)
	if err != nil {
		w.log.Warn("old recordings are not removed", "err", err)
	}
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	w.r.status.Stored, w.r.status.Kept = u.ring+u.kept, u.kept
}

// forget drops what no later event can want to keep.
func (w *writer) forget(before time.Duration) {
	i := 0
	for i < len(w.parts)-1 && w.parts[i].last < before {
		i++
	}
	w.parts = w.parts[i:]
}
