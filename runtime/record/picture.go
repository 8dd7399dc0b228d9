package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/vega-edge/vegad/camera"
)

// How a picture is stored.
const (
	lossless byte = 1 // filtered and packed by zstd; every byte comes back
	lossy    byte = 2 // JPEG
)

// A picture's data: sequence, wall time in nanoseconds since 1970, width, height, order of the colours, codec, and the
// packed pixels.
const (
	pictureHeader = 8 + 8 + 4 + 4 + 1 + 1
	maxSide       = 16384
	maxPixels     = 64 << 20
	jpegQuality   = 88
)

// Picture is a picture of a recording: what camera.Frame is of a camera.
type Picture struct {
	Seq           uint64
	Mono          time.Duration
	Wall          time.Time
	Width, Height int // pixels
	Format        camera.Format
	Pix           []byte // three bytes a pixel, rows without gaps
	Lossless      bool   // the pixels are those that the networks saw, to the last bit
}

// packer packs and unpacks pictures. It is used by one goroutine.
type packer struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
	work    []byte
	image   *image.RGBA
}

func newPacker() (*packer, error) {
	// Noise has no repetitions; without the last option the fastest level would take it for incompressible.
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithAllLitEntropyCompression(true))
	if err != nil {
		return nil, fmt.Errorf("preparing to pack: %w", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(3*maxPixels))
	if err != nil {
		return nil, fmt.Errorf("preparing to unpack: %w", err)
	}
	return &packer{encoder: encoder, decoder: decoder}, nil
}

// pack appends the data of a picture's record.
func (p *packer) pack(out []byte, pic *Picture) ([]byte, error) {
	codec := lossy
	if pic.Lossless {
		codec = lossless
	}
	out = binary.LittleEndian.AppendUint64(out, pic.Seq)
	out = binary.LittleEndian.AppendUint64(out, uint64(pic.Wall.UnixNano()))
	out = binary.LittleEndian.AppendUint32(out, uint32(pic.Width))
	out = binary.LittleEndian.AppendUint32(out, uint32(pic.Height))
	out = append(out, byte(pic.Format), codec)
	if codec == lossy {
		return p.packJPEG(out, pic)
	}
	p.work = grow(p.work, len(pic.Pix))
	filter(p.work, pic.Pix, 3*pic.Width)
	return p.encoder.EncodeAll(p.work, out), nil
}

func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

func (p *packer) packJPEG(out []byte, pic *Picture) ([]byte, error) {
	if p.image == nil || p.image.Rect.Dx() != pic.Width || p.image.Rect.Dy() != pic.Height {
		p.image = image.NewRGBA(image.Rect(0, 0, pic.Width, pic.Height))
	}
	red, blue := 0, 2
	if pic.Format == camera.BGR8 {
		red, blue = 2, 0
	}
	for i, j := 0, 0; i+2 < len(pic.Pix); i, j = i+3, j+4 {
		to := p.image.Pix[j : j+4]
		to[0], to[1], to[2], to[3] = pic.Pix[i+red], pic.Pix[i+1], pic.Pix[i+blue], 255
	}
	w := bytes.NewBuffer(out)
	if err := jpeg.Encode(w, p.image, &jpeg.Options{Quality: jpegQuality}); err != nil {
		return nil, fmt.Errorf("packing a picture: %w", err)
	}
	return w.Bytes(), nil
}

// errPicture marks data that no recorder has written.
var errPicture = errors.New("it is no picture")

