package scene

import "math"

// apart remembers with which neighbours a track was seen side by side in one picture: those are other things.
type apart [4]struct {
	serial uint64
	times  int
}

// apartTimes is how often two tracks must show in one picture to be two things for good.
const apartTimes = 2

// note counts a picture that shows the neighbour too. The least proven neighbour makes room for a new one.
func (a *apart) note(serial uint64) {
	least := 0
	for i := range a {
		if a[i].serial == serial {
			a[i].times = min(a[i].times+1, apartTimes)
			return
		}
		if a[i].times < a[least].times {
			least = i
		}
	}
	a[least].serial, a[least].times = serial, 1
}

func (a *apart) proven(serial uint64) bool {
	for i := range a {
		if a[i].serial == serial {
			return a[i].times >= apartTimes
		}
	}
	return false
}

// tellApart notes the pairs of neighbours that this picture shows as two.
func (m *Memory) tellApart() {
	for r := range m.meas {
		a := m.meas[r].track
		for s := range r {
			b := m.meas[s].track
			if a == b || a == nil || b == nil {
				continue
			}
			if d := a.box.Center.Sub(b.box.Center).Norm(); d < a.box.Longest()+b.box.Longest() {
				a.apart.note(b.serial)
				b.apart.note(a.serial)
			}
		}
	}
}

// mergeDuplicates joins tracks that turn out to be one thing. Only tracks seen just now can have moved onto another
// one, so only those are compared with the rest.
func (m *Memory) mergeDuplicates() {
	for r := range m.meas {
		t := m.meas[r].track
		for _, other := range m.tracks {
			if t == other || t.dead || other.dead || !m.duplicates(t, other) {
				continue
			}
			keep, drop := t, other
			if older(drop, keep) {
				keep, drop = drop, keep
			}
			keep.absorb(drop)
			drop.dead = true
			m.redirect(drop, keep)
			m.stats.Merged++
			t = keep
		}
	}
}

// older says which of two tracks keeps its identity: the confirmed one, then the one seen first.
func older(a, b *track) bool {
	if a.confirmed != b.confirmed {
		return a.confirmed
	}
	return a.firstMono < b.firstMono
}

// duplicates says whether two tracks are one thing: they share most of their volume, or carry the same label with
// centres closer than half their size, or carry two labels but lie on each other within their uncertainty. What one
// picture showed as two stays two unless both nearly coincide.
func (m *Memory) duplicates(a, b *track) bool {
	d := a.box.Center.Sub(b.box.Center)
	if math.Abs(d.X)+math.Abs(d.Y) > a.box.Longest()+b.box.Longest() {
		return false
	}
	iou := IoU(a.box, b.box)
	if a.lastMono == b.lastMono || a.apart.proven(b.serial) {
		return iou > 0.7
	}
	if iou > 0.55 {
		return true
	}
	if a.label() == b.label() {
		return iou > 0.3 || d.Norm() < min(halfSize(a.box), halfSize(b.box))
	}
	inv, ok := a.cov.plus(b.cov).inverse()
	return ok && iou > claimOverlap && d.Dot(inv.apply(d)) < 9
}

// halfSize is half of the mean horizontal extent.
func halfSize(b Box) float64 { return (b.Size.X + b.Size.Y) / 4 }

// redirect makes the detections of one track those of another.
func (m *Memory) redirect(from, to *track) {
	for r := range m.meas {
		if m.meas[r].track == from {
			m.meas[r].track = to
		}
	}
}

// absorb takes over everything that other, the same thing tracked twice, knows.
func (t *track) absorb(other *track) {
	z := measurement{box: other.box, cov: other.cov, logVar: other.logVar, yawVar: other.yawVar}
	t.correctCenter(&z)
	t.correctShape(&z)
	for i, e := range other.labels {
		t.labels[i] += e
	}
	t.normalise()
	for i, c := range other.colors {
		t.colors[i] += c
	}
	if len(t.embedding) == len(other.embedding) {
		for i, x := range other.embedding {
			t.embedding[i] += x
		}
	}
	t.logOdds = max(t.logOdds, other.logOdds)
	t.hits += other.hits
	if other.lastMono > t.lastMono {
		t.last, t.lastMono = other.last, other.lastMono
	}
	if other.firstMono < t.firstMono {
		t.first, t.firstMono = other.first, other.firstMono
	}
}

// splitTimes is how many pictures in a row must show two things where one is remembered.
const splitTimes = 2

// splitWide divides what was taken for one thing and is two: things seen side by side from afar, or through a poor
// first look. The track keeps one of them, the other one counts as seen as long as it.
func (m *Memory) splitWide() {
	for _, t := range m.tracks {
		if t.dead || !t.confirmed {
			continue
		}
		a, b := m.within(t)
		if b == nil {
			if a != nil {
				t.wide = 0
			}
			continue
		}
		if t.wide++; t.wide >= splitTimes {
			m.split(t, a, b)
		}
	}
}

// within returns two measurements that lie beside each other within a track of the same kind, nil where there are
// none. The track's own one comes first.
func (m *Memory) within(t *track) (a, b *measurement) {
	for r := range m.meas {
		z := &m.meas[r]
		if z.track == t {
			a, b = z, a
			continue
		}
		if z.track == nil || z.track.dead || !covers(t, z) {
			continue
		}
		if a == nil {
			a = z
		} else if b == nil {
			b = z
		}
	}
	if a == nil || b == nil || !beside(a, b, t) {
		return a, nil
	}
	return a, b
}

// covers says whether a measurement is a part of a track: inside, clearly smaller, and of its kind.
func covers(t *track, z *measurement) bool {
	c := z.box.Center
	return t.post[z.det.Label] > 0.2 && z.box.Volume() < 0.75*t.box.Volume() &&
		t.box.ContainsXY(c.X, c.Y, 0) && c.Z > t.box.Bottom() && c.Z < t.box.Top()
}

// beside says whether two measurements are two things that fill a track together.
func beside(a, b *measurement, t *track) bool {
	sum := a.box.Volume() + b.box.Volume()
	return covers(t, a) && covers(t, b) && IoU(a.box, b.box) < 0.1 && sum > 0.4*t.box.Volume() && sum < 1.6*t.box.Volume()
}

// split gives the track what a shows, and the other measurement's track its age.
func (m *Memory) split(t *track, a, b *measurement) {
	if a.track != t {
		a.track.dead = true
		m.redirect(a.track, t)
		t.logOdds = max(t.logOdds, a.track.logOdds)
		t.last, t.lastMono = a.track.last, a.track.lastMono
	}
	t.box, t.cov, t.logVar, t.yawVar = a.box, a.cov, a.logVar, a.yawVar
	t.wide = 0
	if b.track.firstMono > t.firstMono {
		b.track.first, b.track.firstMono = t.first, t.firstMono
	}
	t.apart.note(b.track.serial)
	b.track.apart.note(t.serial)
	m.stats.Split++
}
