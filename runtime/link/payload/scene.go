package payload

// MaxSceneObjects bounds the objects of one scene message, which must stay below MaxAnswerBytes.
const MaxSceneObjects = 500

// Scene is the message on the topic scene: all that the memory holds, in the frame map.
type Scene struct {
	Header
	Delivery                 // only when scenes are kept
	Frame       string       `json:"frame"`           // always map
	Epoch       uint32       `json:"epoch,omitempty"` // of the map; see Position
	CaptureTime Time         `json:"captureTime"`
	Pose        Pose2D       `json:"pose"` // of base_link in the frame
	PoseSource  string       `json:"poseSource"`
	Objects     []Object     `json:"objects"`
	LeftOut     int          `json:"leftOut,omitempty"` // things remembered beyond MaxSceneObjects: the farthest
	Room        *Room        `json:"room,omitempty"`
	FreeSpace   []FreeSector `json:"freeSpace,omitempty"`
}

// Stamp fills the header, the frame and the empty array.
func (s *Scene) Stamp(header Header) {
	s.Header, s.Frame, s.Objects = header, "map", list(s.Objects)
}

// Vec3 is a point or an extent in metres.
type Vec3 struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
	Z float64 `json:"z"`
}

// Pose2D is a place on the floor with a heading, left positive.
type Pose2D struct {
	X   float64 `json:"x"`
	Y   float64 `json:"y"`
	Yaw float64 `json:"yaw"`
}

// Box is an upright cuboid: its middle, its full extents along its own axes, and the heading of its x axis.
type Box struct {
	Center Vec3    `json:"center"`
	Size   Vec3    `json:"size"`
	Yaw    float64 `json:"yaw"`
}

// Object is one remembered thing.
type Object struct {
	ID        string  `json:"id"`
	Label     string  `json:"label"`
	Score     float64 `json:"score"` // 0..1, the network's confidence
	Box       Box     `json:"box"`
	Sigma     Vec3    `json:"sigma"` // standard deviation of the centre along the frame's axes, metres
	Color     string  `json:"color,omitempty"`
	Existence float64 `json:"existence"` // 0..1, probability that it is still there
	FirstSeen Time    `json:"firstSeen"`
	LastSeen  Time    `json:"lastSeen"`
}

// Room is the enclosing room, as far as it was seen.
type Room struct {
	Length float64 `json:"length"` // metres, not less than the width
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
	Area   float64 `json:"area"` // of the floor, square metres
}

// FreeSector is how far the floor is free in one direction from base_link.
type FreeSector struct {
	Bearing float64 `json:"bearing"` // of the sector's middle, left positive
	Width   float64 `json:"width"`   // radians
	Free    float64 `json:"free"`    // metres
}
