package room

// Truth is what a rendered film shows, for `vegad room render --truth`. Coordinates are the room's; see the package.
type Truth struct {
	Seed    uint64        `json:"seed"`
	Clip    uint64        `json:"clip"`
	Width   int           `json:"width"`
	Height  int           `json:"height"`
	HFOV    float64       `json:"hfovRad"`
	FPS     float64       `json:"fps"`
	Room    TruthRoom     `json:"room"`
	Mount   TruthMount    `json:"mount"`
	Objects []TruthObject `json:"objects"`
	Frames  []TruthFrame  `json:"frames"`
}

// TruthRoom is the size of the room.
type TruthRoom struct {
	Length float64 `json:"lengthM"`
	Width  float64 `json:"widthM"`
	Height float64 `json:"heightM"`
	Area   float64 `json:"areaM2"`
}

// TruthMount is the camera on the robot.
type TruthMount struct {
	Height float64 `json:"heightM"`
	Pitch  float64 `json:"pitchRad"`
}

// TruthObject is one thing of the room.
type TruthObject struct {
	ID     int        `json:"id"`
	Label  string     `json:"label"`
	Color  string     `json:"color"`
	Center [3]float64 `json:"centerM"`
	Size   [3]float64 `json:"sizeM"` // along the own x (front), y (left), z
	Yaw    float64    `json:"yawRad"`
}

// TruthFrame is one picture of the film.
type TruthFrame struct {
	X       float64      `json:"xM"` // base_link in the room
	Y       float64      `json:"yM"`
	Yaw     float64      `json:"yawRad"`
	Visible []TruthShown `json:"visible"`
}

// TruthShown is one thing that a picture shows.
type TruthShown struct {
	ID     int `json:"id"`
	Pixels int `json:"pixels"`
	Whole  int `json:"wholePixels"` // if nothing stood before it
}

// NewTruth describes the room; frames are added as they are drawn.
func (r *Room) NewTruth(clip uint64) *Truth {
	height, pitch := r.Walk(clip).Mount()
	t := &Truth{
		Seed: r.Seed, Clip: clip, Room: TruthRoom{r.Length, r.Width, r.Height, r.Area()},
		Mount: TruthMount{Height: height, Pitch: pitch},
	}
	for _, o := range r.Objects() {
		t.Objects = append(t.Objects, TruthObject{
			ID: o.ID, Label: Labels[o.Label], Color: Colors[o.Color], Center: [3]float64{o.X, o.Y, o.Z}, Size: o.Size,
			Yaw: o.Yaw,
		})
	}
	return t
}

// Add appends the picture that was drawn from the pose.
func (t *Truth) Add(p Pose, pic *Picture) {
	f := TruthFrame{X: p.X, Y: p.Y, Yaw: p.Yaw}
	for i := range t.Objects {
		if pic.Visible[i] > 0 {
			f.Visible = append(f.Visible, TruthShown{ID: i, Pixels: pic.Visible[i], Whole: pic.Whole[i]})
		}
	}
	t.Frames = append(t.Frames, f)
}
