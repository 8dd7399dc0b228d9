package payload

import (
	"errors"
	"fmt"
	"math"
)

// MaxPosition bounds every coordinate of a pose, in metres: what lies further out is a broken odometry.
const MaxPosition = 1e6

// Pose is the message on the topic pose: the robot's odometry, in the shape of ROS's PoseWithCovariance.
type Pose struct {
	Position    Vec3       `json:"position"`    // of base_link in the odometry's frame, metres
	Orientation Quaternion `json:"orientation"` // of base_link in that frame
	// Covariance is row by row, and empty when unknown. With 9 values it is over x, y, yaw; with 36 over x, y, z and
	// the rotations about them, as ROS has it. Metres and radians, squared.
	Covariance []float64 `json:"covariance,omitempty"`
	Timestamp  Time      `json:"timestamp,omitzero"` // when the pose was true; zero means on arrival
}

// Quaternion is a rotation.
type Quaternion struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
	Z float64 `json:"z"`
	W float64 `json:"w"`
}

// Yaw returns the heading about +z, left positive, in (-pi, pi].
func (q Quaternion) Yaw() float64 {
	return math.Atan2(2*(q.W*q.Z+q.X*q.Y), 1-2*(q.Y*q.Y+q.Z*q.Z))
}

// YawQuaternion returns the rotation by yaw about +z.
func YawQuaternion(yaw float64) Quaternion {
	return Quaternion{Z: math.Sin(yaw / 2), W: math.Cos(yaw / 2)}
}

// Planar returns the pose on the floor.
func (p *Pose) Planar() Pose2D {
	return Pose2D{X: p.Position.X, Y: p.Position.Y, Yaw: p.Orientation.Yaw()}
}

// PlanarCovariance returns the covariance over x, y and yaw row by row, and false when it is unknown.
func (p *Pose) PlanarCovariance() (cov [9]float64, known bool) {
	switch len(p.Covariance) {
	case 9:
		copy(cov[:], p.Covariance)
	case 36:
		axes := [3]int{0, 1, 5}
		for i, row := range axes {
			for j, col := range axes {
				cov[3*i+j] = p.Covariance[6*row+col]
			}
		}
	default:
		return cov, false
	}
	return cov, true
}

// DecodePose reads and checks a pose. The orientation comes back with length 1.
func DecodePose(data []byte) (Pose, error) {
	wire := struct {
		*Pose
		Position    *Vec3       `json:"position"`
		Orientation *Quaternion `json:"orientation"`
	}{Pose: new(Pose)}
	if _, err := decode(data, &wire); err != nil {
		return Pose{}, fmt.Errorf("reading a pose: %w", err)
	}
	if wire.Position == nil || wire.Orientation == nil {
		return Pose{}, errors.New("reading a pose: position and orientation are required")
	}
	pose := *wire.Pose
	pose.Position, pose.Orientation = *wire.Position, *wire.Orientation
	if err := pose.check(); err != nil {
		return Pose{}, fmt.Errorf("reading a pose: %w", err)
	}
	return pose, nil
}

func (p *Pose) check() error {
	for _, v := range []float64{p.Position.X, p.Position.Y, p.Position.Z} {
		if math.Abs(v) > MaxPosition {
			return fmt.Errorf("position is further than %g m from the origin", MaxPosition)
		}
	}
	if err := p.Orientation.normalize(); err != nil {
		return err
	}
	if n := len(p.Covariance); n != 0 && n != 9 && n != 36 {
		return fmt.Errorf("covariance has %d values, not 9 or 36", n)
	}
	return p.checkVariances()
}

func (p *Pose) checkVariances() error {
	cov, known := p.PlanarCovariance()
	if known && (cov[0] < 0 || cov[4] < 0 || cov[8] < 0) {
		return errors.New("covariance has a negative variance")
	}
	return nil
}

// normalize allows for rounding, but not for a rotation that was never set.
func (q *Quaternion) normalize() error {
	n := math.Sqrt(q.X*q.X + q.Y*q.Y + q.Z*q.Z + q.W*q.W)
	if !(n > 0.99 && n < 1.01) {
		return fmt.Errorf("orientation has length %.3g, not 1", n)
	}
	q.X, q.Y, q.Z, q.W = q.X/n, q.Y/n, q.Z/n, q.W/n
	return nil
}
