package daemon

import (
	"context"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/vega-edge/vegad/runtime/health"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// healthEvery is the time between two looks at the machine.
const healthEvery = 2 * time.Second

// condition is what is known of the machine, and what follows from it.
type condition struct {
	mu      sync.Mutex
	reason  string          // of the step; empty for the first one
	changes uint64          // of the step
	device  *payload.Device // nobody changes it any more; nil before the first look
}

func (c *condition) read() (reason string, changes uint64, device *payload.Device) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason, c.changes, c.device
}

// mind looks at the machine and takes a step when that is needed, until ctx ends.
func (d *daemon) mind(ctx context.Context) error {
	root := d.o.Root
	if root == nil {
		root = os.DirFS("/")
	}
	reader, governor := health.NewReader(root), &health.Governor{}
	ticker := time.NewTicker(healthEvery)
	defer ticker.Stop()
	for {
		d.weigh(reader, governor, time.Now())
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// weigh decides on the step.
func (d *daemon) weigh(reader *health.Reader, governor *health.Governor, now time.Time) {
	reading := reader.Read()
	pressure := health.Pressure{Throttled: reading.Throttled(), Missed: d.missed()}
	pressure.Headroom, pressure.Zone = reading.Headroom()
	changed := governor.Decide(now, pressure)
	step, reason := governor.Step()
	d.condition.mu.Lock()
	d.condition.device = deviceOf(reading)
	if changed {
		d.condition.reason = reason
		d.condition.changes++
	}
	d.condition.mu.Unlock()
	if !changed {
		return
	}
	for _, e := range d.eyes {
		e.pace.take(step)
	}
	d.log.Info("step of work", "step", step.String(), "reason", reason)
	networks := d.engine.Report()
	status := "watching with " + string(networks.Provider) + " " + string(networks.Precision)
	if step != health.StepFull {
		status += ", " + step.String() + ": " + reason
	}
	d.say(d.notify.Status(status))
}

// missed is the share of late observations through the eye that fares worst.
func (d *daemon) missed() float64 {
	worst := 0.0
	for _, e := range d.eyes {
		worst = max(worst, e.pace.missed())
	}
	return worst
}

// step is the word for messages. All eyes keep the same.
func (d *daemon) step() payload.WorkStep { return payload.WorkStep(d.eyes[0].pace.now().String()) }

// deviceOf converts a reading.
func deviceOf(r *health.Reading) *payload.Device {
	headroom, _ := r.Headroom()
	out := &payload.Device{
		HeadroomK: tell(headroom), Throttled: r.Throttled(), GPULoad: tell(r.GPULoad), PowerW: tell(r.Power),
		Fan: tell(r.Fan), Memory: memoryOf(r.Memory),
	}
	if out.PowerMode = r.Mode.Name; r.Mode.Known && out.PowerMode == "" {
		out.PowerMode = "mode " + strconv.Itoa(r.Mode.ID)
	}
	for _, z := range r.Zones {
		if z.Celsius.Known {
			out.Temperatures = append(out.Temperatures, payload.Temperature{Zone: z.Name, Celsius: round(z.Celsius.Value)})
		}
	}
	for _, s := range r.Rails {
		out.Rails = append(out.Rails, payload.Rail{Name: s.Name, PowerW: round(s.Watts), Alarm: s.Alarm})
	}
	for _, c := range r.OverCurrent {
		out.OverCurrent = append(out.OverCurrent, payload.OverCurrent{Name: c.Name, Events: c.Count})
	}
	for _, c := range r.Clocks {
		out.Clocks = append(out.Clocks, payload.Clock{Name: c.Name, MHz: round(c.Hertz / 1e6)})
	}
	return out
}

func tell(f health.Figure) *float64 {
	if !f.Known {
		return nil
	}
	v := round(f.Value)
	return &v
}

func memoryOf(m health.Memory) *payload.DeviceMemory {
	if !m.Total.Known || !m.Available.Known {
		return nil
	}
	return &payload.DeviceMemory{
		TotalBytes: uint64(m.Total.Value), AvailableBytes: uint64(m.Available.Value),
		SwapUsedBytes: uint64(max(0, m.SwapTotal.Value-m.SwapFree.Value)), OOMKills: uint64(m.OOMKills.Value),
	}
}
