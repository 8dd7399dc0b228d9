package camera

import (
	"encoding/binary"
	"math"
	"math/bits"
	"time"
)

// sight is what an inspection says about one picture.
type sight uint8

const (
	sound  sight = iota
	stale        // the same as the one before for a while: it shows nothing new, and may not show the present
	frozen       // the same for too long: the camera must be opened again
	dark         // nothing can be recognised
)

// The sparse sample of a picture: a grid of points, each with neighbours to its right at a short and at a long
// distance. The distances are shares of the width, so that a large and a small picture of a scene are judged alike.
const (
	sampleCols = 48
	sampleRows = 27
	shortShare = 160 // the short distance is one part in so many of the width
	longTimes  = 8   // the long distance is so many short ones
	sampleEdge = 8   // narrower or lower pictures are not judged
)

// What makes a picture black or blurred. Brightness is the mean of the three colours, 0 to 255.
const (
	blackMean  = 20.0 // black of video levels is 16
	blackPoint = 40   // brighter points are something to see
	blackShare = 0.005
	// Across an edge, the mean square of the difference grows with the distance in a sharp picture, with its square in a
	// blurred one: the short distance then shows 1/8 or 1/64 of what the long one does. Without any contrast, as before a
	// white wall, there is nothing to judge.
	blurRatio    = 0.035
	blurContrast = 100.0 // mean square at the long distance, 10 grey levels
)

// glance is what a few thousand bytes of a picture tell.
type glance struct {
	digest      uint64
	brightness  float64 // mean
	bright      float64 // share of the points brighter than blackPoint
	short, long float64 // mean squares of differences
}

// look takes the sample of a picture. It is false for pictures too small to judge.
func look(f *Frame) (glance, bool) {
	if f.Width < sampleEdge || f.Height < sampleEdge || f.Stride < 3*f.Width || len(f.Pix) < f.Stride*f.Height {
		return glance{}, false
	}
	near := max(1, f.Width/shortShare)
	far := min(longTimes*near, f.Width-4)
	span := f.Width - far - 2 // two bytes are read beyond the third colour
	var sum, bright, short, long uint64
	digest := uint64(f.Width)<<32 | uint64(f.Height)
	for row := range sampleRows {
		line := f.Pix[(2*row+1)*f.Height/(2*sampleRows)*f.Stride:]
		for col := range sampleCols {
			at := 3 * (col * span / sampleCols)
			both := binary.LittleEndian.Uint64(line[at:]) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(line[at+3*far:]), 23)
			digest = bits.RotateLeft64((digest^both)*0x9e3779b97f4a7c15, 29)
			value := grey(line[at:])
			d, e := value-grey(line[at+3*near:]), value-grey(line[at+3*far:])
			short, long, sum = short+uint64(d*d), long+uint64(e*e), sum+uint64(value)
			if value > 3*blackPoint {
				bright++
			}
		}
	}
	const points = sampleCols * sampleRows
	return glance{
		digest: digest, brightness: float64(sum) / (3 * points), bright: float64(bright) / points,
		short: float64(short) / (9 * points), long: float64(long) / (9 * points),
	}, true
}

// grey is the sum of the three colours of a pixel.
func grey(pixel []byte) int { return int(pixel[0]) + int(pixel[1]) + int(pixel[2]) }

func (g glance) black() bool { return g.brightness < blackMean && g.bright < blackShare }

func (g glance) blurred() bool { return g.long >= blurContrast && g.short < blurRatio*g.long }

// lasting tells what goes on from what happens once: a hand before the lens, a quick turn. It follows the share of the
// last second or so in which something was true.
type lasting struct {
	share float64
	on    bool
}

// Since and until which share something lasts.
const (
	lastsAbove = 0.8
	lastsBelow = 0.3
)

func (l *lasting) note(is bool, since time.Duration) bool {
	target := 0.0
	if is {
		target = 1
	}
	l.share += (target - l.share) * (1 - math.Exp(-since.Seconds()))
	l.on = l.share > lastsAbove || (l.on && l.share >= lastsBelow)
	return l.on
}

// inspector judges the pictures of one camera, one after the other, across openings. It allocates nothing.
type inspector struct {
	freezeAfter time.Duration // zero never calls a camera frozen

	last    time.Time // arrival of the picture before
	digest  uint64
	known   bool      // there is a picture before
	changed time.Time // when the picture last changed
	repeats int
	suspect bool // the camera froze and was opened again, but shows the same picture still

	black, blur lasting
}

// A camera is frozen after so many repetitions at least: slow cameras need longer than freezeAfter.
const minRepeats = 2

// reopen prepares for the first picture of a new opening. A camera that froze before is watched more closely.
func (i *inspector) reopen(froze bool, now time.Time) {
	i.known = i.known && froze
	i.suspect, i.changed, i.repeats, i.last = i.known, now, 0, now
}

// judge looks at the next picture.
func (i *inspector) judge(f *Frame, now time.Time) sight {
	g, ok := look(f)
	if !ok {
		return sound
	}
	since := min(max(now.Sub(i.last), 0), 500*time.Millisecond)
	i.last = now
	black := g.black()
	i.black.note(black, since)
	i.blur.note(!black && g.blurred(), since)
	verdict := i.compare(g.digest, now)
	if verdict == sound && black {
		return dark
	}
	return verdict
}

// compare tells a new picture from a repetition. A few repetitions are no trouble: some pipelines fill gaps so.
func (i *inspector) compare(digest uint64, now time.Time) sight {
	if !i.known || digest != i.digest {
		i.digest, i.known, i.changed, i.repeats, i.suspect = digest, true, now, 0, false
		return sound
	}
	if i.freezeAfter <= 0 {
		return sound
	}
	i.repeats++
	limit := i.freezeAfter
	if i.suspect {
		limit /= 2
	}
	age := now.Sub(i.changed)
	switch {
	case i.repeats >= minRepeats && age >= limit:
		return frozen
	case i.suspect || age >= limit/4:
		return stale
	}
	return sound
}

// monotone corrects the capture times of a camera whose clock jumps back, as drivers do when they reset.
type monotone struct {
	last, shift time.Duration
	any         bool
}

// correct returns the capture time to take for one that a driver gave, and by how much it had jumped back against the
// one before. After a jump the distances are kept, but no time lies ahead of now.
func (m *monotone) correct(given, now time.Duration) (taken, jump time.Duration) {
	taken = given + m.shift
	if m.shift > 0 {
		taken = min(taken, max(now, m.last+1))
	}
	if m.any && taken < m.last {
		jump = m.last - taken
		taken = max(now, m.last+1)
		m.shift = taken - given
	}
	m.last, m.any = taken, true
	return taken, jump
}
