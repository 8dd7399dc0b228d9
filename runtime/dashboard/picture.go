package dashboard

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"sync"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// quality of the pictures: artefacts are just visible at edges.
const quality = 80

// Eye is one way that the robot sees: the view that its networks see, and what the camera is.
type Eye struct {
	Name        string
	Calibrated  bool
	View        camera.Canonical
	Calibration camera.Calibration // zero: AssumedHFOV, in radians, is taken for pictures of any size
	AssumedHFOV float64
	Mount       camera.Mount
}

// painter turns frames into pictures for the page: rectified as the networks see them, only larger.
type painter struct {
	place  int // of the camera
	eye    Eye
	width  int
	period time.Duration
	due    time.Duration // capture time of the next picture; belongs to offer
	wake   chan struct{} // capacity 1

	mu          sync.Mutex // guards the two frames
	next, spare *camera.Frame
	fresh       bool

	// What follows belongs to the goroutine that paints.
	view   *camera.View
	planes []float32
	image  *image.YCbCr
	number uint64
}

func newPainter(place int, eye Eye, width int, fps float64) *painter {
	return &painter{
		place: place, eye: eye, width: width, period: time.Duration(float64(time.Second) / fps),
		wake: make(chan struct{}, 1),
	}
}

// offer copies a frame if a picture is due. What was not painted yet is replaced.
func (p *painter) offer(f *camera.Frame) {
	if f.Mono < p.due {
		return
	}
	p.due = max(p.due+p.period, f.Mono+p.period/2)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == nil || p.next.Width != f.Width || p.next.Height != f.Height {
		p.next = camera.NewFrame(f.Width, f.Height, f.Format, nil)
	}
	n := p.next
	n.Seq, n.Mono, n.Wall, n.Format = f.Seq, f.Mono, f.Wall, f.Format
	for y := range f.Height {
		copy(n.Pix[y*n.Stride:(y+1)*n.Stride], f.Pix[y*f.Stride:y*f.Stride+3*f.Width])
	}
	p.fresh = true
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// take returns the newest frame, which the caller may use until the next call.
func (p *painter) take() (*camera.Frame, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.fresh {
		return nil, false
	}
	p.fresh = false
	p.next, p.spare = p.spare, p.next
	return p.spare, true
}

// pictureHeader stands before the bytes of a picture.
type pictureHeader struct {
	Type        string       `json:"type"` // picture
	Camera      int          `json:"camera"`
	Number      uint64       `json:"number"`
	Seq         uint64       `json:"seq"` // of the frame
	CaptureTime payload.Time `json:"captureTime"`
	Width       int          `json:"width"`
	Height      int          `json:"height"`
}

// paint makes a JPEG of a frame.
func (p *painter) paint(f *camera.Frame) (pictureHeader, []byte, error) {
	if err := p.fit(f); err != nil {
		return pictureHeader{}, nil, err
	}
	if err := p.view.Apply(p.planes, f); err != nil {
		return pictureHeader{}, nil, fmt.Errorf("rectifying a picture: %w", err)
	}
	shade(p.image, p.planes)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, p.image, &jpeg.Options{Quality: quality}); err != nil {
		return pictureHeader{}, nil, fmt.Errorf("encoding a picture: %w", err)
	}
	p.number++
	size := p.image.Rect.Size()
	return pictureHeader{
		Type: "picture", Camera: p.place, Number: p.number, Seq: f.Seq, CaptureTime: payload.Time{Time: f.Wall},
		Width: size.X, Height: size.Y,
	}, out.Bytes(), nil
}

// fit makes the view for frames of a size that is new.
func (p *painter) fit(f *camera.Frame) error {
	if p.view != nil && p.view.Calibration().Width == f.Width && p.view.Calibration().Height == f.Height {
		return nil
	}
	cal := p.eye.Calibration
	var err error
	if cal.Width == 0 {
		cal = camera.AssumedCalibration(f.Width, f.Height, p.eye.AssumedHFOV)
	} else if cal, err = cal.Scaled(f.Width, f.Height); err != nil {
		return fmt.Errorf("fitting the picture: %w", err)
	}
	c := p.eye.View
	shape := float64(c.Height) / float64(c.Width)
	c.Width = min(p.width, max(c.Width, f.Width)) &^ 1
	c.Height = int(math.Round(float64(c.Width)*shape/2)) * 2
	if p.view, err = camera.NewView(c, cal, p.eye.Mount); err != nil {
		return fmt.Errorf("fitting the picture: %w", err)
	}
	p.planes = make([]float32, 3*c.Width*c.Height)
	p.image = image.NewYCbCr(image.Rect(0, 0, c.Width, c.Height), image.YCbCrSubsampleRatio420)
	return nil
}

// shade converts planes of red, green and blue from 0 to 1, of even width and height, to what JPEG stores (JFIF): one
// brightness a pixel, one colour for four.
func shade(out *image.YCbCr, planes []float32) {
	width, height := out.Rect.Dx(), out.Rect.Dy()
	n := width * height
	red, green, blue := planes[:n], planes[n:2*n], planes[2*n:3*n]
	for y := 0; y < height; y += 2 {
		for x := 0; x < width; x += 2 {
			var r, g, b float32
			for _, at := range [4]int{y*width + x, y*width + x + 1, (y+1)*width + x, (y+1)*width + x + 1} {
				pr, pg, pb := red[at], green[at], blue[at]
				r, g, b = r+pr, g+pg, b+pb
				out.Y[at/width*out.YStride+at%width] = eight(255 * (0.299*pr + 0.587*pg + 0.114*pb))
			}
			at := y/2*out.CStride + x/2
			const quarter = 255.0 / 4
			out.Cb[at] = eight(128 + quarter*(-0.168736*r-0.331264*g+0.5*b))
			out.Cr[at] = eight(128 + quarter*(0.5*r-0.418688*g-0.081312*b))
		}
	}
}

func eight(v float32) uint8 { return uint8(min(max(v+0.5, 0), 255)) }

// show paints what a camera was offered for until ctx ends. A frame that cannot be painted is logged once.
func (s *Server) show(ctx context.Context, p *painter) {
	told := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		}
		f, ok := p.take()
		if !ok {
			continue
		}
		head, data, err := p.paint(f)
		if err != nil && !told {
			told = true
			s.log.Warn("no picture for the page", "camera", p.eye.Name, "err", err)
		}
		if err == nil {
			s.hub.put(pictureSlot, s.binary(head, data), func(v *viewer) bool { return v.hungry(p.place) })
		}
	}
}
