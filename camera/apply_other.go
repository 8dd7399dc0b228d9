//go:build !amd64 && !arm64

package camera

// vectors is false: there is no vector form for this processor.
func vectors() bool { return false }

// remapVector is never called.
func remapVector(_, _, _ *float32, _ *viewPixel, _ int, _ *viewRun, _ int, _ *uint16, _ *byte, _ int) {
}
