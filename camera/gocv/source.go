//go:build cgo

package gocv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	cv "gocv.io/x/gocv"

	"github.com/vega-edge/vegad/camera"
)

// errClosed is what a closed source answers.
var errClosed = errors.New("camera is closed")

// poolSize pictures are kept: one is filled, one waits, one is used, and one more is lent to a slow second reader.
const poolSize = 4

// reader is the part of a VideoCapture that a source uses.
type reader interface {
	Read(m *cv.Mat) bool
	Get(property cv.VideoCaptureProperties) float64
	Close() error
}

// Source is an opened camera or film. OpenCV must not be closed while it reads, and it may read for ever; therefore
// Close only marks the source while a Read is under way, and that Read frees the native memory when it returns.
type Source struct {
	name   string // for errors, without credentials
	live   bool   // a device, which has no end
	kernel bool   // pictures carry the kernel's monotonic time
	paced  bool
	native reader
	film   *filmClock // nil for devices
	length float64    // announced length of a film, seconds
	lent   pictures
	sleep  sleeper
	grey   bool   // the newest picture was
	raw    cv.Mat // what OpenCV decoded of a grey picture
	quit   chan struct{}

	mu      sync.Mutex
	reading bool
	closed  bool
}

var _ camera.Source = (*Source)(nil)

func newSource(uri camera.URI, native reader) *Source {
	s := &Source{
		name: uri.String(), live: uri.Kind != camera.KindFile, kernel: uri.Kind == camera.KindV4L2, paced: uri.Paced,
		native: native, sleep: newSleeper(), raw: cv.NewMat(), quit: make(chan struct{}),
	}
	if !s.live {
		s.film = newFilmClock(camera.Now(), native.Get(cv.VideoCaptureFPS))
		if uri.Loop && uri.Paced { // the next showing begins one picture after the last one ended
			s.film.start += s.film.gap()
		}
		s.length = native.Get(cv.VideoCaptureFrameCount) / s.film.rate
	}
	return s
}

// Read returns the next picture; see camera.Source. The capture time of a film's picture is the opening of the film
// plus its time in the film, whether it is paced or not, so that a film read faster than it was filmed has capture
// times ahead of the clock. A device's picture carries the kernel's time where V4L2 gives one, and otherwise the time
// at which it was read. A film that ends well before its announced length ends with camera.ErrTruncated.
func (s *Source) Read(ctx context.Context) (*camera.Frame, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !s.enter() {
		return nil, fmt.Errorf("reading %s: %w", s.name, errClosed)
	}
	defer s.leave()
	p := s.lent.take()
	if err := s.decode(p); err != nil {
		p.frame.Release()
		return nil, err
	}
	if !s.stamp(ctx, p.frame) {
		p.frame.Release()
		return nil, errors.Join(ctx.Err(), errClosed)
	}
	return p.frame, nil
}

func (s *Source) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.reading = true
	return true
}

func (s *Source) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading = false
	if s.closed {
		_ = s.free() // the caller of Close has gone; closing native memory reports nothing anyway
	}
}

// Close frees the native memory, or leaves that to the Read that is under way.
func (s *Source) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.quit)
	if s.reading {
		return nil
	}
	return s.free()
}

func (s *Source) free() error {
	s.lent.close()
	return errors.Join(s.native.Close(), s.raw.Close())
}

// ended says why OpenCV has no more pictures.
func (s *Source) ended() error {
	switch {
	case s.live:
		return fmt.Errorf("reading %s: the device delivers no more pictures", s.name)
	case s.film.count == 0:
		return fmt.Errorf("reading %s: no picture can be decoded: %w", s.name, camera.ErrTruncated)
	case s.film.cut(s.length):
		return fmt.Errorf("reading %s: it ends after %d pictures and %.1f of %.1f s: %w",
			s.name, s.film.count, s.film.last.Seconds(), s.length, camera.ErrTruncated)
	}
	return io.EOF
}

// stamp gives the picture its capture time and, in a paced film, waits until it is due.
func (s *Source) stamp(ctx context.Context, f *camera.Frame) bool {
	switch {
	case s.film != nil:
		due := s.film.stamp(s.native.Get(cv.VideoCapturePosMsec))
		if s.paced {
			due = s.film.shorten(due, camera.Now())
		}
		f.Stamp(due)
		return !s.paced || s.sleep.until(ctx, s.quit, due)
	case s.kernel:
		f.Stamp(kernelStamp(s.native.Get(cv.VideoCapturePosMsec)))
	default:
		f.Stamp(camera.Now())
	}
	return true
}

// decode reads the next picture in three colours of eight bits. A source that shows grey is expected to go on so.
func (s *Source) decode(p *picture) error {
	to := &p.mat
	if s.grey {
		to = &s.raw
	}
	if !s.native.Read(to) {
		return s.ended()
	}
	kind := to.Type()
	if grey := kind == cv.MatTypeCV8UC1; grey != s.grey {
		s.grey = grey
		p.mat, s.raw = s.raw, p.mat
	}
	switch {
	case s.grey:
		if err := cv.CvtColor(s.raw, &p.mat, cv.ColorGrayToBGR); err != nil {
			return fmt.Errorf("reading %s: colouring a grey picture: %w", s.name, err)
		}
	case kind != cv.MatTypeCV8UC3:
		return fmt.Errorf("reading %s: pictures have OpenCV type %s, vegad takes 8-bit BGR or grey: end the pipeline in "+
			"video/x-raw,format=BGR", s.name, kind)
	}
	if err := p.fit(); err != nil {
		return fmt.Errorf("reading %s: %w", s.name, err)
	}
	return nil
}