// describe reads everything of a picture's record but its pixels.
func describe(rec Record) (*Picture, error) {
	d := rec.Data
	if len(d) < pictureHeader {
		return nil, errPicture
	}
	pic := &Picture{
		Mono: rec.Mono, Seq: binary.LittleEndian.Uint64(d),
		Wall:  time.Unix(0, int64(binary.LittleEndian.Uint64(d[8:]))).UTC(),
		Width: int(binary.LittleEndian.Uint32(d[16:])), Height: int(binary.LittleEndian.Uint32(d[20:])),
		Format: camera.Format(d[24]), Lossless: d[25] == lossless,
	}
	if pic.Width < 1 || pic.Height < 1 || pic.Width > maxSide || pic.Height > maxSide ||
		pic.Width*pic.Height > maxPixels || pic.Format > camera.RGB8 {
		return nil, errPicture
	}
	return pic, nil
}

// unpack reads a picture's record.
func (p *packer) unpack(rec Record) (*Picture, error) {
	pic, err := describe(rec)
	if err != nil {
		return nil, err
	}
	packed := rec.Data[pictureHeader:]
	switch codec := rec.Data[pictureHeader-1]; codec {
	case lossless:
		err = p.unpackLossless(pic, packed)
	case lossy:
		err = unpackJPEG(pic, packed)
	default:
		err = fmt.Errorf("codec %d is unknown: %w", codec, errPicture)
	}
	if err != nil {
		return nil, err
	}
	return pic, nil
}

func (p *packer) unpackLossless(pic *Picture, packed []byte) error {
	size := 3 * pic.Width * pic.Height
	pix, err := p.decoder.DecodeAll(packed, make([]byte, 0, min(size, 1024*len(packed)+1024)))
	if err != nil {
		return fmt.Errorf("unpacking a picture: %w", err)
	}
	if len(pix) != size {
		return fmt.Errorf("unpacking a picture: it holds %d bytes for %dx%d pixels: %w", len(pix), pic.Width, pic.Height,
			errPicture)
	}
	unfilter(pix, 3*pic.Width)
	pic.Pix = pix
	return nil
}

func unpackJPEG(pic *Picture, packed []byte) error {
	config, err := jpeg.DecodeConfig(bytes.NewReader(packed))
	if err == nil && (config.Width != pic.Width || config.Height != pic.Height) {
		err = errPicture
	}
	if err != nil {
		return fmt.Errorf("unpacking a picture: %w", err)
	}
	from, err := jpeg.Decode(bytes.NewReader(packed))
	if err != nil {
		return fmt.Errorf("unpacking a picture: %w", err)
	}
	pic.Pix, pic.Format = make([]byte, 0, 3*pic.Width*pic.Height), camera.RGB8
	for y := range pic.Height {
		for x := range pic.Width {
			r, g, b, _ := from.At(x, y).RGBA()
			pic.Pix = append(pic.Pix, byte(r>>8), byte(g>>8), byte(b>>8))
		}
	}
	return nil
}

// filter replaces each byte by its difference from what its neighbours let expect, the median of left, above and their
// plane: noise is all that is left for zstd.
func filter(out, pix []byte, row int) {
	for i := range min(row, len(pix)) {
		out[i] = pix[i]
		if i >= 3 {
			out[i] -= pix[i-3]
		}
	}
	for at := row; at+row <= len(pix); at += row {
		above, now, to := pix[at-row:at], pix[at:at+row], out[at:at+row]
		for i := range 3 {
			to[i] = now[i] - above[i]
		}
		for i := 3; i < len(now); i++ {
			to[i] = now[i] - expect(now[i-3], above[i], above[i-3])
		}
	}
}

// unfilter undoes filter in place.
func unfilter(pix []byte, row int) {
	for i := 3; i < min(row, len(pix)); i++ {
		pix[i] += pix[i-3]
	}
	for at := row; at+row <= len(pix); at += row {
		above, now := pix[at-row:at], pix[at:at+row]
		for i := range 3 {
			now[i] += above[i]
		}
		for i := 3; i < len(now); i++ {
			now[i] += expect(now[i-3], above[i], above[i-3])
		}
	}
}

func expect(left, above, corner byte) byte {
	a, b := int(left), int(above)
	return byte(max(min(a, b), min(max(a, b), a+b-int(corner))))
}
