package record

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/scene"
)

// Head says who recorded, and with what. It stands at the beginning of each segment.
type Head struct {
	Started      time.Time       `json:"started"` // of this segment
	Version      string          `json:"version"` // of vegad
	Manufacturer string          `json:"manufacturer"`
	SerialNumber string          `json:"serialNumber"`
	Bundle       string          `json:"bundle"`       // name and version
	BundleDigest string          `json:"bundleDigest"` // sha256 of its manifest
	Provider     string          `json:"provider"`
	Precision    string          `json:"precision"`
	Labels       []string        `json:"labels"` // of the bundle, in the order that detections count in
	Colors       []string        `json:"colors"`
	ViewHFOV     float64         `json:"viewHfovRad"` // of the view that the networks see
	Camera       Camera          `json:"camera"`
	Threads      int             `json:"threads"`          // of the networks; 0 follows the CPU quota
	MaxObjects   int             `json:"maxObjects"`       // that the memory may hold
	Config       json.RawMessage `json:"config,omitempty"` // without secrets
}

// Camera is what was known of the camera.
type Camera struct {
	Name        string  `json:"name"`
	URI         string  `json:"uri"`                   // without credentials
	Calibration *Lens   `json:"calibration,omitempty"` // absent when a field of view was assumed
	AssumedHFOV float64 `json:"assumedHfovRad"`
	Mount       Mount   `json:"mount"`
}

// Lens is a measured calibration.
type Lens struct {
	Width        int       `json:"widthPx"`
	Height       int       `json:"heightPx"`
	Fx           float64   `json:"fxPx"`
	Fy           float64   `json:"fyPx"`
	Cx           float64   `json:"cxPx"`
	Cy           float64   `json:"cyPx"`
	Model        string    `json:"model"`
	Coefficients []float64 `json:"coefficients,omitempty"`
}

// Mount is where the camera sits in base_link.
type Mount struct {
	X      float64 `json:"xM"`
	Y      float64 `json:"yM"`
	Height float64 `json:"heightM"`
	Yaw    float64 `json:"yawRad"`
	Pitch  float64 `json:"pitchRad"`
	Roll   float64 `json:"rollRad"`
}

// NewCamera describes a camera; a calibration without a width is none.
func NewCamera(name, uri string, c camera.Calibration, assumedHFOV float64, m camera.Mount) Camera {
	out := Camera{Name: name, URI: uri, AssumedHFOV: assumedHFOV, Mount: Mount(m)}
	if c.Width > 0 {
		out.Calibration = &Lens{
			Width: c.Width, Height: c.Height, Fx: c.Fx, Fy: c.Fy, Cx: c.Cx, Cy: c.Cy, Model: string(c.Model), Coefficients: c.D,
		}
	}
	return out
}

// Lens returns the calibration as the camera package has it; the zero value when none was measured.
func (c Camera) Lens() camera.Calibration {
	l := c.Calibration
	if l == nil {
		return camera.Calibration{}
	}
	return camera.Calibration{
		Width: l.Width, Height: l.Height, Fx: l.Fx, Fy: l.Fy, Cx: l.Cx, Cy: l.Cy,
		Model: camera.Model(l.Model), D: l.Coefficients,
	}
}

// Checkpoint is the state of the robot right after an observation, from which what follows can be told again.
type Checkpoint struct {
	Seq    uint64   // of the newest picture then; 0 before the first
	Ring   []uint64 // pictures whose features were kept, oldest first
	Rest   float64  // mean of the gate under the neutral context
	Memory []byte   // scene.Memory.Checkpoint
}

// mostRing bounds the pictures that a checkpoint names.
const mostRing = 1 << 16

func (c *Checkpoint) pack(p *packer) []byte {
	out := binary.LittleEndian.AppendUint64(nil, c.Seq)
	out = binary.LittleEndian.AppendUint64(out, math.Float64bits(c.Rest))
	out = binary.LittleEndian.AppendUint64(out, uint64(len(c.Ring)))
	for _, seq := range c.Ring {
		out = binary.LittleEndian.AppendUint64(out, seq)
	}
	return p.encoder.EncodeAll(c.Memory, out)
}

var errCheckpoint = errors.New("it is no checkpoint")

func (p *packer) checkpoint(data []byte) (*Checkpoint, error) {
	if len(data) < 24 {
		return nil, errCheckpoint
	}
	n := binary.LittleEndian.Uint64(data[16:])
	c := &Checkpoint{
		Seq: binary.LittleEndian.Uint64(data), Rest: math.Float64frombits(binary.LittleEndian.Uint64(data[8:])),
	}
	if data = data[24:]; n > mostRing || n*8 > uint64(len(data)) {
		return nil, errCheckpoint
	}
	for i := range n {
		c.Ring = append(c.Ring, binary.LittleEndian.Uint64(data[8*i:]))
	}
	var err error
	if c.Memory, err = p.decoder.DecodeAll(data[8*n:], nil); err != nil {
		return nil, fmt.Errorf("unpacking a checkpoint: %w", err)
	}
	return c, nil
}

// Features are digests, FNV-1a over the bits of the values, of what the encoders made of a picture.
type Features struct {
	Seq      uint64 `json:"seq"`
	Geometry string `json:"geometry"`
	Semantic string `json:"semantic"`
}

// Digest is FNV-1a, 64 bits, over the bits of the values: it tells changes, not forgeries.
func Digest(values []float32) string {
	h := uint64(14695981039346656037)
	for _, v := range values {
		h = (h ^ uint64(math.Float32bits(v))) * 1099511628211
	}
	return fmt.Sprintf("%016x", h)
}

// Pose is a message of odometry as it was taken in.
type Pose struct {
	X          float64    `json:"xM"`
	Y          float64    `json:"yM"`
	Yaw        float64    `json:"yawRad"`
	Covariance [9]float64 `json:"covariance"` // over x, y and yaw
	Mono       int64      `json:"monoNs"`     // the instant that it is valid for
}

// NewPose describes a pose.
func NewPose(o scene.Odometry) Pose {
	return Pose{X: o.Pose.X, Y: o.Pose.Y, Yaw: o.Pose.Yaw, Covariance: o.Cov, Mono: int64(o.Mono)}
}

// Odometry is the pose as the memory takes it.
func (p Pose) Odometry() scene.Odometry {
	return scene.Odometry{
		Pose: scene.Pose{X: p.X, Y: p.Y, Yaw: p.Yaw}, Cov: p.Covariance, Mono: time.Duration(p.Mono),
	}
}

// Snapshot marks where the memory was read for an answer.
type Snapshot struct {
	ID  uint64 `json:"id"`
	Now int64  `json:"nowNs"` // on the clock of frames, as the answer took it
}

// Answer is a question and what was said to it.
type Answer struct {
	Snapshot uint64          `json:"snapshot,omitempty"` // what it rests on; 0 where the memory was not asked
	Standing bool            `json:"standing,omitempty"`
	Client   string          `json:"client,omitempty"`
	Scope    string          `json:"scope,omitempty"` // as it was asked for
	Answer   json.RawMessage `json:"answer"`          // the message of the topic answer
}

// Event is a message of the topic event.
type Event struct {
	Event json.RawMessage `json:"event"`
}

// Gap says that records are missing here, because the disk or the processor could not follow.
type Gap struct {
	Records uint64 `json:"records"`
}
