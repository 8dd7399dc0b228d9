package scene

// leastLens and leastObject are the bytes that a camera and an object take at least.
const (
	leastLens   = 8 * 6
	leastObject = 8 * 40
)

// lenses visits the cameras, and the motion that they tell.
func (f *full) lenses(c *coder) {
	m := f.m
	c.pose(&m.step)
	r := &m.cruise
	c.flag(&r.known)
	c.duration(&r.at)
	c.floats(&r.x, &r.y, &r.turn, &r.varX, &r.varY, &r.varTurn)
	n := c.length(len(m.lenses), leastLens)
	if c.reading {
		f.bad = f.bad || n > maxCameras
		m.lenses = make([]lens, n)
	}
	for i := range m.lenses {
		l := &m.lenses[i]
		c.text(&l.name)
		c.duration(&l.mono)
		c.pose(&l.moved)
		shown := c.length(len(l.now), leastObject)
		if c.reading {
			f.bad = f.bad || shown > m.cfg.MaxDetections
			l.now = make([]Object, shown)
		}
		for j := range l.now {
			f.object(c, &l.now[j])
		}
	}
}

// object visits what a camera showed before another one's observation came.
func (f *full) object(c *coder, o *Object) {
	c.text(&o.ID)
	c.text(&o.Label)
	c.int(&o.LabelIndex)
	c.text(&o.Color)
	c.slice(&o.LabelProbs)
	c.slice(&o.ColorProbs)
	c.vec(&o.Box.Center)
	c.vec(&o.Box.Size)
	c.float(&o.Box.Yaw)
	c.cov(&o.CenterCov)
	c.vec(&o.SizeVar)
	c.floats(&o.YawVar, &o.Existence)
	c.int(&o.Hits)
	c.duration(&o.FirstMono)
	c.duration(&o.LastMono)
	c.wall(&o.FirstWall)
	c.wall(&o.LastWall)
	c.duration(&o.MovedMono)
	c.wall(&o.MovedWall)
	c.vec(&o.MovedFrom)
	if c.reading && len(o.ColorProbs) == 0 {
		o.ColorProbs = nil
	}
	if c.reading {
		f.bad = f.bad || o.LabelIndex < 0 || o.LabelIndex >= len(f.m.cfg.Labels)
	}
}
