package camera

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// grain fills a picture with a level and noise of that standard deviation.
func grain(f *Frame, level, sigma float64, rng *rand.Rand) {
	for i := range f.Pix {
		f.Pix[i] = byte(min(max(level+sigma*rng.NormFloat64(), 0), 255))
	}
}

func TestStillnessSleepsThroughNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	f, changes := NewFrame(640, 480, BGR8, nil), 0
	var s Stillness
	grain(f, 120, 6, rng)
	if !s.Changed(f) {
		t.Error("without a reference nothing is a change")
	}
	s.Keep(f)
	for range 100 {
		grain(f, 120, 6, rng)
		if s.Changed(f) {
			changes++
		}
	}
	if changes > 0 {
		t.Errorf("%d of 100 pictures of the same wall count as changes", changes)
	}
}

// A patch of two cells aside covers at least one cell wholly, wherever it lies.
func TestStillnessSeesEveryPatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(160, 800).Draw(t, "width"), rapid.IntRange(120, 600).Draw(t, "height")
		f := NewFrame(width, height, RGB8, nil)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 7))
		grain(f, 120, 0, rng)
		var s Stillness
		s.Changed(f)
		s.Keep(f)
		if s.Changed(f) {
			t.Fatal("the same picture is a change")
		}
		w, h := 2*(width/stillCols+1), 2*(height/stillRows+1)
		x0, y0 := rapid.IntRange(0, width-w).Draw(t, "x"), rapid.IntRange(0, height-h).Draw(t, "y")
		level := byte(120 + rapid.SampledFrom([]int{-StillLevels - 1, StillLevels + 1}).Draw(t, "contrast"))
		for y := y0; y < y0+h; y++ {
			for i := range 3 * w {
				f.Pix[y*f.Stride+3*x0+i] = level
			}
		}
		if !s.Changed(f) {
			t.Fatalf("a patch of %dx%d at (%d, %d) of %dx%d is not seen", w, h, x0, y0, width, height)
		}
	})
}

// A light that fades by half a level a picture is noticed once it has faded enough: the reference does not follow.
func TestStillnessAddsUpWhatChangesSlowly(t *testing.T) {
	f := NewFrame(320, 240, RGB8, nil)
	var s Stillness
	fill := func(level int) {
		for i := range f.Pix {
			f.Pix[i] = byte(level)
		}
	}
	fill(200)
	s.Changed(f)
	s.Keep(f)
	for i := 1; i <= 2*StillLevels+2; i++ {
		fill(200 - i/2)
		if got, want := s.Changed(f), i/2 > StillLevels; got != want {
			t.Errorf("faded by %d levels: changed %v", i/2, got)
		}
	}
}

func TestStillnessOfOtherSizes(t *testing.T) {
	var s Stillness
	large, small := NewFrame(320, 240, RGB8, nil), NewFrame(64, 48, RGB8, nil)
	s.Changed(large)
	s.Keep(large)
	for name, f := range map[string]*Frame{"tiny": small, "another size": NewFrame(640, 480, RGB8, nil)} {
		if !s.Changed(f) {
			t.Errorf("%s is no change", name)
		}
	}
	if !s.Changed(large) {
		t.Error("after a picture that could not be judged the reference stands")
	}
}

func BenchmarkStillness(b *testing.B) {
	var s Stillness
	f := NewFrame(640, 480, BGR8, nil)
	s.Changed(f)
	s.Keep(f)
	b.ReportAllocs()
	for b.Loop() {
		if s.Changed(f) {
			b.Fatal("the same picture is a change")
		}
	}
}
