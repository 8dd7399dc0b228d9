package camera_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/room"
)

// filtered is a source whose pictures pass through a filter.
type filtered struct {
	camera.Source
	filter func(*camera.Frame)
}

func (f filtered) Read(ctx context.Context) (*camera.Frame, error) {
	picture, err := f.Source.Read(ctx)
	if err == nil {
		f.filter(picture)
	}
	return picture, err
}

// smear averages each pixel with its neighbours on both sides, reach pixels far, twice.
func smear(reach int) func(*camera.Frame) {
	return func(f *camera.Frame) {
		for range 2 {
			for y := range f.Height {
				row := f.Pix[y*f.Stride : y*f.Stride+3*f.Width]
				copy(row, averaged(row, reach))
			}
		}
	}
}

func averaged(row []byte, reach int) []byte {
	out := make([]byte, len(row))
	for at := range row {
		sum, n := 0, 0
		for k := -reach; k <= reach; k++ {
			if i := at + 3*k; i >= 0 && i < len(row) {
				sum, n = sum+int(row[i]), n+1
			}
		}
		out[at] = byte(sum / n)
	}
	return out
}

// watchRoom watches a rendered room for some seconds of its own time.
func watchRoom(t *testing.T, seed uint64, filter func(*camera.Frame)) (stats camera.CaptureStats, blurred int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		open := func(context.Context) (camera.Source, error) {
			s, err := room.Open(room.SourceConfig{Seed: seed, Width: 160, Height: 120, FPS: 4, Frames: 12})
			return filtered{s, filter}, err
		}
		c := camera.NewCapture(camera.CaptureConfig{
			Open: open, Logger: slog.New(slog.DiscardHandler), Policy: camera.Every, Inspect: true,
			FreezeAfter: 2 * time.Second,
		})
		done := make(chan error, 1)
		go func() { done <- c.Run(t.Context()) }()
		for {
			f, err := c.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.Stats().State == camera.StateBlurred {
				blurred++
			}
			f.Release()
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		stats = c.Stats()
	})
	return stats, blurred
}

// Rooms that are rendered as they are must raise no alarm, and blurred ones must.
func TestRenderedRoomsAreJudgedRightly(t *testing.T) {
	const rooms = 8
	var found, chances int
	for seed := range uint64(rooms) {
		s, _ := watchRoom(t, 1_000_100+seed, func(*camera.Frame) {})
		if s.Frames != 12 || s.Withheld+s.Freezes+s.Blackouts+s.Blurs != 0 {
			t.Errorf("room %d raises an alarm: %+v", seed, s)
		}
		s, blurred := watchRoom(t, 1_000_100+seed, smear(5))
		if s.Withheld+s.Freezes+s.Blackouts != 0 {
			t.Errorf("blurred room %d: %+v", seed, s)
		}
		chances++
		if blurred > 0 {
			found++
		}
	}
	if found < chances*3/4 {
		t.Errorf("of %d blurred rooms %d are noticed", chances, found)
	}
	t.Logf("of %d blurred rooms %d are noticed, of %d sharp ones none", chances, found, rooms)
}
