package camera

import (
	"fmt"
	"math"
	"testing"
)

func BenchmarkApply(b *testing.B) {
	for _, size := range [][2]int{{160, 120}, {640, 480}, {1280, 720}, {1920, 1080}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			cal := AssumedCalibration(size[0], size[1], 70*math.Pi/180)
			cal.Model, cal.D = ModelPlumbBob, []float64{-0.1, 0.02, 0.001, -0.001, 0}
			v, err := NewView(Canonical{Width: 160, Height: 120, HFOV: 66 * math.Pi / 180}, cal, Mount{Roll: 0.03})
			if err != nil {
				b.Fatal(err)
			}
			f := NewFrame(size[0], size[1], BGR8, nil)
			dst := make([]float32, 3*160*120)
			b.ReportAllocs()
			for b.Loop() {
				if err := v.Apply(dst, f); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(v.weights))/float64(len(v.pixels)), "weights/px")
			b.ReportMetric(float64(len(v.runs))/float64(len(v.pixels)), "runs/px")
		})
	}
}

func BenchmarkNewView(b *testing.B) {
	cal := AssumedCalibration(1280, 720, 1.2)
	for b.Loop() {
		if _, err := NewView(Canonical{Width: 160, Height: 120, HFOV: 1.15}, cal, Mount{}); err != nil {
			b.Fatal(err)
		}
	}
}
