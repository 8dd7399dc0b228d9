package scene

import (
	"math"
	"slices"
	"time"
)

const (
	goneKept   = 32               // things remembered after their place was seen empty
	goneTime   = 10 * time.Minute // for so long
	moveCost   = 14.0             // cost of the looks up to which a thing elsewhere is the same
	moveMargin = 3.0              // by which every other candidate must be worse
)

// recognise gives a thing that was just confirmed the identity of one that is gone from its place and looks the same.
// It reports whether there is one.
func (m *Memory) recognise(t *track) bool {
	var found *track
	least, second := moveCost, math.Inf(1)
	consider := func(g *track) {
		if g == t || g.lastMono >= t.firstMono || t.lastMono-g.lastMono > goneTime {
			return
		}
		switch cost := m.looks(g, t); {
		case cost < least:
			found, least, second = g, cost, least
		case cost < second:
			second = cost
		}
	}
	for _, g := range m.gone.list {
		consider(g)
	}
	for _, g := range m.tracks {
		if g.confirmed && !g.dead && g.logOdds < 0 {
			consider(g)
		}
	}
	if found == nil || second != moveCost && second-least < moveMargin {
		return false
	}
	m.become(t, found)
	return true
}

// missed keeps a thing whose place was seen empty for the case that it shows elsewhere, unless it has done so already.
func (m *Memory) missed(t *track) {
	var found *track
	least, second := moveCost, math.Inf(1)
	for _, b := range m.tracks {
		if b == t || b.dead || !b.confirmed || b.firstMono <= t.lastMono || b.number < t.number {
			continue
		}
		switch cost := m.looks(t, b); {
		case cost < least:
			found, least, second = b, cost, least
		case cost < second:
			second = cost
		}
	}
	if found != nil && (second == moveCost || second-least >= moveMargin) {
		m.become(found, t)
		return
	}
	m.depart(t)
}

// become makes a track the continuation of another one.
func (m *Memory) become(t, was *track) {
	t.number = was.number
	t.first, t.firstMono = was.first, was.firstMono
	t.hits += was.hits
	t.moved, t.movedFrom = was.moved, was.movedFrom
	if t.box.Center.Sub(was.box.Center).Norm() > max(halfSize(t.box), 0.3) {
		t.moved, t.movedFrom = t.last, was.box.Center
		m.stats.Moved++
	}
	was.confirmed, was.dead = false, true // what goes on in t is not counted as forgotten
	if was.kept {
		m.gone.list = slices.DeleteFunc(m.gone.list, func(g *track) bool { return g == was })
		m.release(was)
	}
}

// release gives a track that left the list of those gone back for another thing.
func (m *Memory) release(t *track) {
	t.kept = false
	m.spare = append(m.spare, t)
}

// leastAlike is the overlap that the labels of one thing have at least, however little is known of them.
const leastAlike = 0.5

// looks is how unlike two tracks are, wherever they stand: label, colour, size and embedding.
func (m *Memory) looks(a, b *track) float64 {
	label := unlike(a.post, b.post)
	if label > -4*math.Log(leastAlike) {
		return impossible
	}
	cost := label + unlike(shares(&probabilities{}, a.colors), shares(&probabilities{}, b.colors)) + sizeUnlike(a, b)
	if len(a.embedding) > 0 && len(a.embedding) == len(b.embedding) {
		cost += 8 * (1 - cosine(a.embedding, b.embedding))
	}
	return cost
}

// unlike is 0 for equal distributions and grows as they overlap less; 0 where one is not known.
func unlike(p, q []float64) float64 {
	if len(p) != len(q) || len(p) == 0 {
		return 0
	}
	sum := 0.0
	for i := range p {
		sum += math.Sqrt(p[i] * q[i])
	}
	return -4 * math.Log(max(sum, 1e-9))
}

func sizeUnlike(a, b *track) float64 {
	const floor = 0.02 // extents of one thing seen from two sides differ by some 10 %
	c, quarter := aligned(b.box, a.box)
	v := b.logVar
	if quarter%2 == 1 {
		v.X, v.Y = v.Y, v.X
	}
	// The heading of a thing that was moved is free, so the better of both ways round counts.
	sides := func(x, y, vx, vy float64) float64 {
		return logCost(x, a.box.Size.X, vx+a.logVar.X+floor) + logCost(y, a.box.Size.Y, vy+a.logVar.Y+floor)
	}
	return min(sides(c.Size.X, c.Size.Y, v.X, v.Y), sides(c.Size.Y, c.Size.X, v.Y, v.X)) +
		logCost(c.Size.Z, a.box.Size.Z, v.Z+a.logVar.Z+floor)
}

func cosine(a, b []float64) float64 {
	dot, aa, bb := 0.0, 0.0, 0.0
	for i := range a {
		dot += a[i] * b[i]
		aa += a[i] * a[i]
		bb += b[i] * b[i]
	}
	if aa == 0 || bb == 0 {
		return 1
	}
	return dot / math.Sqrt(aa*bb)
}

// departed holds the tracks of things whose place was seen empty, the newest last. They are dead, but their memory is
// not used again before they leave the list.
type departed struct{ list []*track }

// depart keeps a thing that is gone, in place of the one that is gone for longest when there are too many.
func (m *Memory) depart(t *track) {
	if len(m.gone.list) == goneKept {
		m.release(m.gone.list[0])
		copy(m.gone.list, m.gone.list[1:])
		m.gone.list = m.gone.list[:goneKept-1]
	}
	t.kept = true
	m.gone.list = append(m.gone.list, t)
}
