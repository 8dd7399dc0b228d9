package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/gocv"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/record"
)

// spoken is how long an answer stays in the film.
const spoken = 4 * time.Second

// projector turns a recording into a film: the view that the networks see, only larger, with the boxes of the newest
// observation and the newest answer.
type projector struct {
	cmd    *recordExportCmd
	unpack *record.Unpacker
	film   *gocv.Writer
	head   record.Head
	view   *camera.View
	planes []float32
	canvas *image.RGBA
	frame  *camera.Frame

	seen    record.Observation
	said    []string
	silent  time.Duration // when the answer goes
	written int
	next    time.Duration // on the recording's clock, of the film's next picture
}

// exportFilm writes the film and returns how many pictures it has.
func exportFilm(ctx context.Context, c *recordExportCmd) (n int, err error) {
	r, err := record.Open(c.Recording)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	unpack, err := record.NewUnpacker()
	if err != nil {
		return 0, err
	}
	defer unpack.Close()
	p := &projector{cmd: c, unpack: unpack}
	err = p.show(ctx, r)
	if p.film != nil {
		err = errors.Join(err, p.film.Close())
	}
	if err == nil && p.written == 0 {
		err = fmt.Errorf("recording %s holds no picture", c.Recording)
	}
	return p.written, err
}

func (p *projector) show(ctx context.Context, r *record.Reader) error {
	for ctx.Err() == nil {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = p.take(rec)
		}
		if err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

func (p *projector) take(rec record.Record) (err error) {
	switch rec.Kind {
	case record.HeadKind:
		p.head, err = record.Message[record.Head](rec)
	case record.ObservationKind:
		var o record.Observation
		if o, err = record.Message[record.Observation](rec); err == nil && o.Family == "observe" {
			p.seen = o
		}
	case record.AnswerKind:
		return p.answer(rec)
	case record.PictureKind:
		pic, err := p.unpack.Picture(rec)
		if err != nil {
			return nil //nolint:nilerr // a damaged picture is passed over
		}
		return p.picture(pic)
	}
	return err
}

func (p *projector) answer(rec record.Record) error {
	note, err := record.Message[record.Answer](rec)
	if err != nil || note.Standing {
		return err
	}
	a, err := payload.DecodeAnswer(note.Answer)
	if err != nil {
		return err
	}
	text := string(a.Status) + ": " + a.Reason
	if a.Answer != nil {
		text = a.Answer.Text
	}
	asked := a.Question
	if asked == "" {
		asked = string(a.Query)
	}
	p.said, p.silent = []string{asked, text}, rec.Mono+spoken
	return nil
}

// picture writes a picture as often as the film's rate asks for.
func (p *projector) picture(pic *record.Picture) error {
	step := time.Duration(float64(time.Second) / p.cmd.FPS)
	if hole := pic.Mono - p.next; p.written == 0 || hole < -2*time.Second || hole > 2*time.Second {
		p.next = pic.Mono // the beginning, a hole, or another recording
	}
	if pic.Mono < p.next {
		return nil
	}
	if err := p.draw(pic); err != nil {
		return err
	}
	for ; p.next <= pic.Mono; p.next += step {
		if err := p.film.Write(p.frame); err != nil {
			return err
		}
		p.written++
	}
	return nil
}

// draw makes the film's picture.
func (p *projector) draw(pic *record.Picture) error {
	if err := p.fit(pic); err != nil {
		return err
	}
	f := camera.Frame{
		Width: pic.Width, Height: pic.Height, Stride: 3 * pic.Width, Format: pic.Format, Pix: pic.Pix,
	}
	if err := p.view.Apply(p.planes, &f); err != nil {
		return fmt.Errorf("rectifying picture %d: %w", pic.Seq, err)
	}
	n := len(p.planes) / 3
	for i := range n {
		for ch := range 3 {
			p.canvas.Pix[4*i+ch] = byte(255*p.planes[ch*n+i] + 0.5)
		}
		p.canvas.Pix[4*i+3] = 255
	}
	for i := range p.seen.Detections {
		p.box(&p.seen.Detections[i])
	}
	p.write(6, 14, fmt.Sprintf("%s  %d things", pic.Wall.Format("15:04:05.0"), len(p.seen.Detections)))
	if pic.Mono < p.silent {
		for i, text := range p.said {
			p.write(6, p.canvas.Rect.Dy()-8-15*(len(p.said)-1-i), text)
		}
	}
	for i := range n {
		copy(p.frame.Pix[3*i:3*i+3], p.canvas.Pix[4*i:4*i+3])
	}
	return nil
}

// fit makes view, canvas and film when the first picture tells its size, and the view anew when it changes.
func (p *projector) fit(pic *record.Picture) error {
	if p.view != nil && p.view.Calibration().Width == pic.Width && p.view.Calibration().Height == pic.Height {
		return nil
	}
	c := camera.AssumedCalibration(pic.Width, pic.Height, p.head.Camera.AssumedHFOV)
	var err error
	if lens := p.head.Camera.Lens(); lens.Width > 0 {
		if c, err = lens.Scaled(pic.Width, pic.Height); err != nil {
			return fmt.Errorf("fitting the film: %w", err)
		}
	}
	height := (p.cmd.Width*pic.Height/pic.Width + 1) &^ 1
	if p.film != nil {
		height = p.canvas.Rect.Dy()
	}
	canon := camera.Canonical{Width: p.cmd.Width, Height: height, HFOV: p.head.ViewHFOV}
	if p.view, err = camera.NewView(canon, c, camera.Mount(p.head.Camera.Mount)); err != nil || p.film != nil {
		return err
	}
	p.planes = make([]float32, 3*canon.Width*canon.Height)
	p.canvas = image.NewRGBA(image.Rect(0, 0, canon.Width, canon.Height))
	p.frame = camera.NewFrame(canon.Width, canon.Height, camera.RGB8, nil)
	p.film, err = gocv.NewWriter(p.cmd.Film, p.cmd.FPS, canon.Width, canon.Height)
	return err
}

// edges are the twelve edges of a box between its corners; the bits of a corner say on which side of x, y, z it lies.
var edges = [12][2]int{
	{0, 1}, {2, 3}, {4, 5}, {6, 7}, {0, 2}, {1, 3}, {4, 6}, {5, 7}, {0, 4}, {1, 5}, {2, 6}, {3, 7},
}

// box draws a detection and its name.
func (p *projector) box(d *record.Detection) {
	ink := palette(d.Label)
	var corners [8]image.Point
	var seen [8]bool
	top := image.Pt(0, math.MaxInt)
	for i := range corners {
		corners[i], seen[i] = p.project(corner(d, i))
		if seen[i] && corners[i].Y < top.Y {
			top = corners[i]
		}
	}
	for _, e := range edges {
		if seen[e[0]] && seen[e[1]] {
			p.line(corners[e[0]], corners[e[1]], ink)
		}
	}
	if top.Y < math.MaxInt && d.Label >= 0 && d.Label < len(p.head.Labels) {
		name := fmt.Sprintf("%s %.0f%%", p.head.Labels[d.Label], 100*d.Score)
		p.write(min(max(top.X, 2), p.canvas.Rect.Dx()-80), max(top.Y-4, 28), name)
	}
}

// corner is a corner of a box in base_link.
func corner(d *record.Detection, i int) [3]float64 {
	var half [3]float64
	for axis := range half {
		half[axis] = d.Size[axis] / 2
		if i>>axis&1 == 0 {
			half[axis] = -half[axis]
		}
	}
	sin, cos := math.Sincos(d.Yaw)
	return [3]float64{
		d.Center[0] + cos*half[0] - sin*half[1], d.Center[1] + sin*half[0] + cos*half[1], d.Center[2] + half[2],
	}
}

// project finds a point of base_link in the film; false behind the camera, or far outside of the picture.
func (p *projector) project(at [3]float64) (image.Point, bool) {
	m, c := p.view.Mount(), p.view.Canonical()
	sin, cos := math.Sincos(m.Yaw)
	x, y := at[0]-m.X, at[1]-m.Y
	u, v, inside := p.view.Project([3]float64{cos*x + sin*y, cos*y - sin*x, at[2] - max(m.Height, 0)})
	far := float64(4 * (c.Width + c.Height))
	ahead := inside || u != 0 || v != 0
	return image.Pt(int(u), int(v)), ahead && math.Abs(u) < far && math.Abs(v) < far
}

func (p *projector) line(a, b image.Point, ink color.RGBA) {
	steps := max(abs(b.X-a.X), abs(b.Y-a.Y), 1)
	for i := range steps + 1 {
		at := image.Pt(a.X+(b.X-a.X)*i/steps, a.Y+(b.Y-a.Y)*i/steps)
		if at.In(p.canvas.Rect) {
			p.canvas.SetRGBA(at.X, at.Y, ink)
		}
	}
}

func abs(n int) int { return max(n, -n) }

// write writes a text with a dark edge, so that it can be read on anything.
func (p *projector) write(x, y int, text string) {
	for _, pen := range []struct {
		dx, dy int
		ink    color.Color
	}{{1, 1, color.Black}, {-1, 0, color.Black}, {0, 0, color.White}} {
		d := font.Drawer{
			Dst: p.canvas, Src: image.NewUniform(pen.ink), Face: basicfont.Face7x13, Dot: fixed.P(x+pen.dx, y+pen.dy),
		}
		d.DrawString(text)
	}
}

// palette gives each label a colour of its own.
func palette(label int) color.RGBA {
	hue := math.Mod(float64(label)*0.618, 1) * 6
	shade := func(offset float64) byte {
		k := math.Mod(hue+offset, 6)
		return byte(255 * (1 - max(0, min(k, 4-k, 1))*0.85))
	}
	return color.RGBA{shade(5), shade(3), shade(1), 255}
}
