package daemon

import (
	"math"
	"sync"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/scene"
)

// calm lets the networks rest while the pictures show nothing new and the robot stands: then only one picture in atRest
// passes them, and the others are taken for what that one was. A change that camera.Stillness sees is noticed with the
// very picture that shows it; a fainter one after atRest and a picture at most.
type calm struct {
	after time.Duration // without a change, until the rest begins; zero never rests

	eye     camera.Stillness
	begun   bool
	since   time.Duration // capture time of the first picture since which nothing has changed
	encoded time.Duration // capture time of the newest picture that passed the networks

	mu    sync.Mutex // guards what poses tell
	moved bool
	pose  scene.Pose // when it last had moved
	known bool
}

// What counts as a move of the robot.
const (
	calmMove = 0.03 // m
	calmTurn = 0.02 // rad
)

// rests tells whether a picture need not pass the networks.
func (c *calm) rests(f *camera.Frame) bool {
	if c.after <= 0 {
		return false
	}
	changed := c.eye.Changed(f)
	if c.took() || changed || !c.begun || f.Mono < c.encoded {
		c.eye.Keep(f)
		c.begun, c.since, c.encoded = true, f.Mono, f.Mono
		return false
	}
	if f.Mono-c.since >= c.after && f.Mono-c.encoded < atRest {
		return true
	}
	c.encoded = f.Mono // the reference stays: what changes slowly adds up
	return false
}

// took tells whether the robot has moved since the last call.
func (c *calm) took() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	moved := c.moved
	c.moved = false
	return moved
}

// stir takes a pose of the robot: where that moves, the scene must be looked at, even if all looks the same from there.
func (c *calm) stir(p scene.Pose) {
	c.mu.Lock()
	defer c.mu.Unlock()
	far := math.Hypot(p.X-c.pose.X, p.Y-c.pose.Y) > calmMove || math.Abs(scene.WrapAngle(p.Yaw-c.pose.Yaw)) > calmTurn
	if !c.known || far {
		c.pose, c.known, c.moved = p, true, true
	}
}
