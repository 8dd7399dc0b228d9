package health

import (
	"io"
	"io/fs"
	"math"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestReaderOnEachMachine(t *testing.T) {
	for name, c := range map[string]struct {
		root fstest.MapFS
		want Reading
	}{
		"Orin Nano": {orinNano(), Reading{
			Zones: []Zone{
				{"cpu", known(61.25), known(99), known(104.5)},
				{"gpu", Figure{}, known(99), known(104.5)},
				{"cv0", Figure{}, known(99), known(104.5)},
				{"tj", known(86.5), known(99), known(104.5)},
			},
			Throttles: []Throttle{
				{"cpu-throttle-alert", false},
				{"tj-throttle-alert", true},
				{"cpufreq-cpu0", false},
				{"devfreq-17000000.gpu", false},
			},
			GPULoad: known(0.435),
			Clocks: []Clock{
				{"cpu0", 1510.4e6, known(1728e6)},
				{"cpu4", 729.6e6, known(1728e6)},
				{"17000000.gpu", 624.75e6, known(1020e6)},
			},
			Rails: []Rail{
				{"VDD_IN", 4.968, 1.52, 7.55136, false},
				{"VDD_CPU_GPU_CV", 4.96, 0.512, 2.53952, true},
				{"VDD_SOC", 4.96, 0.336, 1.66656, false},
			},
			Power:       known(7.55136),
			OverCurrent: []Counter{{"OC1", 0}, {"OC2", 7}, {"OC3", 1}},
			Mode:        Mode{2, "MAXN_SUPER", true},
			Fan:         known(0.4),
			Memory: Memory{
				known(7803740 * 1024), known(4 << 30), known(3901868 * 1024), known(3801868 * 1024), known(2),
			},
		}},
		"AGX Orin": {agxOrin(), Reading{
			Zones:     []Zone{{"cpu", known(48), known(99), known(104.5)}, {"tj", known(49.562), known(99), known(104.5)}},
			Throttles: []Throttle{{"cpufreq-cpu8", true}},
			GPULoad:   known(1),
			Clocks:    []Clock{{"17000000.gpu", 1300.5e6, known(1300.5e6)}},
			Rails: []Rail{
				{"VDD_GPU_SOC", 19, 0.4, 7.6, false},
				{"VDD_CPU_CV", 19, 0.1, 1.9, false},
				{"VIN_SYS_5V0", 5, 0.8, 4, false},
				{"VDDQ_VDD2_1V8AO", 5, 0.2, 1, false},
			},
			Power:  known(14.5),
			Mode:   Mode{0, "MAXN", true},
			Memory: Memory{Total: known(64349488 * 1024), Available: known(60000000 * 1024)},
		}},
		"Thor": {thor(), Reading{
			Zones:   []Zone{{"gpu", known(55), Figure{}, known(108)}},
			GPULoad: known(0.25),
			Clocks:  []Clock{{"gpu-gpc-0", 1575e6, known(1692e6)}},
			Rails: []Rail{
				{"VDD_GPU", 12, 2, 24, false}, {"VDD_CPU_SOC_MSS", 12, 1.5, 18, false}, {"VIN", 20, 3.25, 65, false},
			},
			Power:  known(65),
			Mode:   Mode{1, "120W", true},
			Memory: Memory{Total: known(128000000 * 1024), Available: known(100000000 * 1024)},
		}},
		"PC": {pc(), Reading{
			Zones:     []Zone{{"x86_pkg_temp", known(52), Figure{}, Figure{}}, {"acpitz", known(27.8), Figure{}, known(119)}},
			Throttles: []Throttle{{"Processor", false}},
			Clocks:    []Clock{{"cpu0", 2.3e9, Figure{}}},
			Memory: Memory{
				known(16206912 * 1024), known(9000000 * 1024), known(0), known(0), known(0),
			},
		}},
		"nothing": {fstest.MapFS{}, Reading{}},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReader(c.root)
			for range 2 { // the second reading finds what the first has left behind
				got := r.Read()
				if diff := cmp.Diff(c.want, *got, cmpopts.EquateApprox(1e-12, 0), cmpopts.EquateEmpty()); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestHeadroomAndThrottle(t *testing.T) {
	for name, c := range map[string]struct {
		root     fstest.MapFS
		headroom Figure
		zone     string
		throttle string
	}{
		"Orin Nano": {orinNano(), known(12.5), "tj", "tj-throttle-alert"},
		"AGX Orin":  {agxOrin(), known(49.438), "tj", "cpufreq-cpu8"},
		"Thor":      {thor(), known(43), "gpu", ""},
		"PC":        {pc(), known(81.2), "acpitz", ""},
		"nothing":   {fstest.MapFS{}, Figure{}, "", ""},
	} {
		r := NewReader(c.root).Read()
		headroom, zone := r.Headroom()
		if headroom.Known != c.headroom.Known || math.Abs(headroom.Value-c.headroom.Value) > 1e-9 || zone != c.zone ||
			r.Throttled() != c.throttle {
			t.Errorf("%s: %+v in %q, throttled by %q", name, headroom, zone, r.Throttled())
		}
	}
}

// TestReadingFollowsTheMachine changes every kind of file and reads again.
func TestReadingFollowsTheMachine(t *testing.T) {
	root := orinNano()
	r := NewReader(root)
	r.Read()
	const chip = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon4/"
	for name, text := range map[string]string{
		"sys/class/thermal/thermal_zone8/temp": "90000", "sys/class/thermal/cooling_device3/cur_state": "0",
		"sys/devices/platform/bus@0/17000000.gpu/load": "garbage", chip + "curr1_input": "2000",
		"sys/devices/platform/soctherm-oc-event/hwmon/hwmon3/oc2_event_cnt": "8", "var/lib/nvpmodel/status": "pmode:0001",
	} {
		root[name] = file(text)
	}
	got := r.Read()
	if got.Zones[3].Celsius != known(90) || got.Throttled() != "" || got.GPULoad.Known || got.OverCurrent[1].Count != 8 ||
		got.Mode.Name != "7W" || math.Abs(got.Power.Value-9.936) > 1e-9 {
		t.Errorf("%+v", got)
	}
	delete(root, chip+"curr1_input") // the input is gone, and a sum of what is left would be a lie
	delete(root, "var/lib/nvpmodel/status")
	if got := r.Read(); got.Power.Known || len(got.Rails) != 2 || got.Mode.Known {
		t.Errorf("%+v", got)
	}
	zone(root, 9, "soc0-thermal", "70000", jetsonTrips...)
	for range rediscover {
		got = r.Read()
	}
	if len(got.Zones) != 5 {
		t.Errorf("a late zone is not found: %+v", got.Zones)
	}
}

// refusing is a file that cannot be read, as sensors of sleeping parts are.
type refusing struct{ fs.FS }

func (r refusing) Open(name string) (fs.File, error) {
	f, err := r.FS.Open(name)
	if err == nil && name == "sys/class/thermal/thermal_zone8/temp" {
		return again{f}, nil
	}
	return f, err
}

type again struct{ fs.File }

func (again) Read([]byte) (int, error) { return 0, io.ErrNoProgress }

func TestSleepingPartsAreAbsent(t *testing.T) {
	r := NewReader(refusing{orinNano()}).Read()
	if r.Zones[3].Celsius.Known {
		t.Errorf("%+v", r.Zones[3])
	}
	if _, zone := r.Headroom(); zone != "cpu" {
		t.Errorf("the hottest is %s", zone)
	}
}

func BenchmarkRead(b *testing.B) {
	r := NewReader(orinNano())
	b.ReportAllocs()
	for b.Loop() {
		r.Read()
	}
}

// FuzzReader reads a machine whose files hold anything at all.
func FuzzReader(f *testing.F) {
	for _, name := range []string{
		"proc/meminfo", "proc/vmstat", "etc/nvpmodel.conf", "var/lib/nvpmodel/status",
		"sys/class/thermal/thermal_zone8/temp",
	} {
		f.Add(string(orinNano()[name].Data))
	}
	f.Add("99999999999999999999")
	f.Add("-1")
	f.Add("< POWER_MODEL ID= NAME= >")
	f.Fuzz(func(t *testing.T, text string) {
		root := orinNano()
		for name := range root {
			root[name] = file(text)
		}
		got := NewReader(root).Read()
		for _, figure := range []Figure{got.GPULoad, got.Fan} {
			if figure.Known && !(figure.Value >= 0 && figure.Value <= 1) {
				t.Errorf("%+v", figure)
			}
		}
		for _, z := range got.Zones {
			if z.Celsius.Known && z.Celsius.Value < coldest {
				t.Errorf("%+v", z)
			}
		}
		got.Headroom()
		got.Throttled()
	})
}
