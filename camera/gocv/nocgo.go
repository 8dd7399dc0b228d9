//go:build !cgo

package gocv

import (
	"context"
	"errors"
	"fmt"

	"github.com/vega-edge/vegad/camera"
)

// errNoCgo is what this build answers.
var errNoCgo = errors.New("vegad was built without cgo and therefore without OpenCV")

// Open fails: this build has no OpenCV.
func Open(_ context.Context, uri camera.URI, _ Options) (camera.Source, error) {
	return nil, fmt.Errorf("opening %s: %w", uri, errNoCgo)
}

// Writer writes films in builds with OpenCV.
type Writer struct{}

// NewWriter fails: this build has no OpenCV.
func NewWriter(path string, _ float64, _, _ int) (*Writer, error) {
	return nil, fmt.Errorf("creating film %s: %w", path, errNoCgo)
}

// Codec is empty in this build.
func (*Writer) Codec() string { return "" }

// Write fails: this build has no OpenCV.
func (*Writer) Write(*camera.Frame) error { return errNoCgo }

// Close does nothing.
func (*Writer) Close() error { return nil }
