//go:build linux

package camera

import (
	"math"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// fenced is memory that ends where reading on is a fault.
func fenced(t *testing.T, n int) []byte {
	t.Helper()
	page := os.Getpagesize()
	size := (n + page - 1) / page * page
	all, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Mprotect(all[size:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	return all[size-n : size : size]
}

// The vector instructions give the bits of the plain code, for every lens, roll and stride, and read nothing behind
// the picture.
func TestVectorsGiveTheSameBits(t *testing.T) {
	if !vectors() {
		t.Skip("this processor has none")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	rapid.Check(t, func(r *rapid.T) {
		width, height := rapid.IntRange(leastVectorWidth, 400).Draw(r, "width"), rapid.IntRange(2, 300).Draw(r, "height")
		cal := AssumedCalibration(width, height, rapid.Float64Range(0.4, 2).Draw(r, "lens"))
		cal.Model, cal.D = ModelPlumbBob, []float64{rapid.Float64Range(-0.2, 0.2).Draw(r, "k1"), 0, 0.001, 0, 0}
		canon := Canonical{
			Width: rapid.IntRange(1, 170).Draw(r, "cols"), Height: rapid.IntRange(1, 130).Draw(r, "rows"), HFOV: 1.2,
		}
		v, err := NewView(canon, cal, Mount{Roll: rapid.Float64Range(-math.Pi, math.Pi).Draw(r, "roll")})
		if err != nil {
			r.Skip(err)
		}
		stride := 3*width + rapid.IntRange(0, 9).Draw(r, "gap")
		pix := fenced(t, (height-1)*stride+3*width)
		for i := range pix {
			pix[i] = byte(rng.Uint32())
		}
		n := len(v.pixels)
		planes := func() [3][]float32 { return [3][]float32{make([]float32, n), make([]float32, n), make([]float32, n)} }
		got, want := planes(), planes()
		v.remap(got, pix, stride)
		if end := v.plain(want, pix, stride, place{}, n); end.run != len(v.runs) || end.weight != len(v.weights) {
			r.Fatalf("the plain code ended at %+v", end)
		}
		for ch := range got {
			for i := range n {
				if got[ch][i] != want[ch][i] {
					r.Fatalf("byte %d of pixel %d is %g, plainly %g", ch, i, got[ch][i], want[ch][i])
				}
			}
		}
	})
}

// BenchmarkRemap compares the two forms of the hot loop on a picture of 640x480.
func BenchmarkRemap(b *testing.B) {
	v, err := NewView(canon(), AssumedCalibration(640, 480, 1.2), Mount{Roll: 0.03})
	if err != nil {
		b.Fatal(err)
	}
	f, n := NewFrame(640, 480, BGR8, nil), len(v.pixels)
	dst := make([]float32, 3*n)
	planes := [3][]float32{dst[:n], dst[n : 2*n], dst[2*n:]}
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			v.plain(planes, f.Pix, f.Stride, place{}, n)
		}
	})
	b.Run("vector", func(b *testing.B) {
		for b.Loop() {
			v.remap(planes, f.Pix, f.Stride)
		}
	})
}
