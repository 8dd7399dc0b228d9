package dashboard

import (
	"image"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// TestPicturesArePaced offers fifteen frames a second where ten are wanted.
func TestPicturesArePaced(t *testing.T) {
	p := newPainter(0, settings(&robot{}).Eyes[0], 64, 10)
	taken := 0
	for i := range 150 {
		p.offer(frame(uint64(i), time.Second+time.Duration(i)*time.Second/15, 0, 0, 0))
		if _, ok := p.take(); ok {
			taken++
		}
	}
	if taken < 99 || taken > 101 {
		t.Errorf("%d pictures in ten seconds", taken)
	}
}

// TestNewestPictureWins offers two before one is painted; offering allocates nothing once the size is known.
func TestNewestPictureWins(t *testing.T) {
	p := newPainter(0, settings(&robot{}).Eyes[0], 64, 10)
	p.offer(frame(1, 1*time.Second, 0, 0, 0))
	p.offer(frame(2, 2*time.Second, 0, 0, 0))
	if f, ok := p.take(); !ok || f.Seq != 2 {
		t.Errorf("took %v, %v", f, ok)
	}
	if _, ok := p.take(); ok {
		t.Error("a picture is painted twice")
	}
	p.offer(frame(3, 3*time.Second, 0, 0, 0))
	f := frame(4, 4*time.Second, 0, 0, 0)
	if n := testing.AllocsPerRun(50, func() {
		f.Mono += time.Second
		p.offer(f)
	}); n != 0 {
		t.Errorf("offering a frame allocates %g times", n)
	}
}

// TestPictureIsNoLargerThanTheCameras keeps the shape of the view and even sides.
func TestPictureIsNoLargerThanTheCameras(t *testing.T) {
	p := newPainter(0, settings(&robot{}).Eyes[0], 1000, 10)
	head, _, err := p.paint(frame(1, time.Second, 9, 9, 9))
	if err != nil || head.Width != 64 || head.Height != 48 {
		t.Errorf("picture %+v, %v", head, err)
	}
}

// TestShade holds brightness and colour against the JFIF formulas of the standard library.
func TestShade(t *testing.T) {
	planes := make([]float32, 3*4*2)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range planes {
		planes[i] = random.Float32()
	}
	out := image.NewYCbCr(image.Rect(0, 0, 4, 2), image.YCbCrSubsampleRatio420)
	shade(out, planes)
	for i := range 8 {
		want := 255 * (0.299*float64(planes[i]) + 0.587*float64(planes[8+i]) + 0.114*float64(planes[16+i]))
		if got := float64(out.Y[i/4*out.YStride+i%4]); math.Abs(got-want) > 0.51 {
			t.Errorf("pixel %d: brightness %g, want %g", i, got, want)
		}
	}
	blue := make([]float32, 3*4*2)
	for i := range 8 {
		blue[16+i] = 1
	}
	shade(out, blue)
	if out.Cb[0] != 255 || out.Cr[1] != 107 {
		t.Errorf("blue is stored as %d, %d", out.Cb[0], out.Cr[1])
	}
}

// TestComponentsAreFound hides three patterns of different strength in sixteen channels: red, green and blue show them.
func TestComponentsAreFound(t *testing.T) {
	const channels, cells = 16, 300
	patterns, values := mixture(channels, cells)
	var c components
	first := c.paint(values, channels, cells)
	for k, pattern := range patterns {
		if r := correlation(first, k, pattern); r < 0.97 {
			t.Errorf("component %d follows its pattern with %.3f", k+1, r)
		}
	}
	for range 5 {
		again := c.paint(values, channels, cells)
		for i := range again {
			if d := int(again[i]) - int(first[i]); d < -3 || d > 3 {
				t.Fatalf("the colours of one map change: byte %d from %d to %d", i, first[i], again[i])
			}
		}
	}
}

// mixture draws patterns of strength 4, 2 and 1, each along a direction of its own, and noise.
func mixture(channels, cells int) ([3][]float64, []float32) {
	random := rand.New(rand.NewPCG(7, 7))
	var patterns [3][]float64
	values := make([]float32, channels*cells)
	for k := range patterns {
		patterns[k] = make([]float64, cells)
		strength := []float64{4, 2, 1}[k]
		for i := range cells {
			patterns[k][i] = random.NormFloat64()
			for ch := range channels {
				if ch%3 == k { // the directions are orthogonal
					values[ch*cells+i] += float32(strength * patterns[k][i])
				}
			}
		}
	}
	for i := range values {
		values[i] += float32(0.05*random.NormFloat64()) + 10
	}
	return patterns, values
}

func correlation(bytes []byte, k int, pattern []float64) float64 {
	var xy, xx, yy float64
	for i, y := range pattern {
		x := float64(bytes[3*i+k]) - 128
		xy, xx, yy = xy+x*y, xx+x*x, yy+y*y
	}
	return math.Abs(xy) / math.Sqrt(xx*yy)
}

// TestComponentsOfNothing shows grey where tokens do not differ, and survives what is no number.
func TestComponentsOfNothing(t *testing.T) {
	var c components
	for _, b := range c.paint(make([]float32, 4*10), 4, 10) {
		if b != 128 {
			t.Fatalf("equal tokens are shown as %d", b)
		}
	}
	broken := make([]float32, 4*10)
	broken[3], broken[5], broken[7] = float32(math.NaN()), float32(math.Inf(1)), 1
	if got := c.paint(broken, 4, 10); len(got) != 30 {
		t.Errorf("%d bytes", len(got))
	}
	if got := c.paint(make([]float32, 2*6), 2, 6); len(got) != 18 {
		t.Errorf("a map of another size gives %d bytes", len(got))
	}
}

func TestGateIsStretched(t *testing.T) {
	var head overlayHeader
	got := stretch(&head, []float32{0.4, 0.5, 0.6, float32(math.NaN()), 7})
	if head.High != 1 || math.Abs(head.Low-0.4) > 1e-6 || got[0] != 0 || got[4] != 255 || got[1] != 42 || got[3] != 42 {
		t.Errorf("header %+v, bytes %v", head, got)
	}
	head = overlayHeader{}
	if got = stretch(&head, []float32{0.5, 0.5}); got[0] != 0 || head.Low != head.High {
		t.Errorf("an even gate: %+v, %v", head, got)
	}
}

func BenchmarkPicture(b *testing.B) {
	p := newPainter(0, settings(&robot{}).Eyes[0], 320, 10)
	f := frame(1, time.Second, 90, 120, 200)
	for b.Loop() {
		if _, _, err := p.paint(f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkComponents(b *testing.B) {
	_, values := mixture(96, 300)
	var c components
	for b.Loop() {
		c.paint(values, 96, 300)
	}
}
