package main

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/scene"
)

// odometry is where a robot believes to be, counted from where it started.
type odometry struct {
	pose scene.Pose
	cov  [3]float64 // variances of x, y and yaw
}

// Wheels slip: the scale of what they count is off by up to drift, and every step is noisy.
const (
	drift     = 0.01
	stepNoise = 0.0005 // m
	turnNoise = 0.0003 // rad
)

// wheels is the odometry that a robot would have measured on the film's way, one a frame. It begins at the origin.
func wheels(t *room.Truth) []odometry {
	rng := rand.New(rand.NewPCG(t.Seed, 0x6f646f))
	forward, turn := 1+drift*(2*rng.Float64()-1), 1+drift*(2*rng.Float64()-1)
	out := make([]odometry, len(t.Frames))
	var pose scene.Pose
	var driven, turned float64
	for i, f := range t.Frames {
		if i > 0 {
			step := poseOf(t.Frames[i-1]).Inverse().Compose(poseOf(f))
			driven += math.Hypot(step.X, step.Y)
			turned += math.Abs(step.Yaw)
			if step != (scene.Pose{}) {
				step.X = step.X*forward + stepNoise*rng.NormFloat64()
				step.Y = step.Y*forward + stepNoise*rng.NormFloat64()
				step.Yaw = step.Yaw*turn + turnNoise*rng.NormFloat64()
			}
			pose = pose.Compose(step)
		}
		out[i] = odometry{pose: pose, cov: spread(driven, turned)}
	}
	return out
}

// spread is the variance after driving and turning so far.
func spread(driven, turned float64) [3]float64 {
	yaw := drift*turned + 0.002
	across := (drift+yaw)*driven + 0.003
	return [3]float64{across * across, across * across, yaw * yaw}
}

// message is the pose message of an instant.
func (o odometry) message(at time.Time) payload.Pose {
	return payload.Pose{
		Position:    payload.Vec3{X: o.pose.X, Y: o.pose.Y},
		Orientation: payload.YawQuaternion(o.pose.Yaw),
		Covariance:  []float64{o.cov[0], 0, 0, 0, o.cov[1], 0, 0, 0, o.cov[2]},
		Timestamp:   payload.Time{Time: at},
	}
}

// filmClock relates the frames of a film to the clock on the wall while the film is watched.
type filmClock struct {
	started chan struct{} // closed when the first frame was watched

	mu     sync.Mutex
	frames []watched // by time
}

type watched struct {
	frame int // from 0
	wall  time.Time
}

func newFilmClock() *filmClock { return &filmClock{started: make(chan struct{})} }

// tick notes that a frame, counted from 1, was captured at an instant.
func (c *filmClock) tick(seq uint64, wall time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frames = append(c.frames, watched{int(seq) - 1, wall})
	if len(c.frames) == 1 {
		close(c.started)
	}
}

// start is when frame 0 was captured, or would have been. The clock must have started.
func (c *filmClock) start(fps float64) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := c.frames[0]
	return first.wall.Add(-time.Duration(float64(first.frame) / fps * float64(time.Second)))
}

// at returns the frame that was captured at an instant, counted from the nearest one that was watched: the newest may
// not have been noted yet. It is false when no frame was captured within a second.
func (c *filmClock) at(wall time.Time, fps float64) (frame int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	best := time.Second
	for _, w := range c.frames {
		if off := wall.Sub(w.wall); off.Abs() < best {
			best, frame, ok = off.Abs(), w.frame+int(math.Round(off.Seconds()*fps)), true
		}
	}
	return frame, ok
}

// waitUntil waits for an instant, or for the end of the context.
func waitUntil(ctx context.Context, t time.Time) error {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
