//go:build cgo

package gocv

import (
	"errors"
	"fmt"
	"os"

	cv "gocv.io/x/gocv"

	"github.com/vega-edge/vegad/camera"
)

// codecs are tried in this order: H.264 plays everywhere, MPEG-4 is in every FFmpeg.
var codecs = [...]string{"avc1", "mp4v"}

// Writer writes pictures of one size to a film. It is used by one goroutine.
type Writer struct {
	path          string
	codec         string
	width, height int
	native        *cv.VideoWriter
	picture       cv.Mat
	bytes         []byte // the memory of picture
	closed        bool
}

// NewWriter creates or replaces the film at path, whose ending chooses the container (.mp4), with fps pictures a second
// of width x height pixels, both even.
func NewWriter(path string, fps float64, width, height int) (*Writer, error) {
	if !(fps > 0 && fps <= 1000) || width < 2 || height < 2 || width%2 != 0 || height%2 != 0 {
		return nil, fmt.Errorf("creating film %s: %dx%d at %g pictures a second is impossible, sides must be even",
			path, width, height, fps)
	}
	w := &Writer{path: path, width: width, height: height}
	if err := w.open(fps); err != nil {
		return nil, fmt.Errorf("creating film %s: %w", path, err)
	}
	w.picture = cv.NewMatWithSize(height, width, cv.MatTypeCV8UC3)
	bytes, err := w.picture.DataPtrUint8()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("creating film %s: %w", path, err), w.Close())
	}
	w.bytes = bytes
	return w, nil
}

func (w *Writer) open(fps float64) error {
	f, err := os.Create(w.path) // OpenCV would not say why a path cannot be written
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, codec := range codecs {
		native, err := cv.VideoWriterFileWithAPI(w.path, cv.VideoCaptureFFmpeg, codec, fps, w.width, w.height, true)
		if err == nil && native.IsOpened() {
			w.native, w.codec = native, codec
			return nil
		}
		if native != nil {
			err = errors.Join(err, native.Close())
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(fmt.Errorf("this OpenCV encodes none of %v into it", codecs), os.Remove(w.path))
}

// Codec is the four-character code of the encoding in use.
func (w *Writer) Codec() string { return w.codec }

// Write appends a picture and does not keep it.
func (w *Writer) Write(f *camera.Frame) error {
	if w.closed {
		return fmt.Errorf("writing film %s: it is closed", w.path)
	}
	if f.Width != w.width || f.Height != w.height {
		return fmt.Errorf("writing film %s: picture of %dx%d, the film has %dx%d",
			w.path, f.Width, f.Height, w.width, w.height)
	}
	row := 3 * w.width
	for y := range w.height {
		copyBGR(w.bytes[y*row:(y+1)*row], f.Pix[y*f.Stride:y*f.Stride+row], f.Format)
	}
	if err := w.native.Write(w.picture); err != nil {
		return fmt.Errorf("writing film %s: %w", w.path, err)
	}
	return nil
}

func copyBGR(dst, src []byte, format camera.Format) {
	if format == camera.BGR8 {
		copy(dst, src)
		return
	}
	for i := 0; i+2 < len(src); i += 3 {
		dst[i], dst[i+1], dst[i+2] = src[i+2], src[i+1], src[i]
	}
}

// Close finishes the film. It is idempotent. A film that stayed empty is an error: OpenCV does not report a full disk
// while it writes.
func (w *Writer) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	w.bytes = nil
	if err := errors.Join(w.native.Close(), w.picture.Close()); err != nil {
		return fmt.Errorf("finishing film %s: %w", w.path, err)
	}
	info, err := os.Stat(w.path)
	if err != nil {
		return fmt.Errorf("finishing film %s: %w", w.path, err)
	}
	if info.Size() == 0 {
		return fmt.Errorf("finishing film %s: nothing was written, is the disk full?", w.path)
	}
	return nil
}
