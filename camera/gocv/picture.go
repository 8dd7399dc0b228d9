//go:build cgo

package gocv

import (
	"fmt"
	"sync"

	cv "gocv.io/x/gocv"

	"github.com/vega-edge/vegad/camera"
)

// picture is a frame whose bytes lie where OpenCV decodes to, so that nobody copies them.
type picture struct {
	mat   cv.Mat
	frame *camera.Frame
}

// pictures lends pictures and takes them back when their frames are released, also after the source was closed: then
// their memory is freed. It is safe for concurrent use.
type pictures struct {
	mu     sync.Mutex
	free   []*picture
	closed bool
}

// take lends a picture; its bytes are those of an earlier one. It never blocks: with no idle one it makes another.
func (p *pictures) take() *picture {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		lent := p.free[n-1]
		p.free = p.free[:n-1]
		lent.frame.Reuse()
		lent.frame.Seq = 0
		return lent
	}
	made := &picture{mat: cv.NewMat()}
	made.frame = camera.NewLoan(camera.BGR8, func(*camera.Frame) { p.takeBack(made) })
	return made
}

func (p *pictures) takeBack(lent *picture) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.free) >= poolSize {
		_ = lent.mat.Close() // it reports nothing
		return
	}
	p.free = append(p.free, lent)
}

// close frees what is not lent now; the rest is freed when it comes back.
func (p *pictures) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, idle := range p.free {
		_ = idle.mat.Close()
	}
	p.free = nil
}

// fit makes the frame show what was decoded.
func (p *picture) fit() error {
	bytes, err := p.mat.DataPtrUint8()
	if err != nil {
		return fmt.Errorf("looking at the picture: %w", err)
	}
	width, height := p.mat.Cols(), p.mat.Rows()
	if width < 1 || height < 1 || len(bytes) != 3*width*height {
		return fmt.Errorf("picture of %dx%d holds %d bytes: %w", width, height, len(bytes), camera.ErrDamaged)
	}
	f := p.frame
	f.Width, f.Height, f.Stride, f.Pix = width, height, 3*width, bytes
	return nil
}
