//go:build !amd64 && !arm64

package camera

// vectors is false: there is no vector form for this processor.
func vectors() bool { return false }

// remapVector is never called.
func remapVector(*vectorWork) {}
