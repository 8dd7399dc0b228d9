package perception_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/perception"
)

// numbered makes the stem write the number of the run into its features, so that the mixer's input tells the frames.
func numbered(n *network) {
	n.stem.run = func(f *fake) error {
		fill(f.out["geometry"], float32(f.runs))
		return nil
	}
}

// chosen returns the numbers of the frames that the mixer sees, and their times in seconds.
func chosen(t *testing.T, n *network) (frames [clip]int, times [clip]float64) {
	t.Helper()
	ring := n.mixer.in["ring"]
	for k := range clip {
		part := ring[k*geometry*cells : (k+1)*geometry*cells]
		frames[k], times[k] = int(part[0]), float64(n.mixer.in["times"][k])
		if part[len(part)-1] != part[0] {
			t.Fatalf("frame %d of the clip mixes features of runs %g and %g", k, part[0], part[len(part)-1])
		}
	}
	return frames, times
}

func TestClipIsStridedAtEveryRate(t *testing.T) {
	for _, fps := range []int{5, 15, 30, 60, 120} {
		t.Run(fmt.Sprint(fps), func(t *testing.T) {
			n := newNetwork()
			numbered(n)
			p := newPipeline(t, config(n))
			period := time.Second / time.Duration(fps)
			taken := func(frame int) time.Duration { return time.Second + time.Duration(frame)*period }
			for frame := 1; frame <= 3*fps; frame++ {
				feed(t, p, picture(uint64(frame), taken(frame)))
				if frame < fps { // the clip is three quarters of a second long
					continue
				}
				o := observe(t, p, perception.Observe)
				if o.Seq != uint64(frame) || o.Mono != taken(frame) {
					t.Fatalf("frame %d is observed as %d at %v", frame, o.Seq, o.Mono)
				}
				frames, times := chosen(t, n)
				// No frame lies farther from the wanted time than half of the wider of the camera's and the ring's steps.
				slack := max(period, stride/8).Seconds()/2 + period.Seconds()/2 + 1e-6
				for k := range clip {
					wanted := -float64(clip-1-k) * stride.Seconds()
					near(t, fmt.Sprintf("frame %d, time %d", frame, k), times[k], wanted, slack)
					near(t, "frame's own time", times[k], (taken(frames[k]) - taken(frame)).Seconds(), 1e-5)
				}
				if times[clip-1] != 0 || frames[clip-1] != frame {
					t.Fatalf("the clip %v of times %v does not end with frame %d", frames, times, frame)
				}
			}
		})
	}
}

func TestShortClipRepeatsTheOldest(t *testing.T) {
	n := newNetwork()
	numbered(n)
	p := newPipeline(t, config(n))
	feed(t, p, picture(1, time.Second))
	observe(t, p, perception.Observe)
	if frames, times := chosen(t, n); frames != [clip]int{1, 1, 1, 1} || times != [clip]float64{} {
		t.Errorf("one frame: %v at %v", frames, times)
	}
	feed(t, p, picture(2, time.Second+stride))
	observe(t, p, perception.Observe)
	if frames, times := chosen(t, n); frames != [clip]int{1, 1, 1, 2} || times != [clip]float64{-0.25, -0.25, -0.25, 0} {
		t.Errorf("two frames: %v at %v", frames, times)
	}
}

func TestGaps(t *testing.T) {
	const second = time.Second
	for name, c := range map[string]struct {
		taken []time.Duration
		want  [clip]int
	}{
		"the nearest serves":   {[]time.Duration{second, second * 5 / 2, second * 13 / 4}, [clip]int{2, 2, 3, 3}},
		"half a gap is near":   {[]time.Duration{second, second * 5 / 4, second * 5 / 2}, [clip]int{2, 3, 3, 3}},
		"a long silence":       {[]time.Duration{second, 4 * second}, [clip]int{2, 2, 2, 2}},
		"clock that went back": {[]time.Duration{second, second * 5 / 4, second}, [clip]int{3, 3, 3, 3}},
	} {
		n := newNetwork()
		numbered(n)
		p := newPipeline(t, config(n))
		for i, at := range c.taken {
			feed(t, p, picture(uint64(i+1), at))
		}
		o := observe(t, p, perception.Observe)
		if got, _ := chosen(t, n); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if o.HasEgo {
			t.Errorf("%s: the first observation knows a motion", name)
		}
	}
}

