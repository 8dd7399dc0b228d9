package gocv

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Mode is one kind of picture that a V4L2 camera delivers.
type Mode struct {
	Format        string  // four characters, such as YUYV or MJPG
	Width, Height int     // pixels
	FPS           float64 // at most; zero when the driver does not tell
}

// String is the mode as people write it.
func (m Mode) String() string {
	if m.FPS == 0 {
		return fmt.Sprintf("%s %dx%d", m.Format, m.Width, m.Height)
	}
	return fmt.Sprintf("%s %dx%d@%.4g", m.Format, m.Width, m.Height, m.FPS)
}

// Modes asks a V4L2 device what it delivers. It does not disturb a camera that streams.
func Modes(path string) ([]Mode, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("asking for modes: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	modes, err := enumerate(func(request uintptr, arg unsafe.Pointer) error {
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), request, uintptr(arg)); errno != 0 {
			return errno
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("asking %s for modes: %w", path, err)
	}
	return modes, nil
}

// The requests of linux/videodev2.h, which are the same on all 64-bit machines.
const (
	enumFormats   = 0xc0405602
	enumSizes     = 0xc02c564a
	enumIntervals = 0xc034564b

	typeCapture  = 1 // V4L2_BUF_TYPE_VIDEO_CAPTURE
	typeDiscrete = 1 // of sizes and intervals; others come as a range

	mostModes = 256 // a driver that never ends
)

// formatDesc, frameSize and frameInterval are the structures of linux/videodev2.h.
type formatDesc struct {
	index, kind, flags uint32
	description        [32]byte
	pixelFormat        uint32
	busCode            uint32
	_                  [3]uint32
}

type frameSize struct {
	index, pixelFormat, kind uint32
	values                   [6]uint32 // discrete: width, height; else least, most and step of both
	_                        [2]uint32
}

type frameInterval struct {
	index, pixelFormat, width, height, kind uint32
	values                                  [6]uint32 // seconds as fractions; discrete: one; else least, most, step
	_                                       [2]uint32
}

// control is one request to a device.
type control func(request uintptr, arg unsafe.Pointer) error

// enumerate lists the modes. Drivers end a list with EINVAL, and those that have no such list say ENOTTY.
func enumerate(ask control) ([]Mode, error) {
	var modes []Mode
	for i := uint32(0); len(modes) < mostModes; i++ {
		desc := formatDesc{index: i, kind: typeCapture}
		err := ask(enumFormats, unsafe.Pointer(&desc)) //nolint:gosec // the kernel fills the structure
		if ended(err) {
			return modes, nil
		}
		if err != nil {
			return nil, err
		}
		more, err := sizes(ask, desc.pixelFormat)
		if err != nil {
			return nil, err
		}
		modes = append(modes, more...)
	}
	return modes, nil
}

func ended(err error) bool { return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTTY) }

func sizes(ask control, format uint32) ([]Mode, error) {
	var modes []Mode
	for i := range uint32(mostModes) {
		size := frameSize{index: i, pixelFormat: format}
		err := ask(enumSizes, unsafe.Pointer(&size)) //nolint:gosec // the kernel fills the structure
		if ended(err) {
			break
		}
		if err != nil {
			return nil, err
		}
		width, height := size.values[0], size.values[1]
		if size.kind != typeDiscrete { // a range: the largest stands for all
			width, height = size.values[1], size.values[4]
		}
		modes = append(modes, Mode{
			Format: fourCC(format), Width: int(width), Height: int(height), FPS: fastest(ask, format, width, height),
		})
		if size.kind != typeDiscrete {
			break
		}
	}
	return modes, nil
}

// fastest is the highest rate of a size; zero when the driver does not tell.
func fastest(ask control, format, width, height uint32) float64 {
	best := 0.0
	for i := range uint32(mostModes) {
		interval := frameInterval{index: i, pixelFormat: format, width: width, height: height}
		err := ask(enumIntervals, unsafe.Pointer(&interval)) //nolint:gosec // the kernel fills the structure
		if err != nil {
			break
		}
		if interval.values[0] > 0 { // of a range, the first is the shortest
			best = max(best, float64(interval.values[1])/float64(interval.values[0]))
		}
		if interval.kind != typeDiscrete {
			break
		}
	}
	return best
}

func fourCC(code uint32) string {
	text := []byte{byte(code), byte(code >> 8), byte(code >> 16), byte(code >> 24)}
	for i, c := range text {
		if c < ' ' || c > '~' {
			text[i] = '?'
		}
	}
	return string(text)
}
