// Package scene is vegad's spatial memory: what stood where, how sure that is, and since when.
//
// Frames: base_link (x forward, y left, z up, origin on the floor under the robot) and map (base_link where the robot
// started, or the frame of the odometry it is given). Metres, radians, seconds.
package scene

import "time"

// Vec3 is a point or an extent in metres.
type Vec3 struct{ X, Y, Z float64 }

// Box is an upright cuboid. Its size is counted in its own axes: X along its heading, Y across, Z up.
type Box struct {
	Center Vec3    // the middle of the cuboid, not its foot
	Size   Vec3    // full extents, all positive
	Yaw    float64 // heading of the X axis about +z, in (-pi, pi]
}

// Detection is one thing seen in one observation, in base_link at the time of capture.
type Detection struct {
	Label     int       // index into the bundle's labels
	Score     float64   // 0..1, the network's confidence
	Box       Box       // in base_link
	CenterVar Vec3      // variance of the centre along the base_link axes, m²
	SizeVar   Vec3      // variance of the extents, m²
	YawVar    float64   // rad²
	Colors    []float32 // probability of each of the bundle's colours, or empty
	Embedding []float32 // unit vector that stays the same for the same thing, or empty
}

// View is where the camera looked: it decides what absence of a detection means.
type View struct {
	Position Vec3    // camera in base_link
	Yaw      float64 // heading of the optical axis in base_link, left positive
	Pitch    float64 // positive looks down
	HFOV     float64 // horizontal field of view
	VFOV     float64 // vertical field of view
	// Depth is the predicted distance along the ray of each grid cell, row by row from the top left; 0 is unknown.
	Depth      []float32
	DepthSigma []float32 // standard deviation of ln(Depth), same order
	Cols, Rows int
}

// Motion is a planar displacement of base_link, expressed in the earlier base_link.
type Motion struct {
	X, Y, Yaw          float64
	VarX, VarY, VarYaw float64
}

// Room is the enclosing room as one observation sees it.
type Room struct {
	Length, Width, Height float64 // m, Length >= Width; zero is unknown
	Area                  float64 // m²
	LogVar                float64 // variance of ln(Area)
}

// Observation is everything that the networks say about one instant. The receiver must copy what it keeps: the
// slices belong to the perception pipeline and are overwritten by the next observation.
type Observation struct {
	Seq        uint64        // sequence of the newest frame it rests on
	Mono       time.Duration // capture time of that frame, monotonic
	Wall       time.Time     // the same instant, UTC
	Camera     string
	Detections []Detection
	// Hints are the best place of each label, at most one a label, however weak and also where it is detected already.
	// Nothing is remembered of them: they serve questions that take a thing for granted.
	Hints       []Detection
	View        View
	Ego         Motion // displacement since the previous observation of this camera
	HasEgo      bool   // false for the first observation and after a gap
	Room        Room
	GateMean    float64 // mean of the gate, 1 is all semantic
	GateShift   float64 // its change against the neutral context of an observation
	Consistency float64 // 0..1 agreement of this picture's geometry with itself, 1 when it was not checked
}
