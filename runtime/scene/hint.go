package scene

// takeHints copies the hints of an observation into map. They touch no track: what is too weak to be remembered must
// not change what is.
func (m *Memory) takeHints(obs *Observation) {
	clear(m.hints)
	m.hints, m.weak = m.hints[:0], m.weak[:0]
	for i := range obs.Hints {
		d := obs.Hints[i]
		m.colors = append(m.colors, d.Colors...)
		d.Colors = m.colors[len(m.colors)-len(d.Colors):]
		d.Embedding = nil
		d.Box.Yaw = WrapAngle(d.Box.Yaw)
		m.weak = append(m.weak, d)
	}
	for i := range m.weak {
		var z measurement
		z.fill(&m.weak[i], &m.cfg)
		z.box, z.cov = m.pose.ApplyBox(z.det.Box), rotated(z.base, m.pose.Yaw)
		m.hints = append(m.hints, z)
	}
}
