//go:build cgo

package gocv

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	cv "gocv.io/x/gocv"

	"github.com/vega-edge/vegad/camera"
)

// Open opens a film, a V4L2 device, a Jetson's camera connector, a network camera or a GStreamer pipeline. Network
// cameras and the connector use the Jetson's hardware where its GStreamer elements are installed; network cameras fall
// back to FFmpeg, the connector has nothing to fall back to. Open may block in a driver in spite of its context.
func Open(ctx context.Context, uri camera.URI, options Options) (camera.Source, error) {
	options = options.withDefaults()
	native, err := open(ctx, uri, options)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", uri, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(err, native.Close())
	}
	return newSource(uri, native), nil
}

func open(ctx context.Context, uri camera.URI, options Options) (*cv.VideoCapture, error) {
	switch uri.Kind {
	case camera.KindFile:
		return openFilm(uri)
	case camera.KindV4L2:
		return openV4L2(uri, options)
	case camera.KindCSI:
		if !probe(options.Root).argus {
			return nil, errors.New("the camera connector needs GStreamer's nvarguscamerasrc and nvvidconv, which only " +
				"a Jetson has: install nvidia-l4t-gstreamer, or use /dev/video0 for a USB camera")
		}
		return openPipeline(csiPipeline(uri))
	case camera.KindRTSP:
		return openRTSP(ctx, uri, options)
	case camera.KindGst:
		return openPipeline(uri.Path)
	default:
		return nil, fmt.Errorf("OpenCV opens no camera of kind %q", uri.Kind)
	}
}

func openFilm(uri camera.URI) (*cv.VideoCapture, error) {
	info, err := os.Stat(uri.Path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("it is a folder, not a film: a recording is replay:%s", uri.Path)
	}
	if info.Size() == 0 {
		return nil, errors.New("the file is empty")
	}
	// A relative name could be taken for one of FFmpeg's protocols ("concat:..."), an absolute one cannot.
	name, err := filepath.Abs(uri.Path)
	if err != nil {
		return nil, err
	}
	backend := cv.VideoCaptureFFmpeg
	if !cv.VideoRegistry.HasBackend(backend) {
		backend = cv.VideoCaptureGstreamer
	}
	native, err := cv.VideoCaptureFileWithAPI(name, backend)
	return opened(native, err, "it is no film that this OpenCV can decode, or it is damaged")
}

func openV4L2(uri camera.URI, options Options) (*cv.VideoCapture, error) {
	if err := openable(options.Root, strings.TrimPrefix(uri.Path, "/")); err != nil {
		return nil, fmt.Errorf("%w; %s", err, inventory(options.Root))
	}
	native, err := cv.VideoCaptureFileWithAPI(uri.Path, cv.VideoCaptureV4L2)
	native, err = opened(native, err, "it is no camera, or another program uses it")
	if err != nil {
		return nil, err
	}
	if uri.Format != "" {
		native.Set(cv.VideoCaptureFOURCC, native.ToCodec(uri.Format))
	}
	for property, value := range map[cv.VideoCaptureProperties]float64{
		cv.VideoCaptureFrameWidth: float64(uri.Width), cv.VideoCaptureFrameHeight: float64(uri.Height),
		cv.VideoCaptureFPS: uri.FPS,
	} {
		if value > 0 {
			native.Set(property, value)
		}
	}
	return native, nil
}

// inventory names the cameras that could be used instead.
func inventory(root fs.FS) string {
	devices, err := List(root)
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, d := range devices {
		if d.Capture && d.Err == "" {
			names = append(names, d.Path+" ("+d.Name+")")
		}
	}
	if len(names) == 0 {
		return "no camera is connected"
	}
	return "connected: " + strings.Join(names, ", ")
}

func openRTSP(ctx context.Context, uri camera.URI, options Options) (*cv.VideoCapture, error) {
	// FFmpeg and GStreamer hide why a connection fails and cannot be interrupted, so the first attempt is made here.
	if err := reach(ctx, uri, options.Timeout); err != nil {
		return nil, err
	}
	if probe(options.Root).decoder && cv.VideoRegistry.HasBackend(cv.VideoCaptureGstreamer) {
		return openPipeline(rtspPipeline(uri))
	}
	// OpenCV lets FFmpeg wait 30 s for a silent server, and the library cannot pass it another limit. The capture's own
	// deadline is what notices; this reader then ends by itself.
	native, err := cv.VideoCaptureFileWithAPI(uri.Address(), cv.VideoCaptureFFmpeg)
	return opened(native, err, "the server answers but gives no stream: check path, user and password")
}

// reach connects to the camera's port and hangs up.
func reach(ctx context.Context, uri camera.URI, timeout time.Duration) error {
	address, err := url.Parse(uri.Address())
	if err != nil {
		return errors.New("its URL is malformed")
	}
	port := address.Port()
	if port == "" {
		port = map[string]string{"rtsp": "554", "rtsps": "322"}[strings.ToLower(address.Scheme)]
	}
	dialer := net.Dialer{Timeout: timeout}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(address.Hostname(), port))
	if err != nil {
		return fmt.Errorf("reaching the camera: %w", err)
	}
	return conn.Close()
}

func openPipeline(pipeline string) (*cv.VideoCapture, error) {
	if !cv.VideoRegistry.HasBackend(cv.VideoCaptureGstreamer) {
		return nil, errors.New("this OpenCV is built without GStreamer")
	}
	native, err := cv.VideoCaptureFileWithAPI(pipeline, cv.VideoCaptureGstreamer)
	return opened(native, err, "the GStreamer pipeline does not start: try it with gst-launch-1.0, and check that its "+
		"elements are installed")
}

// opened frees a capture that did not open. The library's own error repeats the address with its password and gives no
// cause, so reason stands in for it.
func opened(native *cv.VideoCapture, err error, reason string) (*cv.VideoCapture, error) {
	if err == nil && native.IsOpened() {
		return native, nil
	}
	return nil, errors.Join(errors.New(reason), native.Close())
}
