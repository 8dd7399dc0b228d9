//go:build amd64 || arm64

package camera

// remapVector is plain in vector instructions, and gives the same bits. It writes n output pixels to first, second and
// third; pixels and weights point to those of the first one, run is the index of its first run in runs. Of each run it
// reads up to 25 bytes beyond.
//
//go:noescape
func remapVector(
	first, second, third *float32, pixels *viewPixel, n int, runs *viewRun, run int, weights *uint16, pix *byte, stride int,
)
