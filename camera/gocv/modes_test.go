package gocv

import (
	"errors"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	yuyv = 'Y' | 'U'<<8 | 'Y'<<16 | 'V'<<24
	mjpg = 'M' | 'J'<<8 | 'P'<<16 | 'G'<<24
)

// webcam answers as a driver does, through the bytes of the structures at the offsets of linux/videodev2.h.
func webcam(t *testing.T) control {
	return func(request uintptr, arg unsafe.Pointer) error {
		word := func(at uintptr) *uint32 { return (*uint32)(unsafe.Add(arg, at)) }
		switch request {
		case 0xc0405602:
			if *word(4) != 1 {
				t.Errorf("formats of buffer type %d are asked for, want capture", *word(4))
			}
			if *word(0) > 2 {
				return unix.EINVAL
			}
			*word(44) = []uint32{yuyv, mjpg, 0x01000000 | 'X'}[*word(0)]
		case 0xc02c564a:
			sizes := map[uint32][][2]uint32{yuyv: {{640, 480}, {1280, 720}}, mjpg: {{1920, 1080}}}[*word(4)]
			if *word(4) == 0x01000000|'X' { // a range from 32x24 to 800x600
				*word(8), *word(12), *word(16), *word(20), *word(24), *word(28), *word(32) = 3, 32, 800, 8, 24, 600, 8
				return nil
			}
			if int(*word(0)) >= len(sizes) {
				return unix.EINVAL
			}
			*word(8), *word(12), *word(16) = 1, sizes[*word(0)][0], sizes[*word(0)][1]
		case 0xc034564b:
			switch {
			case *word(4) == yuyv && *word(8) == 640 && *word(12) == 480 && *word(0) < 2:
				*word(16), *word(20), *word(24) = 1, 1, []uint32{15, 30}[*word(0)]
			case *word(4) == mjpg && *word(0) == 0: // a range that begins with 1001/60000 s
				*word(16), *word(20), *word(24), *word(28), *word(32) = 3, 1001, 60000, 1, 1
			default:
				return unix.EINVAL
			}
		default:
			t.Errorf("request %#x", request)
		}
		return nil
	}
}

func TestModesOfAWebcam(t *testing.T) {
	modes, err := enumerate(webcam(t))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range modes {
		got = append(got, m.String())
	}
	want := []string{"YUYV 640x480@30", "YUYV 1280x720", "MJPG 1920x1080@59.94", "X??? 800x600"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestStructuresHaveTheSizesOfTheirRequests(t *testing.T) {
	for request, size := range map[uintptr]uintptr{
		enumFormats: unsafe.Sizeof(formatDesc{}), enumSizes: unsafe.Sizeof(frameSize{}),
		enumIntervals: unsafe.Sizeof(frameInterval{}),
	} {
		if want := request >> 16 & 0x3fff; size != want {
			t.Errorf("request %#x carries %d bytes, want %d", request, size, want)
		}
	}
}

func TestModesOfOddDevices(t *testing.T) {
	if modes, err := enumerate(func(uintptr, unsafe.Pointer) error { return unix.ENOTTY }); err != nil || len(modes) > 0 {
		t.Errorf("no camera: %v, %v", modes, err)
	}
	if _, err := enumerate(func(uintptr, unsafe.Pointer) error { return unix.ENODEV }); !errors.Is(err, unix.ENODEV) {
		t.Errorf("unplugged: %v", err)
	}
	endless := func(uintptr, unsafe.Pointer) error { return nil }
	if modes, err := enumerate(endless); err != nil || len(modes) < mostModes || len(modes) > 2*mostModes {
		t.Errorf("endless: %d modes, %v", len(modes), err)
	}
	if _, err := Modes("/dev/null"); err != nil {
		t.Errorf("a device of another kind: %v", err)
	}
	if _, err := Modes("/dev/nonexistent"); err == nil {
		t.Error("a device that is not there has modes")
	}
}
