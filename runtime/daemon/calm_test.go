package daemon

import (
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/scene"
)

// watcher shows a calm pictures of one grey, fifteen a second.
type watcher struct {
	calm  calm
	frame *camera.Frame
	n     int
}

func newWatcher(after time.Duration) *watcher {
	w := &watcher{calm: calm{after: after}, frame: camera.NewFrame(320, 240, camera.RGB8, nil)}
	w.paint(100, 0)
	return w
}

// paint fills the picture with a level, and a patch in its middle with another.
func (w *watcher) paint(level, more int) {
	for i := range w.frame.Pix {
		w.frame.Pix[i] = byte(level)
	}
	for y := 100; y < 140; y++ {
		for x := 3 * 140; x < 3*180; x++ {
			w.frame.Pix[y*w.frame.Stride+x] = byte(level + more)
		}
	}
}

const picture = time.Second / 15

// show shows so many pictures and returns how many passed.
func (w *watcher) show(n int) int {
	passed := 0
	for range n {
		w.n++
		w.frame.Stamp(time.Duration(w.n) * picture)
		if !w.calm.rests(w.frame) {
			passed++
		}
	}
	return passed
}

func TestTheNetworksRestWhenNothingChanges(t *testing.T) {
	w := newWatcher(2 * time.Second)
	if got := w.show(30); got != 30 {
		t.Errorf("%d of the first 30 pictures pass", got)
	}
	if got := w.show(150); got < 9 || got > 11 {
		t.Errorf("%d pictures of ten calm seconds pass, want one a second", got)
	}
}

func TestAChangeIsNoticedAtOnce(t *testing.T) {
	w := newWatcher(2 * time.Second)
	for n := range 20 { // wherever in the second of rest the change falls
		w.paint(100, 0)
		w.show(60 + n)
		w.paint(100, 20)
		if w.show(1) != 1 {
			t.Fatalf("change %d is slept through", n)
		}
		if got := w.show(29); got != 29 {
			t.Errorf("after a change only %d of 29 pictures pass", got)
		}
	}
}

// A change too faint to be seen passes the networks within atRest and a picture.
func TestAFaintChangeIsNoticedWithinTheBound(t *testing.T) {
	w := newWatcher(2 * time.Second)
	w.show(60)
	w.paint(100, 2)
	late := time.Duration(0)
	for w.show(1) == 0 {
		late += picture
	}
	if late > atRest+picture {
		t.Errorf("it passes the networks after %v", late)
	}
}

func TestTheRobotsMovesCount(t *testing.T) {
	w := newWatcher(2 * time.Second)
	w.calm.stir(scene.Pose{})
	w.show(60)
	for _, pose := range []scene.Pose{{X: 0.05}, {X: 0.05, Yaw: 0.05}} { // a step, and a turn
		w.show(60)
		w.calm.stir(pose)
		if got := w.show(10); got != 10 {
			t.Errorf("after a move to %+v %d of 10 pictures pass", pose, got)
		}
	}
	w.show(60)
	for range 100 { // the odometry of a robot that stands trembles
		w.calm.stir(scene.Pose{X: 0.055, Yaw: 0.051})
	}
	if got := w.show(15); got > 2 {
		t.Errorf("%d of 15 pictures pass while the robot trembles", got)
	}
}

func TestNoRestUnlessWanted(t *testing.T) {
	w := newWatcher(0)
	if got := w.show(150); got != 150 {
		t.Errorf("%d of 150 pictures pass", got)
	}
}

func TestTimeThatJumpsBackEndsTheRest(t *testing.T) {
	w := newWatcher(2 * time.Second)
	w.show(100)
	w.n = 0
	if got := w.show(30); got != 30 {
		t.Errorf("%d of 30 pictures pass", got)
	}
}
