package scene

import "math"

// associate decides which detections are which remembered things: the assignment of least total cost, where a
// detection may also be something new at the price of the gate.
func (m *Memory) associate() {
	m.candidates()
	rows, cols := len(m.meas), len(m.near)+len(m.meas)
	if rows == 0 || len(m.near) == 0 {
		return
	}
	m.cost = zeroed(m.cost, rows*cols)
	for r := range m.meas {
		line := m.cost[r*cols : (r+1)*cols]
		for c := range line {
			line[c] = m.cfg.GateCost
		}
		for c, t := range m.near {
			line[c] = m.matchCost(&m.meas[r], t)
		}
	}
	for r, c := range m.assign.solve(m.cost, rows, cols) {
		if c < len(m.near) && m.cost[r*cols+c] < m.cfg.GateCost {
			m.meas[r].track = m.near[c]
		}
	}
}

// candidates collects the tracks that at least one detection could be.
func (m *Memory) candidates() {
	m.near = m.near[:0]
	for _, t := range m.tracks {
		for r := range m.meas {
			if m.matchCost(&m.meas[r], t) < m.cfg.GateCost {
				m.near = append(m.near, t)
				break
			}
		}
	}
}

// impossible is the cost of a pair outside its gate: more than any gate, and finite as the assignment needs it.
const impossible = 1e6

// matchCost is twice the negative log-likelihood that a detection shows a track: squared Mahalanobis distance of the
// centre and of the sizes, the surprise of the label, and of the embedding where both have one.
func (m *Memory) matchCost(z *measurement, t *track) float64 {
	d := z.box.Center.Sub(t.box.Center)
	// Nothing passes the gate beyond this; it spares the matrix inverse for nearly every pair.
	if reach := m.cfg.GateDistance * (trace(z.cov) + trace(t.cov)); d.Dot(d) > reach {
		return impossible
	}
	inv, ok := t.cov.plus(z.cov).inverse()
	if !ok {
		return impossible
	}
	position := d.Dot(inv.apply(d))
	if position > m.cfg.GateDistance {
		return impossible
	}
	return position + sizeCost(z, t) + m.labelCost(z, t) + embeddingCost(z.det.Embedding, t.embedding)
}

func trace(c Cov) float64 { return c[0] + c[4] + c[8] }

// sizeCost compares the extents. It saturates: a thing cut off by the picture's edge must not lose its memory.
func sizeCost(z *measurement, t *track) float64 {
	b, quarter := aligned(z.box, t.box)
	v := z.logVar
	if quarter%2 == 1 {
		v.X, v.Y = v.Y, v.X
	}
	sum := logCost(b.Size.X, t.box.Size.X, v.X+t.logVar.X) +
		logCost(b.Size.Y, t.box.Size.Y, v.Y+t.logVar.Y) +
		logCost(b.Size.Z, t.box.Size.Z, v.Z+t.logVar.Z)
	return min(sum, 9)
}

func logCost(a, b, variance float64) float64 {
	l := math.Log(a / b)
	return l * l / variance
}

// labelCost is the surprise of the detected labels, given what the track is thought to be and how often labels err.
func (m *Memory) labelCost(z *measurement, t *track) float64 {
	post, sum := 0.0, 0.0
	for _, c := range z.claims[:z.n] {
		post += c.score * t.post[c.label]
		sum += c.score
	}
	if sum == 0 {
		post, sum = t.post[z.det.Label], 1
	}
	p := (1-m.cfg.LabelNoise)*post/sum + m.cfg.LabelNoise/float64(len(t.post))
	return -2 * math.Log(p)
}

// embeddingCost is 0 for the same direction, and grows to 8 for opposite ones. Without two embeddings it is 0.
func embeddingCost(e []float32, sum []float64) float64 {
	if len(e) == 0 || len(e) != len(sum) {
		return 0
	}
	dot, ee, ss := 0.0, 0.0, 0.0
	for i, x := range e {
		dot += float64(x) * sum[i]
		ee += float64(x) * float64(x)
		ss += sum[i] * sum[i]
	}
	if ee == 0 || ss == 0 {
		return 0
	}
	return 4 * (1 - dot/math.Sqrt(ee*ss))
}
