//go:build cgo

package gocv

import (
	"path/filepath"
	"testing"

	"github.com/vega-edge/vegad/camera"
)

// A picture of a film costs no allocation once the memory of pictures goes round.
func TestReadAllocatesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "film.mp4")
	w, err := NewWriter(path, 15, 160, 120)
	if err != nil {
		t.Fatal(err)
	}
	f := camera.NewFrame(160, 120, camera.BGR8, nil)
	for range 60 {
		if err := w.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), camera.URI{Kind: camera.KindFile, Path: path}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the test is about reading
	if n := testing.AllocsPerRun(40, func() {
		f, err := s.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f.Release()
	}); n != 0 {
		t.Errorf("%g allocations a picture", n)
	}
}
