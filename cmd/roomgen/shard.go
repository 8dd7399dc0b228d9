package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/vega-edge/vegad/camera/room"
)

const (
	maxObjects = room.MaxThings
	fields     = 12 // columns of objects.npy
)

// shard holds the arrays of one shard in memory until it is written.
type shard struct {
	rgb, instance []byte
	depth         []uint16
	objects, pose []float32
	size          []float32
	visible       []int32
	seed          []uint64
}

// clip renders one clip into the arrays at position n.
func (s *shard) clip(j *job, r *room.Renderer, pic *room.Picture, n int) {
	index := j.index(n)
	seed, clip := j.first+uint64(index/j.clips), uint64(index%j.clips)
	m := room.Generate(seed)
	s.seed = append(s.seed, seed, clip)
	s.size = append(s.size, float32(m.Length), float32(m.Width), float32(m.Height), float32(m.Area()))
	s.list(m)
	sensor := m.NewSensor(clip)
	for _, p := range m.Excerpt(clip, j.frames, j.dt) {
		r.Render(m, p, sensor, pic)
		s.pose = append(s.pose, float32(p.X), float32(p.Y), float32(p.Yaw), float32(p.Height), float32(p.Pitch),
			float32(p.Roll))
		s.rgb = append(s.rgb, pic.RGB...)
		for i := range maxObjects {
			s.visible = append(s.visible, int32(pic.Visible[i]), int32(pic.Whole[i]))
		}
		for y := j.stride / 2; y < j.height; y += j.stride {
			for x := j.stride / 2; x < j.width; x += j.stride {
				at := y*j.width + x
				s.instance = append(s.instance, pic.Instance[at])
				s.depth = append(s.depth, uint16(math.Min(float64(pic.Depth[at])*1000, 65535)))
			}
		}
	}
}

// list appends the rows of all things, padded to maxObjects.
func (s *shard) list(m *room.Room) {
	rows := make([]float32, maxObjects*fields)
	for i, o := range m.Objects() {
		copy(rows[i*fields:], []float32{
			1, float32(o.Label), float32(o.Color), float32(o.X), float32(o.Y), float32(o.Z), float32(o.Size[0]),
			float32(o.Size[1]), float32(o.Size[2]), float32(o.Yaw), truth(o.OnTop), truth(o.InWall),
		})
	}
	s.objects = append(s.objects, rows...)
}

func truth(b bool) float32 {
	if b {
		return 1
	}
	return 0
}

// save writes the arrays into a new folder and renames it to dir.
func (s *shard) save(j *job, dir string) error {
	tmp := dir + ".part"
	if err := errors.Join(os.RemoveAll(tmp), os.MkdirAll(tmp, 0o750)); err != nil {
		return err
	}
	n := len(s.seed) / 2
	h, w := (j.height-j.stride/2+j.stride-1)/j.stride, (j.width-j.stride/2+j.stride-1)/j.stride
	err := errors.Join(
		save(tmp, "rgb", "|u1", s.rgb, n, j.frames, j.height, j.width, 3),
		save(tmp, "depth", "<u2", s.depth, n, j.frames, h, w),
		save(tmp, "instance", "|u1", s.instance, n, j.frames, h, w),
		save(tmp, "objects", "<f4", s.objects, n, maxObjects, fields),
		save(tmp, "visible", "<i4", s.visible, n, j.frames, maxObjects, 2),
		save(tmp, "pose", "<f4", s.pose, n, j.frames, 6),
		save(tmp, "room", "<f4", s.size, n, 4),
		save(tmp, "seed", "<u8", s.seed, n, 2),
	)
	if err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

// save writes one array in NumPy's format, version 1.0.
func save[T any](dir, name, dtype string, data []T, shape ...int) error {
	count := 1
	dims := make([]string, len(shape))
	for i, d := range shape {
		count *= d
		dims[i] = fmt.Sprint(d)
	}
	if count != len(data) {
		return fmt.Errorf("writing %s: shape %v holds %d values, not %d", name, shape, count, len(data))
	}
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s,), }", dtype, strings.Join(dims, ", "))
	pad := 64 - (10+len(head)+1)%64
	head += strings.Repeat(" ", pad%64) + "\n"
	f, err := os.Create(filepath.Join(dir, name+".npy"))
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	_, e1 := w.WriteString("\x93NUMPY\x01\x00")
	e2 := binary.Write(w, binary.LittleEndian, uint16(len(head)))
	_, e3 := w.WriteString(head)
	e4 := binary.Write(w, binary.LittleEndian, data)
	if err := errors.Join(e1, e2, e3, e4, w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}
