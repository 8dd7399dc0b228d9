package camera

// The grid of a Stillness, and the points of a cell that are looked at along each axis.
const (
	stillCols, stillRows = 32, 24
	stillPoints          = 4
)

// StillLevels is by how many of 255 levels the mean of one cell, over its three colours, must differ to be a change.
// The noise of a mean of 48 values is a seventh of that of one.
const StillLevels = 8

// Stillness tells whether pictures still show what a reference picture showed: the mean brightness of none of 32 x 24
// cells has changed by more than StillLevels. It looks at a few bytes of each cell and allocates nothing. The zero
// value has no reference, and everything is a change.
type Stillness struct {
	width, height int
	reference     [stillRows * stillCols]int32
	now           [stillRows * stillCols]int32
}

// Changed tells whether a picture differs from the reference. Pictures too small for the grid always do.
func (s *Stillness) Changed(f *Frame) bool {
	if f.Width < stillCols*stillPoints || f.Height < stillRows*stillPoints ||
		f.Stride < 3*f.Width || len(f.Pix) < f.Height*f.Stride {
		s.width = 0
		return true
	}
	s.look(f)
	if f.Width != s.width || f.Height != s.height {
		return true
	}
	const most = 3 * StillLevels * stillPoints * stillPoints
	for i, v := range &s.now {
		if d := v - s.reference[i]; d > most || d < -most {
			return true
		}
	}
	return false
}

// Keep makes the picture that Changed saw last the reference.
func (s *Stillness) Keep(f *Frame) { s.reference, s.width, s.height = s.now, f.Width, f.Height }

// look sums up the points of each cell, spread evenly over the picture.
func (s *Stillness) look(f *Frame) {
	const across, down = stillCols * stillPoints, stillRows * stillPoints
	s.now = [stillRows * stillCols]int32{}
	for y := range down {
		line := f.Pix[(2*y+1)*f.Height/(2*down)*f.Stride:]
		cells := s.now[y/stillPoints*stillCols:][:stillCols]
		for x := range across {
			at := 3 * ((2*x + 1) * f.Width / (2 * across))
			cells[x/stillPoints] += int32(line[at]) + int32(line[at+1]) + int32(line[at+2])
		}
	}
}
