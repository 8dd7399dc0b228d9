// Package camera turns a robot's camera into a stream of owned, time-stamped frames and rectifies them to the one
// pinhole view that every network of a bundle expects.
//
// The package is free of cgo: what opens a device lives in camera/gocv, what draws a simulated room in camera/room.
package camera

import (
	"context"
	"sync/atomic"
	"time"
)

// Format names the order of the three bytes of a pixel.
type Format uint8

// The pixel formats that sources deliver.
const (
	BGR8 Format = iota // blue, green, red: what OpenCV decodes to
	RGB8               // red, green, blue: what the room renderer draws
)

// Frame is one picture with its identity. Whoever receives a frame owns it until Release; Pix must not be touched
// afterwards, because the source uses the memory again for a later picture.
type Frame struct {
	Seq    uint64        // counts the frames of one camera from 1, across reconnects
	Mono   time.Duration // capture time on the clock of Now
	Wall   time.Time     // the same instant in UTC, for people and messages
	Width  int           // pixels
	Height int           // pixels
	Stride int           // bytes from one row to the next, at least 3*Width
	Format Format
	Pix    []byte // Height*Stride bytes

	release  func(*Frame)
	released atomic.Bool
}

// NewFrame allocates a frame of the given size whose Release calls release with the frame. A nil release does nothing.
func NewFrame(width, height int, format Format, release func(*Frame)) *Frame {
	return &Frame{
		Width: width, Height: height, Stride: 3 * width, Format: format,
		Pix: make([]byte, 3*width*height), release: release,
	}
}

// NewLoan returns a frame without a picture, for a source that lends memory which is not Go's: it sets size and Pix
// before each Read returns, and gets the frame back by release.
func NewLoan(format Format, release func(*Frame)) *Frame {
	return &Frame{Format: format, release: release}
}

// Release gives the memory back to the source. Calling it again does nothing.
func (f *Frame) Release() {
	if f == nil || f.released.Swap(true) {
		return
	}
	if f.release != nil {
		f.release(f)
	}
}

// Reuse marks a released frame as owned again; only the source that made the frame may call it.
func (f *Frame) Reuse() { f.released.Store(false) }

// Stamp sets the capture time to the instant mono of the clock Now.
func (f *Frame) Stamp(mono time.Duration) {
	f.Mono = mono
	f.Wall = start.Add(mono).UTC()
}

// start fixes the zero of the process's monotonic clock; Go's time.Time carries the kernel's monotonic reading.
var start = time.Now()

// Now returns the time since the process began, from the kernel's monotonic clock: it never jumps.
func Now() time.Duration { return time.Since(start) }

// Source delivers the pictures of one opened camera, in order. It is used by one goroutine at a time, except that
// Close may be called from another one to end a Read that blocks.
type Source interface {
	// Read blocks until the next picture and returns it, owned by the caller. It returns io.EOF when the source has
	// ended for good (the end of a file), the context's error when it was cancelled, and any other error when the
	// device failed and must be opened again.
	Read(ctx context.Context) (*Frame, error)
	// Close frees the device. It is idempotent; after it Read returns an error.
	Close() error
}
