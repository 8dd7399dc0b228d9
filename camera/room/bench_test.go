package room_test

import (
	"testing"

	"github.com/vega-edge/vegad/camera/room"
)

// BenchmarkClip renders one clip of eight frames at 160x120, with a room of its own, on one core.
func BenchmarkClip(b *testing.B) {
	r := room.NewRenderer(160, 120, 1.2217)
	pic := r.NewPicture()
	b.ReportAllocs()
	for i := range b.N {
		m := room.Generate(uint64(i))
		s := m.NewSensor(0)
		for _, p := range m.Drive(0, 8, 0.25) {
			r.Render(m, p, s, pic)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "clips/s")
}
