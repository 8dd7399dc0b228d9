// Package replay shows the pictures of a recording as a camera does, at the times at which they were taken.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/record"
)

// longestRest is the longest time between two pictures that is waited for: where a recording has a hole, or another one
// follows it in the same file, it goes on after that.
const longestRest = 2 * time.Second

// ErrClosed is returned by Read after Close.
var ErrClosed = errors.New("the recording is closed")

// Source is a recording as a camera.
type Source struct {
	pool  *camera.Pool
	paced bool
	quit  chan struct{}

	mu       sync.Mutex // held while the file is read, not while a picture waits for its time
	reader   *record.Reader
	unpacker *record.Unpacker
	closed   bool

	began bool
	last  time.Duration // mono of the newest picture, on the recording's clock
	due   time.Duration // its time on the clock of camera.Now
}

var _ camera.Source = (*Source)(nil)

// Open opens a recording: a folder or a file. Paced pictures come as fast as they were taken, others as fast as they
// are read; both have capture times that lie as far apart as those of the recording.
func Open(path string, paced bool) (*Source, error) {
	reader, err := record.Open(path)
	if err != nil {
		return nil, err
	}
	unpacker, err := record.NewUnpacker()
	if err != nil {
		return nil, errors.Join(err, reader.Close())
	}
	return &Source{
		reader: reader, unpacker: unpacker, pool: camera.NewPool(3), paced: paced, quit: make(chan struct{}),
	}, nil
}

// Head returns what the first head of a recording says.
func Head(path string) (head record.Head, err error) {
	reader, err := record.Open(path)
	if err != nil {
		return head, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	for {
		rec, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return head, fmt.Errorf("recording %s has no head", path)
		}
		if err != nil {
			return head, err
		}
		if rec.Kind == record.HeadKind {
			return record.Message[record.Head](rec)
		}
	}
}

// Read returns the next picture when its time has come, and io.EOF after the last. One whose pixels cannot be unpacked
// gives an error that wraps camera.ErrDamaged.
func (s *Source) Read(ctx context.Context) (*camera.Frame, error) {
	pic, err := s.next()
	if err != nil {
		return nil, err
	}
	return s.show(ctx, pic)
}

func (s *Source) next() (*record.Picture, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.closed {
		rec, err := s.reader.Next()
		if err != nil {
			return nil, err
		}
		if rec.Kind != record.PictureKind {
			continue
		}
		pic, err := s.unpacker.Picture(rec)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", camera.ErrDamaged, err)
		}
		return pic, nil
	}
	return nil, ErrClosed
}

// show waits for a picture's time.
func (s *Source) show(ctx context.Context, pic *record.Picture) (*camera.Frame, error) {
	step := pic.Mono - s.last
	if step <= 0 || step > longestRest {
		step = longestRest
	}
	if s.last = pic.Mono; !s.began {
		s.began, s.due, step = true, camera.Now(), 0
	}
	s.due += step
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	f := s.pool.Get(pic.Width, pic.Height, pic.Format)
	copy(f.Pix, pic.Pix)
	f.Seq = pic.Seq
	f.Stamp(s.due)
	return f, nil
}

// wait lets a picture's time come. A reader that is late makes the rest of the recording late too.
func (s *Source) wait(ctx context.Context) error {
	rest := s.due - camera.Now()
	if !s.paced {
		return context.Cause(ctx)
	}
	if rest <= 0 {
		s.due -= rest
		return context.Cause(ctx)
	}
	timer := time.NewTimer(rest)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.quit:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close ends the source; it is idempotent.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.quit)
	s.unpacker.Close()
	return s.reader.Close()
}
