// Package health reads how the machine does (temperatures, throttling, power, clocks, memory) from sysfs and procfs,
// and decides how much of its work the daemon may do.
//
// The paths and units are those of Jetson Orin and Thor; a PC has some of them. Every figure is optional: what a
// machine does not tell is absent, never zero.
package health

// Figure is one measured value. The zero value is an absent one.
type Figure struct {
	Value float64
	Known bool
}

// known wraps a value.
func known(value float64) Figure { return Figure{Value: value, Known: true} }

// Zone is a thermal zone.
type Zone struct {
	Name     string
	Celsius  Figure // absent while the zone is powered down
	Passive  Figure // Celsius from which the kernel throttles
	Critical Figure // Celsius at which the board switches itself off
}

// Throttle is a brake that the kernel or the firmware may have put on.
type Throttle struct {
	Name string
	On   bool
}

// Rail is a supply that is measured.
type Rail struct {
	Name    string
	Volts   float64
	Amperes float64
	Watts   float64
	Alarm   bool // its current is above a limit now
}

// Counter is an over-current event counter; it only grows.
type Counter struct {
	Name  string // OC1 under-voltage, OC2 average, OC3 instantaneous over-current
	Count uint64
}

// Clock is a frequency and the limits that are set for it now.
type Clock struct {
	Name    string
	Hertz   float64
	Maximum Figure // Hz
}

// Mode is the power mode that nvpmodel has set.
type Mode struct {
	ID    int
	Name  string // empty when /etc/nvpmodel.conf does not tell
	Known bool
}

// Memory is of the whole machine; CPU and GPU of a Jetson share it.
type Memory struct {
	Total, Available    Figure // bytes
	SwapTotal, SwapFree Figure // bytes
	OOMKills            Figure // since boot
}

// Reading is what the machine told at one moment. Its slices belong to the Reader and are overwritten by the next Read.
type Reading struct {
	Zones       []Zone
	Throttles   []Throttle
	GPULoad     Figure // 0..1
	Clocks      []Clock
	Rails       []Rail
	Power       Figure // W, of the whole module
	OverCurrent []Counter
	Mode        Mode
	Fan         Figure // 0..1 of its full drive
	Memory      Memory
}

// Throttled names the first brake that is on; empty when none is.
func (r *Reading) Throttled() string {
	for _, t := range r.Throttles {
		if t.On {
			return t.Name
		}
	}
	return ""
}

// criticalReserve stands in for a missing passive trip: so many kelvins below the critical one.
const criticalReserve = 10

// limit is the temperature from which the zone throttles.
func (z *Zone) limit() Figure {
	if z.Passive.Known || !z.Critical.Known {
		return z.Passive
	}
	return known(z.Critical.Value - criticalReserve)
}

// Headroom is how many kelvins the hottest zone, measured against its own limit, is below it, and that zone. It is
// absent where no zone has both a temperature and a limit.
func (r *Reading) Headroom() (kelvin Figure, zone string) {
	for i := range r.Zones {
		z := &r.Zones[i]
		limit := z.limit()
		if !z.Celsius.Known || !limit.Known {
			continue
		}
		if left := limit.Value - z.Celsius.Value; !kelvin.Known || left < kelvin.Value {
			kelvin, zone = known(left), z.Name
		}
	}
	return kelvin, zone
}
