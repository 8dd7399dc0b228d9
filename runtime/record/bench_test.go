package record

import (
	"bytes"
	"image"
	"image/png"
	"testing"

	"github.com/vega-edge/vegad/camera/room"
)

// drawn is a picture of a simulated room, with its sensor's noise.
func drawn(b *testing.B, width, height int) *Picture {
	b.Helper()
	s, err := room.Open(room.SourceConfig{Seed: 7, Width: width, Height: height, Unpaced: true})
	if err != nil {
		b.Fatal(err)
	}
	f, err := s.Read(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return &Picture{Width: width, Height: height, Format: f.Format, Pix: f.Pix}
}

// BenchmarkPack tells how long a picture of 640x480 takes and how large it becomes, without loss and as JPEG; PNG is
// there for comparison.
func BenchmarkPack(b *testing.B) {
	pic := drawn(b, 640, 480)
	p, err := newPacker()
	if err != nil {
		b.Fatal(err)
	}
	defer p.decoder.Close()
	for _, c := range []struct {
		name     string
		lossless bool
	}{{"lossless", true}, {"jpeg", false}} {
		b.Run(c.name, func(b *testing.B) {
			pic.Lossless = c.lossless
			var out []byte
			for b.Loop() {
				if out, err = p.pack(out[:0], pic); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(out)), "B/picture")
		})
	}
	b.Run("png", func(b *testing.B) {
		img := image.NewRGBA(image.Rect(0, 0, pic.Width, pic.Height))
		for i, j := 0, 0; i < len(pic.Pix); i, j = i+3, j+4 {
			copy(img.Pix[j:], pic.Pix[i:i+3])
			img.Pix[j+3] = 255
		}
		encoder := png.Encoder{CompressionLevel: png.BestSpeed}
		var out bytes.Buffer
		for b.Loop() {
			out.Reset()
			if err := encoder.Encode(&out, img); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(out.Len()), "B/picture")
	})
}
