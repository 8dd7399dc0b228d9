package scene

// claim is one label that a detection claims for its place.
type claim struct {
	label int
	score float64
}

// mostClaims is how many labels can claim one place in one picture; weaker ones are dropped.
const mostClaims = 4

// measurement is a place that detections claim, in map.
type measurement struct {
	det    *Detection // the strongest of them
	box    Box
	cov    Cov
	base   Vec3 // the variances of the centre along the axes of base_link
	logVar Vec3
	yawVar float64
	track  *track
	claims [mostClaims]claim
	n      int // claims, at least one
}

// claimOverlap is the IoU from which two detections of one picture show one thing: the labels then share its place.
const claimOverlap = 0.3

// measure turns the detections into map, with the floors of the sensor model. Detections that claim the same place
// become one measurement with several labels.
func (m *Memory) measure(obs *Observation) {
	clear(m.meas) // the old ones hold pointers to tracks that may be used again
	m.meas, m.dets, m.colors = m.meas[:0], m.dets[:0], m.colors[:0]
	for i := range obs.Detections {
		d := obs.Detections[i]
		m.colors = append(m.colors, d.Colors...)
		d.Colors = m.colors[len(m.colors)-len(d.Colors):]
		d.Box.Yaw = WrapAngle(d.Box.Yaw)
		m.dets = append(m.dets, d)
		if m.embedding == 0 {
			m.embedding = len(d.Embedding)
		}
		if z := m.sharing(&d); z != nil {
			z.share(&m.dets[i], &m.cfg)
			continue
		}
		m.meas = append(m.meas, measurement{})
		m.meas[len(m.meas)-1].fill(&m.dets[i], &m.cfg)
	}
	m.place()
}

// sharing returns the measurement that claims the same place, if there is one.
func (m *Memory) sharing(d *Detection) *measurement {
	for r := range m.meas {
		z := &m.meas[r]
		reach := z.det.Box.Longest() + d.Box.Longest()
		if z.det.Box.Center.Sub(d.Box.Center).Norm() < reach && IoU(z.det.Box, d.Box) > claimOverlap {
			return z
		}
	}
	return nil
}

// fill takes over a detection. Box and covariance in map follow from place.
func (z *measurement) fill(d *Detection, cfg *Config) {
	floor := cfg.CenterFloor + cfg.RangeFloor*d.Box.Center.Norm()
	z.det = d
	z.base = d.CenterVar.Add(Vec3{floor * floor, floor * floor, floor * floor})
	z.logVar, z.yawVar = cfg.logVariance(d), d.YawVar+1e-3
	z.claim(d.Label, d.Score)
}

// share adds the claim of another detection; the strongest one tells the box.
func (z *measurement) share(d *Detection, cfg *Config) {
	if d.Score > z.det.Score {
		z.fill(d, cfg)
		return
	}
	z.claim(d.Label, d.Score)
}

// claim adds a label. A label that claims the place twice counts with the higher score.
func (z *measurement) claim(label int, score float64) {
	weakest := 0
	for i := range z.n {
		if z.claims[i].label == label {
			z.claims[i].score = max(z.claims[i].score, score)
			return
		}
		if z.claims[i].score < z.claims[weakest].score {
			weakest = i
		}
	}
	if z.n < mostClaims {
		z.claims[z.n] = claim{label, score}
		z.n++
		return
	}
	if score > z.claims[weakest].score {
		z.claims[weakest] = claim{label, score}
	}
}

// place turns the measurements into map, from where the robot is believed to be now.
func (m *Memory) place() {
	for r := range m.meas {
		z := &m.meas[r]
		z.box = m.pose.ApplyBox(z.det.Box)
		z.cov = rotated(z.base, m.pose.Yaw)
	}
}

// logVariance turns the variance of the extents into that of their logarithms.
func (c *Config) logVariance(d *Detection) Vec3 {
	floor := c.LogSizeFloor * c.LogSizeFloor
	return Vec3{
		d.SizeVar.X/(d.Box.Size.X*d.Box.Size.X) + floor,
		d.SizeVar.Y/(d.Box.Size.Y*d.Box.Size.Y) + floor,
		d.SizeVar.Z/(d.Box.Size.Z*d.Box.Size.Z) + floor,
	}
}

// letGo drops the references to the embeddings: they belong to the caller, and nothing reads them after the update.
func (m *Memory) letGo() {
	for i := range m.dets {
		m.dets[i].Embedding = nil
	}
}
