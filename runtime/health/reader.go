package health

import (
	"bytes"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// The units of sysfs and procfs.
const (
	milli    = 1e-3
	perMille = 1e-3
	kilo     = 1e3
	kibi     = 1024
)

// coldest is below all temperatures of a running part: the Jetson reports -256 °C for parts that are powered down.
const coldest = -100

// rediscover is how many readings pass before the tree is searched again: drivers load late, and USB comes and goes.
const rediscover = 120

// Reader reads the state of one machine. It is used by one goroutine.
type Reader struct {
	files   files
	reading Reading
	age     int

	zones     []string // folders
	throttles []string
	gpuLoad   string // files
	fan       string
	clocks    []clockFiles
	rails     []railFiles
	counters  []string
	modes     map[int]string
}

// clockFiles is where a frequency stands.
type clockFiles struct {
	name, now, most string
	unit            float64
}

// railFiles is a channel of an INA3221.
type railFiles struct {
	name, volts, amperes string
	alarms               [2]string
}

// NewReader makes a reader of the machine whose files are in root, os.DirFS("/") for this one. It opens nothing that
// can be written.
func NewReader(root fs.FS) *Reader {
	return &Reader{files: files{root: root}, age: rediscover}
}

// Read looks at everything. It does not fail: what cannot be read is absent. The result is valid until the next Read.
func (r *Reader) Read() *Reading {
	if r.age >= rediscover {
		r.discover()
		r.age = 0
	}
	r.age++
	r.readZones()
	r.readThrottles()
	r.readPower()
	r.readCounters()
	r.readClocks()
	r.readMemory()
	f, out := &r.files, &r.reading
	out.GPULoad = share(f.number(r.gpuLoad, perMille))
	out.Fan = share(f.number(r.fan, 1.0/255))
	out.Mode = r.mode()
	return out
}

// share drops what cannot be a share.
func share(f Figure) Figure {
	if f.Value < 0 || f.Value > 1 {
		return Figure{}
	}
	return f
}

// discover finds the files of this machine. Numbers in names change from boot to boot, so that only names count.
func (r *Reader) discover() {
	f := &r.files
	r.zones = f.find("sys/class/thermal/thermal_zone[0-9]*")
	r.throttles = r.throttles[:0]
	r.reading.Throttles = r.reading.Throttles[:0]
	for _, folder := range f.find("sys/class/thermal/cooling_device[0-9]*") {
		if name := f.text(in(folder, "type")); brake(name) {
			r.throttles = append(r.throttles, in(folder, "cur_state"))
			r.reading.Throttles = append(r.reading.Throttles, Throttle{Name: name})
		}
	}
	r.discoverZones()
	r.gpuLoad = f.first("sys/devices/platform/gpu.0/load", "sys/devices/platform/bus@0/17000000.gpu/load",
		"sys/class/devfreq/*gpu*/device/load")
	r.fan = r.hwmon("pwmfan", "pwm1")
	r.discoverRails()
	r.discoverCounters()
	r.discoverClocks()
	r.modes = r.powerModes()
}

// brake tells whether a cooling device slows the machine down. Fans cool without a price, and hot-surface-alert is a
// notice for hands.
func brake(kind string) bool {
	return strings.HasSuffix(kind, "-throttle-alert") || strings.HasPrefix(kind, "cpufreq-") ||
		strings.HasPrefix(kind, "devfreq-") || kind == "Processor"
}

// hwmon returns a file of the first hardware monitor of that name.
func (r *Reader) hwmon(name, file string) string {
	for _, folder := range r.files.find("sys/class/hwmon/hwmon[0-9]*") {
		if r.files.text(in(folder, "name")) == name {
			return r.files.first(in(folder, file))
		}
	}
	return ""
}

func (r *Reader) discoverZones() {
	r.reading.Zones = r.reading.Zones[:0]
	for _, folder := range r.zones {
		zone := Zone{Name: strings.TrimSuffix(r.files.text(in(folder, "type")), "-thermal")}
		for _, kind := range r.files.find(in(folder, "trip_point_[0-9]*_type")) {
			celsius := r.files.number(strings.TrimSuffix(kind, "type")+"temp", milli)
			if !celsius.Known || celsius.Value <= 0 { // trips that are not in use
				continue
			}
			switch string(r.files.read(kind)) {
			case "passive": // of several, the highest slows down; lower ones begin to cool
				zone.Passive = highest(zone.Passive, celsius)
			case "critical":
				zone.Critical = celsius
			}
		}
		r.reading.Zones = append(r.reading.Zones, zone)
	}
}

func highest(a, b Figure) Figure {
	if a.Known && a.Value > b.Value {
		return a
	}
	return b
}

func (r *Reader) readZones() {
	for i, folder := range r.zones {
		celsius := r.files.number(in(folder, "temp"), milli)
		if celsius.Value < coldest {
			celsius = Figure{}
		}
		r.reading.Zones[i].Celsius = celsius
	}
}

func (r *Reader) readThrottles() {
	for i, name := range r.throttles {
		r.reading.Throttles[i].On = r.files.flag(name)
	}
}

// discoverRails finds the channels of the INA3221 monitors that measure a supply.
func (r *Reader) discoverRails() {
	r.rails, r.reading.Rails = r.rails[:0], r.reading.Rails[:0]
	for _, file := range r.files.find("sys/bus/i2c/drivers/ina3221/*/hwmon/hwmon*/in[1-3]_label") {
		name := r.files.text(file)
		if name == "" || name == "NC" {
			continue
		}
		folder, n := path.Dir(file), path.Base(file)[len("in"):][:1]
		r.rails = append(r.rails, railFiles{
			name: name, volts: in(folder, "in"+n+"_input"), amperes: in(folder, "curr"+n+"_input"),
			alarms: [2]string{in(folder, "curr"+n+"_max_alarm"), in(folder, "curr"+n+"_crit_alarm")},
		})
	}
}

// whole are the names of a rail that feeds the whole module.
func whole(rail string) bool { return rail == "VDD_IN" || rail == "VIN" }

// readPower measures the rails. The module's power is that of its input, or the sum of the rails where no rail is the
// input, and absent when one of them does not tell.
func (r *Reader) readPower() {
	out := &r.reading
	out.Rails, out.Power = out.Rails[:0], Figure{}
	sum, complete := 0.0, len(r.rails) > 0
	for i := range r.rails {
		rail := &r.rails[i]
		volts, amperes := r.files.number(rail.volts, milli), r.files.number(rail.amperes, milli)
		if !volts.Known || !amperes.Known {
			complete = false
			continue
		}
		watts := volts.Value * amperes.Value
		out.Rails = append(out.Rails, Rail{
			Name: rail.name, Volts: volts.Value, Amperes: amperes.Value, Watts: watts,
			Alarm: r.files.flag(rail.alarms[0]) || r.files.flag(rail.alarms[1]),
		})
		if sum += watts; whole(rail.name) {
			out.Power = known(watts)
		}
	}
	if complete && !out.Power.Known {
		out.Power = known(sum)
	}
}

func (r *Reader) discoverCounters() {
	r.counters = r.files.find("sys/devices/platform/soctherm-oc-event/hwmon/hwmon*/oc[1-3]_event_cnt")
}

func (r *Reader) readCounters() {
	out := &r.reading
	out.OverCurrent = out.OverCurrent[:0]
	for _, file := range r.counters {
		if count := r.files.number(file, 1); count.Known && count.Value >= 0 {
			name := strings.ToUpper(strings.TrimSuffix(path.Base(file), "_event_cnt"))
			out.OverCurrent = append(out.OverCurrent, Counter{Name: name, Count: uint64(count.Value)})
		}
	}
}

// discoverClocks finds the CPU clusters (kHz) and the GPU (Hz), which Thor calls by its graphics processing clusters.
func (r *Reader) discoverClocks() {
	r.clocks = r.clocks[:0]
	for _, folder := range r.files.find("sys/devices/system/cpu/cpufreq/policy[0-9]*") {
		name := "cpu" + strings.TrimPrefix(path.Base(folder), "policy")
		r.clocks = append(r.clocks, clockFiles{name, in(folder, "scaling_cur_freq"), in(folder, "scaling_max_freq"), kilo})
	}
	for _, folder := range r.files.find("sys/class/devfreq/*gpu*") {
		r.clocks = append(r.clocks, clockFiles{path.Base(folder), in(folder, "cur_freq"), in(folder, "max_freq"), 1})
	}
}

func (r *Reader) readClocks() {
	out := &r.reading
	out.Clocks = out.Clocks[:0]
	for _, c := range r.clocks {
		if now := r.files.number(c.now, c.unit); now.Known {
			out.Clocks = append(out.Clocks, Clock{Name: c.name, Hertz: now.Value, Maximum: r.files.number(c.most, c.unit)})
		}
	}
}

func (r *Reader) readMemory() {
	m := &r.reading.Memory
	text := r.files.read("proc/meminfo")
	m.Total, m.Available = field(text, "MemTotal", kibi), field(text, "MemAvailable", kibi)
	m.SwapTotal, m.SwapFree = field(text, "SwapTotal", kibi), field(text, "SwapFree", kibi)
	m.OOMKills = field(r.files.read("proc/vmstat"), "oom_kill", 1)
}

// mode reads what nvpmodel has noted: "pmode:0002".
func (r *Reader) mode() Mode {
	digits, ok := bytes.CutPrefix(r.files.read("var/lib/nvpmodel/status"), []byte("pmode:"))
	id, err := strconv.Atoi(string(digits))
	if !ok || err != nil {
		return Mode{}
	}
	return Mode{ID: id, Name: r.modes[id], Known: true}
}

// powerModes reads the names of nvpmodel.conf: "< POWER_MODEL ID=2 NAME=MODE_30W >".
func (r *Reader) powerModes() map[int]string {
	modes := map[int]string{}
	text, err := fs.ReadFile(r.files.root, "etc/nvpmodel.conf")
	if err != nil {
		return modes
	}
	for line := range bytes.Lines(text) {
		words := strings.Fields(string(line))
		if len(words) < 4 || words[0] != "<" || words[1] != "POWER_MODEL" {
			continue
		}
		id, err := strconv.Atoi(strings.TrimPrefix(words[2], "ID="))
		if name, ok := strings.CutPrefix(words[3], "NAME="); ok && err == nil {
			modes[id] = name
		}
	}
	return modes
}
