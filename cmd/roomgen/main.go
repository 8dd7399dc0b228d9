// Command roomgen renders furnished rooms into training shards that NumPy reads without any other tool.
//
// A shard is a folder of .npy files; N clips, T frames, M things at the most, M padded with zero rows:
//
//	rgb.npy       uint8   [N,T,H,W,3]   red, green, blue
//	depth.npy     uint16  [N,T,h,w]     millimetres along the ray, at every stride-th pixel
//	instance.npy  uint8   [N,T,h,w]     0 is the room, else the thing's row plus one
//	objects.npy   float32 [N,M,12]      valid, label, color, x, y, z, size x, y, z, yaw, on top, in wall (room frame, m)
//	visible.npy   int32   [N,T,M,2]     pixels that show the thing, and that would if nothing stood before it
//	pose.npy      float32 [N,T,6]       x, y, yaw of base_link; camera height, pitch, roll (room frame, m and rad)
//	room.npy      float32 [N,4]         length, width, height, floor area
//	seed.npy      uint64  [N,2]         seed of the room, number of the clip
//
// and meta.json beside the shards says sizes, labels and colours. A finished shard is renamed into place, so that a
// second call continues where the first one ended.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	job, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = job.run(ctx, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "roomgen:", err)
		stop()
		os.Exit(1)
	}
}

func parse(args []string) (*job, error) {
	j := &job{}
	f := flag.NewFlagSet("roomgen", flag.ContinueOnError)
	f.StringVar(&j.out, "out", "", "folder for the shards (required)")
	f.Uint64Var(&j.first, "first", 0, "first seed; training rooms are below 900000")
	f.IntVar(&j.rooms, "rooms", 64, "number of rooms")
	f.IntVar(&j.clips, "clips", 1, "clips a room")
	f.IntVar(&j.frames, "frames", 8, "frames a clip")
	f.Float64Var(&j.dt, "dt", 0.25, "seconds between frames")
	f.IntVar(&j.width, "width", 160, "pixels")
	f.IntVar(&j.height, "height", 120, "pixels")
	f.Float64Var(&j.hfovDeg, "hfov", 70, "horizontal field of view, degrees")
	f.IntVar(&j.stride, "stride", 4, "pixels between two samples of depth and instance")
	f.IntVar(&j.shard, "shard", 64, "clips a shard")
	f.IntVar(&j.workers, "workers", runtime.GOMAXPROCS(0), "parallel renderers")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	return j, j.check()
}

func (j *job) check() error {
	var problems []error
	if j.out == "" {
		problems = append(problems, errors.New("-out is required"))
	}
	for name, v := range map[string]int{
		"rooms": j.rooms, "clips": j.clips, "frames": j.frames, "width": j.width, "height": j.height,
		"stride": j.stride, "shard": j.shard, "workers": j.workers,
	} {
		if v < 1 {
			problems = append(problems, fmt.Errorf("-%s %d: must be at least 1", name, v))
		}
	}
	if j.hfovDeg < 10 || j.hfovDeg > 150 {
		problems = append(problems, fmt.Errorf("-hfov %g: must lie between 10 and 150 degrees", j.hfovDeg))
	}
	if j.dt <= 0 || j.dt > 10 {
		problems = append(problems, fmt.Errorf("-dt %g: must lie between 0 and 10 seconds", j.dt))
	}
	return errors.Join(problems...)
}
