package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/gocv"
	"github.com/vega-edge/vegad/camera/room"
)

// film is a walk through a simulated room that is to be rendered.
type film struct {
	Seed, Clip    uint64
	Width, Height int // pixels, even
	FPS           float64
	Frames        int
	Workers       int // renderers at work at once; 0 is one a core
}

// write renders the film to a file and returns the truth about every frame. Progress is called with the number of
// frames written, by one goroutine.
func (f film) write(ctx context.Context, path string, progress func(done int)) (truth *room.Truth, err error) {
	w, err := gocv.NewWriter(path, f.FPS, f.Width, f.Height)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	done := 0
	return f.render(ctx, func(frame *camera.Frame) error {
		done++
		progress(done)
		return w.Write(frame)
	})
}

// render draws the film on all cores and hands its frames to use, in order, in one goroutine. The pictures do not
// depend on the number of workers: each traces frames of its own, and they take turns at developing them.
func (f film) render(ctx context.Context, use func(*camera.Frame) error) (*room.Truth, error) {
	workers := f.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	p := newStudio(f, min(workers, f.Frames))
	group, ctx := errgroup.WithContext(ctx)
	for k := range len(p.turns) {
		group.Go(func() error { return p.work(ctx, k) })
	}
	group.Go(func() error {
		for range f.Frames {
			select {
			case frame := <-p.done:
				err := use(frame)
				frame.Release()
				if err != nil {
					return err
				}
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("rendering room %d: %w", f.Seed, err)
	}
	return p.truth, nil
}

// studio is what the workers share.
type studio struct {
	film   film
	room   *room.Room
	poses  []room.Pose
	sensor *room.Sensor // these two belong to the worker whose turn it is
	truth  *room.Truth
	turns  []chan struct{} // one a worker: whose turn it is to develop
	pool   *camera.Pool
	done   chan *camera.Frame
}

func newStudio(f film, workers int) *studio {
	m := room.Generate(f.Seed)
	p := &studio{
		film: f, room: m, poses: m.Drive(f.Clip, f.Frames, 1/f.FPS), sensor: m.NewSensor(f.Clip),
		truth: m.NewTruth(f.Clip), pool: camera.NewPool(4), done: make(chan *camera.Frame, 2),
	}
	p.truth.Width, p.truth.Height, p.truth.HFOV, p.truth.FPS = f.Width, f.Height, room.DefaultHFOV, f.FPS
	for range workers {
		p.turns = append(p.turns, make(chan struct{}, 1))
	}
	if workers > 0 {
		p.turns[0] <- struct{}{}
	}
	return p
}

// work renders every frame whose number is k modulo the number of workers.
func (p *studio) work(ctx context.Context, k int) error {
	draw := room.NewRenderer(p.film.Width, p.film.Height, room.DefaultHFOV)
	pic := draw.NewPicture()
	for i := k; i < len(p.poses); i += len(p.turns) {
		draw.Trace(p.room, p.poses[i], pic)
		select {
		case <-p.turns[k]:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		draw.Develop(p.sensor, pic)
		p.truth.Add(p.poses[i], pic)
		frame := p.pool.Get(p.film.Width, p.film.Height, camera.RGB8)
		copy(frame.Pix, pic.RGB)
		frame.Seq = uint64(i + 1)
		select {
		case p.done <- frame:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		p.turns[(k+1)%len(p.turns)] <- struct{}{}
	}
	return nil
}
