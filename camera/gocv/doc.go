// Package gocv opens cameras and films through OpenCV's VideoCapture and writes films through its VideoWriter.
//
// It needs cgo and the build tags gocv_specific_modules and gocv_videoio; without cgo it compiles to functions that
// say so, except for List. OpenCV and FFmpeg report trouble on standard error on their own: call Quiet before the
// first camera is opened to silence FFmpeg. OpenCV's own log level is read when the library is loaded, so set
// OPENCV_LOG_LEVEL=OFF in the environment of the process, as the systemd unit does.
package gocv

import (
	"io/fs"
	"os"
	"time"
)

// Options adjust how cameras are opened. The zero value is fit for every machine.
type Options struct {
	// Root is the file system in which hardware GStreamer elements and devices are looked for; nil is that of the
	// machine. Tests pass another one.
	Root fs.FS
	// Timeout is how long a network camera may take to accept a connection; 5 s if zero. Silence afterwards is for the
	// reader of the source to judge.
	Timeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.Root == nil {
		o.Root = os.DirFS("/")
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	return o
}

// Quiet stops FFmpeg from printing what it finds wrong with a film or a stream; the errors of this package say it too.
// It sets OPENCV_FFMPEG_LOGLEVEL unless the environment already does, and belongs at the start of main: OpenCV reads
// the variable once, when the first film or network camera is opened.
func Quiet() error {
	if _, set := os.LookupEnv("OPENCV_FFMPEG_LOGLEVEL"); set {
		return nil
	}
	return os.Setenv("OPENCV_FFMPEG_LOGLEVEL", "-8") // AV_LOG_QUIET
}
