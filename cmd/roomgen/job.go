package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vega-edge/vegad/camera/room"
)

// job is one call of the command.
type job struct {
	out                   string
	first                 uint64
	rooms, clips, frames  int
	dt, hfovDeg           float64
	width, height, stride int
	shard, workers        int
	base                  int // index of the first clip of the shard at hand
}

// index of clip n of the shard at hand among all clips.
func (j *job) index(n int) int { return j.base + n }

// run renders every missing shard on all workers, each worker a shard at a time.
func (j *job) run(ctx context.Context, progress io.Writer) error {
	if err := os.MkdirAll(j.out, 0o750); err != nil {
		return fmt.Errorf("making the output folder: %w", err)
	}
	if err := j.describe(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan int)
	var done atomic.Int64
	var wg sync.WaitGroup
	for range j.workers {
		wg.Go(func() {
			for base := range work {
				if err := j.render(ctx, base, &done); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	finished := make(chan struct{})
	go func() {
		j.hand(ctx, work, &done)
		wg.Wait()
		close(finished)
	}()
	j.report(progress, &done, finished)
	return context.Cause(ctx)
}

// hand gives out the first clip of each shard that does not exist yet.
func (j *job) hand(ctx context.Context, work chan<- int, done *atomic.Int64) {
	defer close(work)
	total := j.rooms * j.clips
	for base := 0; base < total; base += j.shard {
		if _, err := os.Stat(j.dir(base)); err == nil {
			done.Add(int64(min(j.shard, total-base)))
			continue
		}
		select {
		case work <- base:
		case <-ctx.Done():
			return
		}
	}
}

func (j *job) dir(base int) string {
	return filepath.Join(j.out, fmt.Sprintf("shard-%05d", base/j.shard))
}

// render draws one shard and saves it; a cancelled shard leaves nothing behind.
func (j *job) render(ctx context.Context, base int, done *atomic.Int64) error {
	mine := *j
	mine.base = base
	r := room.NewRenderer(j.width, j.height, j.hfovDeg*math.Pi/180)
	pic := r.NewPicture()
	s := &shard{}
	for n := range min(j.shard, j.rooms*j.clips-base) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.clip(&mine, r, pic, n)
		done.Add(1)
	}
	return s.save(&mine, j.dir(base))
}

func (j *job) describe() error {
	data, err := json.MarshalIndent(map[string]any{
		"first": j.first, "rooms": j.rooms, "clips": j.clips, "frames": j.frames, "dtSeconds": j.dt,
		"width": j.width, "height": j.height, "hfovRad": j.hfovDeg * math.Pi / 180, "stride": j.stride,
		"labels": room.Labels, "colors": room.Colors,
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(j.out, "meta.json"), append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("describing the shards: %w", err)
	}
	return nil
}

// report prints the progress until finished is closed.
func (j *job) report(w io.Writer, done *atomic.Int64, finished <-chan struct{}) {
	start, total := time.Now(), j.rooms*j.clips
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-finished:
			_, _ = fmt.Fprintf(w, "\r%d of %d clips in %s\n", done.Load(), total, time.Since(start).Round(time.Second))
			return
		case <-tick.C:
			n := done.Load()
			_, _ = fmt.Fprintf(w, "\r%d of %d clips, %.1f a second ", n, total, float64(n)/time.Since(start).Seconds())
		}
	}
}
