//go:build amd64 || arm64

package camera

// remapVector is plain in vector instructions, and gives the same bits. Of each run it reads up to 25 bytes beyond.
//
//go:noescape
func remapVector(w *vectorWork)
