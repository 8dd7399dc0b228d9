package room

import (
	"math"
	"math/rand/v2"
)

// Pose is where a robot stands on the floor of the room and how its camera is held at that moment.
type Pose struct {
	X, Y, Yaw   float64 // base_link in the room
	Height      float64 // camera above the floor, m
	Pitch, Roll float64 // of the camera, positive looks down and leans right
}

const (
	bodyRadius = 0.28      // m, the robot keeps this far from everything
	stepTime   = 1.0 / 30. // s, of the simulated drive
	topSpeed   = 0.8       // m/s
)

// Walk is a robot that wanders through a room: it keeps a speed and a turn rate for a while, and turns away from what
// is close. One goroutine uses it at a time.
type Walk struct {
	room       *Room
	rng        *rand.Rand
	pose       Pose
	mount      Pose // the camera's rest position
	speed      float64
	rate       float64
	until      float64
	clock      float64
	gaze       float64 // phase of the vibration
	turningOut bool
}

// Walk starts the walk of a clip. The same room, clip number and steps give the same poses.
func (r *Room) Walk(clip uint64) *Walk {
	w := &Walk{room: r, rng: rand.New(rand.NewPCG(r.Seed, 0x64726976+clip))}
	w.start()
	return w
}

// Drive returns the poses of one clip from the start of its walk: frames poses, dt seconds apart.
func (r *Room) Drive(clip uint64, frames int, dt float64) []Pose {
	return r.Walk(clip).drive(frames, dt)
}

// Excerpt is Drive from a random moment of the walk's first half minute. A robot that has been about for a while stands
// closer to walls and things than one that was just set down where there is room.
func (r *Room) Excerpt(clip uint64, frames int, dt float64) []Pose {
	w := r.Walk(clip)
	w.Advance(rand.New(rand.NewPCG(r.Seed, 0x65786370+clip)).Float64() * 30)
	return w.drive(frames, dt)
}

func (w *Walk) drive(frames int, dt float64) []Pose {
	out := make([]Pose, frames)
	for i := range out {
		out[i] = w.Pose()
		w.Advance(dt)
	}
	return out
}

// Mount is the rest position of the camera: its height in metres and its pitch in radians, without the rocking.
func (w *Walk) Mount() (height, pitch float64) { return w.mount.Height, w.mount.Pitch }

// start picks a place to begin that has some free floor before it, so that a clip seldom stares at a wall.
func (w *Walk) start() {
	h := w.room.style.cameraHeight(w.rng)
	tilt := clamp(float64((h-0.3)*0.28)+between(w.rng, -0.08, 0.14), -0.1, 0.45)
	w.mount = Pose{Height: h, Pitch: tilt}
	best, want := -1.0, between(w.rng, 1.2, 3)
	for range 60 {
		p := Pose{
			X: between(w.rng, 0.3, w.room.Length-0.3), Y: between(w.rng, 0.3, w.room.Width-0.3),
			Yaw: between(w.rng, -math.Pi, math.Pi),
		}
		c := w.room.clearance(p.X, p.Y)
		score := c - bodyRadius
		if score > 0 {
			score = min(w.room.ahead(p, 0), w.room.ahead(p, 0.35)+0.5, w.room.ahead(p, -0.35)+0.5)
		}
		if score > best {
			best, w.pose = score, p
		}
		if best > want {
			break
		}
	}
	w.speed, w.rate = between(w.rng, 0, topSpeed), between(w.rng, -0.6, 0.6)
	w.until = between(w.rng, 0.5, 2)
}

// clearance is the distance on the floor to the nearest wall or thing that a robot could hit.
func (r *Room) clearance(x, y float64) float64 {
	c := min(x, y, r.Length-x, r.Width-y)
	r.solids(func(t *thing) bool {
		if t.pos.z < 0.3 {
			c = min(c, t.gap(x, y))
		}
		return true
	})
	return c
}

// ahead is the free distance along a heading turned by side from the pose, at half a metre's height.
func (r *Room) ahead(p Pose, side float64) float64 {
	t := turnOf(p.Yaw + side)
	ray := newRay(vec{p.X, p.Y, 0.5}, vec{t.c, t.s, 1e-6}.unit())
	near := touch{t: r.exit(&ray)}
	r.solids(func(t *thing) bool {
		t.meet(&ray, t.origin(ray.o), t.all(), &near)
		return true
	})
	return near.t
}

// Advance drives for dt seconds in small steps.
func (w *Walk) Advance(dt float64) {
	for end := w.clock + dt; w.clock < end-1e-9; {
		h := min(stepTime, end-w.clock)
		w.clock += h
		w.decide()
		w.pose.Yaw = wrap(w.pose.Yaw + float64(w.rate*h))
		t := turnOf(w.pose.Yaw)
		x, y := w.pose.X+float64(w.speed*h*t.c), w.pose.Y+float64(w.speed*h*t.s)
		if w.room.clearance(x, y) > bodyRadius {
			w.pose.X, w.pose.Y = x, y
			w.turningOut = false
			continue
		}
		if !w.turningOut { // stop and look for another way
			w.turningOut = true
			w.rate = math.Copysign(between(w.rng, 0.5, 1.1), w.rng.Float64()-0.5)
			w.until = w.clock + between(w.rng, 0.8, 2)
		}
	}
}

func (w *Walk) decide() {
	if w.clock < w.until {
		return
	}
	w.until = w.clock + between(w.rng, 0.6, 2.5)
	w.speed = between(w.rng, 0, topSpeed)
	w.rate = between(w.rng, -0.8, 0.8)
	if w.rng.Float64() < 0.4 {
		w.rate *= 0.2
	}
	if left, right := w.room.ahead(w.pose, 0.5), w.room.ahead(w.pose, -0.5); w.room.ahead(w.pose, 0) < 1 {
		w.rate = math.Copysign(max(math.Abs(w.rate), 0.5), left-right) // turn to where there is room
	}
}

// Pose is where the robot is now, with the small rocking of a camera on wheels; each call rocks it on.
func (w *Walk) Pose() Pose {
	p := w.pose
	w.gaze = 0.6*w.gaze + (w.rng.Float64()-0.5)*0.012
	p.Height, p.Pitch, p.Roll = w.mount.Height, w.mount.Pitch+w.gaze, (w.rng.Float64()-0.5)*0.012
	return p
}
