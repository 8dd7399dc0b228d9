package scene

import "math"

// Sectors is the number of equal sectors that the floor around the robot is divided into.
const Sectors = 36

// FreeRange is the distance, in metres, up to which free space is told.
const FreeRange = 5.0

// Heights above the floor, in metres, between which a surface is in a robot's way.
const (
	obstacleLow  = 0.12
	obstacleHigh = 1.5
)

// Sector is the free floor in one direction.
type Sector struct {
	Known   bool    // false where nothing is known about the floor: that is not the same as free
	Free    float64 // m from base_link without an obstacle, at most FreeRange; 0 when not known
	FreeVar float64 // m², variance of Free; 0 when not known
}

// FreeSpace is the floor around base_link where the robot is now, put together from everything that the camera has
// seen of it. Sector i begins at the bearing i·2π/Sectors - π and is 2π/Sectors wide.
type FreeSpace [Sectors]Sector

// SectorOf returns the sector that holds a bearing in radians, left positive.
func SectorOf(bearing float64) int {
	i := int((WrapAngle(bearing) + math.Pi) / (2 * math.Pi) * Sectors)
	return i % Sectors
}

// rays is how many lines of sight probe one sector.
const rays = 5

// around returns the free space about a pose of the robot.
func (g *ground) around(robot Pose) FreeSpace {
	var out FreeSpace
	if g.cells == nil {
		return out
	}
	const width = 2 * math.Pi / Sectors
	for i := range out {
		known := 0
		var s Sector
		for k := range rays {
			heading := robot.Yaw - math.Pi + width*(float64(i)+(float64(k)+0.5)/rays)
			r, ok := g.probe(robot, heading)
			if !ok {
				continue
			}
			if known == 0 || r.Free < s.Free {
				s = r
			}
			known++
		}
		if 2*known > rays {
			out[i] = s
		}
	}
	return out
}

// probe walks from the robot until something stands in the way or nothing is known any more. What the camera is too
// high to see at the robot's feet counts as walked over, but does not alone make the direction known.
func (g *ground) probe(robot Pose, heading float64) (Sector, bool) {
	sin, cos := math.Sincos(heading)
	var s Sector
	gap := 0.0
	for r := ownRadius; r < FreeRange; r += cellSize / 2 {
		odds, spread := g.read(robot.X+r*cos, robot.Y+r*sin)
		switch {
		case odds > oddsKnown:
			return Sector{Known: true, Free: r, FreeVar: spread + cellSize*cellSize/12}, true
		case odds < -oddsKnown:
			s = Sector{Known: true, Free: r, FreeVar: spread + cellSize*cellSize/12}
			gap = 0
		default:
			gap += cellSize / 2
		}
		if gap > 2*cellSize && r > g.near {
			break
		}
	}
	if s.Free > FreeRange-cellSize {
		s.Free = FreeRange
	}
	return s, s.Known && s.Free > ownRadius+cellSize
}

// point returns the place of a depth cell's surface, in the frame of the eye's pose.
func (e *eye) point(col, row int, depth float64) Vec3 {
	u := (float64(col)+0.5)/float64(e.view.Cols)*2 - 1
	v := (float64(row)+0.5)/float64(e.view.Rows)*2 - 1
	right, down := u*e.tanH, v*e.tanV
	ray := Vec3{e.cos - down*e.sin, -right, -e.sin - down*e.cos}
	ray = ray.Scale(depth / ray.Norm())
	return Box{Center: e.origin, Yaw: e.yaw}.fromLocal(ray)
}

// RoomEstimate is the enclosing room; zero extents are unknown.
type RoomEstimate struct {
	Length, Width, Height float64 // m
	Area                  float64 // m²
	// Variances of the natural logarithms of the extents above, 0 where the extent is unknown.
	LengthVar, WidthVar, HeightVar, AreaVar float64
}

// roomEstimate averages what observations say of the room, in logarithms, weighted by their certainty. Observations
// of one room repeat most of each other's error, which no number of them averages away.
type roomEstimate struct {
	sum   [4]float64 // weighted logarithms of length, width, height, area
	known [4]float64 // weight behind each
	once  float64    // variance of one observation's logarithms, a running mean; 0 before the first
}

// roomShare is the share of one observation's variance that all observations of a room have in common. onceGain is how
// fast the running mean of that variance follows.
const roomShare, onceGain = 0.65, 0.1

// maxRoomWeight is the certainty at which older observations begin to fade: a standard deviation of 5 %.
const maxRoomWeight = 400

func (r *roomEstimate) add(room Room) {
	if room.Area <= 0 {
		return
	}
	w := 1 / (room.LogVar + 1e-2)
	if r.once == 0 {
		r.once = 1 / w
	}
	r.once += onceGain * (1/w - r.once)
	for i, x := range [4]float64{room.Length, room.Width, room.Height, room.Area} {
		if x <= 0 {
			continue
		}
		if over := r.known[i] + w - maxRoomWeight; over > 0 && r.known[i] > 0 {
			fade := max(1-over/r.known[i], 0)
			r.known[i] *= fade
			r.sum[i] *= fade
		}
		r.known[i] += w
		r.sum[i] += w * math.Log(x)
	}
}

func (r *roomEstimate) estimate() RoomEstimate {
	value := func(i int) (extent, variance float64) {
		if r.known[i] == 0 {
			return 0, 0
		}
		return math.Exp(r.sum[i] / r.known[i]), max(1/r.known[i], roomShare*r.once)
	}
	var out RoomEstimate
	out.Length, out.LengthVar = value(0)
	out.Width, out.WidthVar = value(1)
	out.Height, out.HeightVar = value(2)
	out.Area, out.AreaVar = value(3)
	return out
}

const headings = 72

// coverage remembers in which directions of map the camera has looked, and from where.
type coverage struct {
	seen [headings]bool
	from [headings]Vec3
}

// look marks the directions inside the field of view.
func (c *coverage) look(robot Pose, v View) {
	center := robot.Yaw + v.Yaw
	for i := range headings {
		heading := (float64(i) + 0.5) * 2 * math.Pi / headings
		if math.Abs(WrapAngle(heading-center)) <= v.HFOV/2 {
			c.seen[i], c.from[i] = true, Vec3{robot.X, robot.Y, 0}
		}
	}
}

// share returns how much of the full circle was looked at from within radius of where the robot is.
func (c *coverage) share(robot Pose, radius float64) float64 {
	n := 0
	for i := range headings {
		if c.seen[i] && math.Hypot(c.from[i].X-robot.X, c.from[i].Y-robot.Y) <= radius {
			n++
		}
	}
	return float64(n) / headings
}