func TestCrowdedFramesReplaceEachOther(t *testing.T) {
	n := newNetwork()
	numbered(n)
	p := newPipeline(t, config(n))
	// A thousand frames a millisecond apart, then one: the oldest of the clip must still be there.
	at := time.Second
	for i := range 1000 {
		at += time.Millisecond
		feed(t, p, picture(uint64(i+1), at))
	}
	observe(t, p, perception.Observe)
	frames, times := chosen(t, n)
	if frames[clip-1] != 1000 {
		t.Errorf("the newest frame is missing: %v", frames)
	}
	for k := range clip {
		near(t, "time", times[k], -float64(clip-1-k)*0.25, (stride / 8).Seconds())
	}
}

func TestSemanticFeaturesAreTheNewest(t *testing.T) {
	n := newNetwork()
	n.semantic.run = func(f *fake) error {
		fill(f.out["semantic"], float32(f.runs))
		return nil
	}
	n.mixer.run = func(f *fake) error {
		fill(f.out["generative"], 7)
		return nil
	}
	p := newPipeline(t, config(n))
	for i := range 3 {
		feed(t, p, picture(uint64(i+1), time.Second+time.Duration(i)*stride))
	}
	observe(t, p, perception.Count)
	if got := n.head.in["semantic"]; got[0] != 3 || got[len(got)-1] != 3 {
		t.Errorf("the head saw semantic features of frame %g", got[0])
	}
	if got := n.head.in["generative"]; got[0] != 7 || got[len(got)-1] != 7 {
		t.Errorf("the head saw generative tokens %g", got[0])
	}
	if got := fmt.Sprint(n.head.in["context"]); got != "[0 0 1 0 0 0]" {
		t.Errorf("context of count: %s", got)
	}
	observe(t, p, perception.Observe)
	if got := fmt.Sprint(n.head.in["context"]); got != "[1 0 0 0 0 0]" {
		t.Errorf("context of observe: %s", got)
	}
	if n.stem.runs != 3 || n.semantic.runs != 3 || n.head.runs != 2 {
		t.Errorf("the encoders ran %d and %d times for 3 frames", n.stem.runs, n.semantic.runs)
	}
	if math.IsNaN(float64(n.mixer.in["times"][0])) {
		t.Error("times are no numbers")
	}
}

// What is repeated has the features of the newest frame, at a time of its own.
func TestRepeat(t *testing.T) {
	n := newNetwork()
	numbered(n)
	p := newPipeline(t, config(n))
	if p.Repeat(picture(1, time.Second)) {
		t.Error("nothing was repeated")
	}
	feed(t, p, picture(1, time.Second))
	for i := range 40 { // beyond what the ring holds, and with frames that overwrite each other
		if !p.Repeat(picture(uint64(i+2), time.Second+time.Duration(i+1)*stride/5)) {
			t.Fatal("a picture of the same size is not repeated")
		}
	}
	o := observe(t, p, perception.Observe)
	if got, _ := chosen(t, n); got != [clip]int{1, 1, 1, 1} || o.Seq != 41 || o.Mono != time.Second+8*stride {
		t.Errorf("the clip is %v, the observation %d at %v", got, o.Seq, o.Mono)
	}
	if n.stem.runs != 1 || n.semantic.runs != 1 {
		t.Errorf("%d and %d runs of the encoders for one picture", n.stem.runs, n.semantic.runs)
	}
	if p.Repeat(camera.NewFrame(32, 24, camera.RGB8, nil)) {
		t.Error("a picture of another size is repeated")
	}
}
