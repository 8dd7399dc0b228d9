package health

import (
	"fmt"
	"testing/fstest"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text + "\n")} }

// tree builds a file system of names and contents.
func tree(entries ...string) fstest.MapFS {
	root := fstest.MapFS{}
	for i := 0; i < len(entries); i += 2 {
		root[entries[i]] = file(entries[i+1])
	}
	return root
}

// zone adds a thermal zone in millidegrees, with its trips as type and temperature.
func zone(root fstest.MapFS, n int, name, temp string, trips ...string) {
	folder := fmt.Sprintf("sys/class/thermal/thermal_zone%d/", n)
	root[folder+"type"], root[folder+"temp"] = file(name), file(temp)
	for i := 0; i < len(trips); i += 2 {
		root[fmt.Sprintf("%strip_point_%d_type", folder, i/2)] = file(trips[i])
		root[fmt.Sprintf("%strip_point_%d_temp", folder, i/2)] = file(trips[i+1])
	}
}

func cooler(root fstest.MapFS, n int, name, state, most string) {
	folder := fmt.Sprintf("sys/class/thermal/cooling_device%d/", n)
	root[folder+"type"], root[folder+"cur_state"], root[folder+"max_state"] = file(name), file(state), file(most)
}

// rail adds channel n of an INA3221: millivolts and milliamperes.
func rail(root fstest.MapFS, chip string, n int, label, millivolts, milliamperes string) {
	folder := "sys/bus/i2c/drivers/ina3221/" + chip + "/hwmon/hwmon4/"
	root[fmt.Sprintf("%sin%d_label", folder, n)] = file(label)
	root[fmt.Sprintf("%sin%d_input", folder, n)] = file(millivolts)
	root[fmt.Sprintf("%scurr%d_input", folder, n)] = file(milliamperes)
	root[fmt.Sprintf("%scurr%d_max_alarm", folder, n)] = file("0")
	root[fmt.Sprintf("%scurr%d_crit_alarm", folder, n)] = file("0")
}

var jetsonTrips = []string{"passive", "99000", "critical", "104500"}

// modes is the beginning and the interesting part of an nvpmodel.conf.
const modes = `# a comment
< PARAM TYPE=FILE NAME=CPU_ONLINE >
CORE_0 /sys/devices/system/cpu/cpu0/online
< POWER_MODEL ID=0 NAME=15W >
CPU_ONLINE CORE_0 1
< POWER_MODEL ID=1 NAME=7W >
< POWER_MODEL ID=2 NAME=MAXN_SUPER >
< PM_CONFIG DEFAULT=0 >`

const vmstat = "nr_free_pages 12345\noom_kill_legacy 9\noom_kill 2\nunevictable_pgs 0"

// orinNano is a Jetson Orin Nano, warm and throttled by its firmware, with its computer vision engines powered down.
func orinNano() fstest.MapFS {
	root := tree(
		"sys/devices/platform/bus@0/17000000.gpu/load", "435",
		"sys/class/devfreq/17000000.gpu/cur_freq", "624750000",
		"sys/class/devfreq/17000000.gpu/max_freq", "1020000000",
		"sys/class/devfreq/15340000.vic/cur_freq", "115200000",
		"sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "1510400",
		"sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq", "1728000",
		"sys/devices/system/cpu/cpufreq/policy4/scaling_cur_freq", "729600",
		"sys/devices/system/cpu/cpufreq/policy4/scaling_max_freq", "1728000",
		"sys/devices/platform/soctherm-oc-event/hwmon/hwmon3/oc1_event_cnt", "0",
		"sys/devices/platform/soctherm-oc-event/hwmon/hwmon3/oc2_event_cnt", "7",
		"sys/devices/platform/soctherm-oc-event/hwmon/hwmon3/oc3_event_cnt", "1",
		"sys/class/hwmon/hwmon0/name", "tmp451",
		"sys/class/hwmon/hwmon0/pwm1", "99",
		"sys/class/hwmon/hwmon2/name", "pwmfan",
		"sys/class/hwmon/hwmon2/pwm1", "102",
		"var/lib/nvpmodel/status", "pmode:0002",
		"etc/nvpmodel.conf", modes,
		"proc/meminfo", "MemTotal:        7803740 kB\nMemFree:          201040 kB\nMemAvailable:    4194304 kB\n"+
			"SwapTotal:       3901868 kB\nSwapFree:        3801868 kB",
		"proc/vmstat", vmstat,
	)
	zone(root, 0, "cpu-thermal", "61250", jetsonTrips...)
	zone(root, 1, "gpu-thermal", "62500", jetsonTrips...)
	zone(root, 2, "cv0-thermal", "-256000", jetsonTrips...)
	zone(root, 8, "tj-thermal", "86500", "active", "51000", "passive", "70000", "passive", "99000", "critical", "104500")
	delete(root, "sys/class/thermal/thermal_zone1/temp") // reading it fails while the part sleeps
	cooler(root, 0, "pwm-fan", "3", "10")
	cooler(root, 1, "hot-surface-alert", "1", "1")
	cooler(root, 2, "cpu-throttle-alert", "0", "1")
	cooler(root, 3, "tj-throttle-alert", "1", "1")
	cooler(root, 4, "cpufreq-cpu0", "0", "17")
	cooler(root, 5, "devfreq-17000000.gpu", "0", "8")
	rail(root, "1-0040", 1, "VDD_IN", "4968", "1520")
	rail(root, "1-0040", 2, "VDD_CPU_GPU_CV", "4960", "512")
	rail(root, "1-0040", 3, "VDD_SOC", "4960", "336")
	root["sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon4/in7_label"] = file("sum of shunt voltages")
	root["sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon4/in7_input"] = file("3")
	root["sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon4/curr2_max_alarm"] = file("1")
	return root
}

// agxOrin is a Jetson AGX Orin: two power monitors, none of which measures the whole.
func agxOrin() fstest.MapFS {
	root := tree(
		"sys/devices/platform/gpu.0/load", "1000",
		"sys/class/devfreq/17000000.gpu/cur_freq", "1300500000",
		"sys/class/devfreq/17000000.gpu/max_freq", "1300500000",
		"var/lib/nvpmodel/status", "pmode:0000",
		"etc/nvpmodel.conf", "< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=3 NAME=MODE_50W >",
		"proc/meminfo", "MemTotal: 64349488 kB\nMemAvailable: 60000000 kB",
	)
	zone(root, 0, "cpu-thermal", "48000", jetsonTrips...)
	zone(root, 8, "tj-thermal", "49562", jetsonTrips...)
	cooler(root, 0, "cpufreq-cpu8", "4", "20")
	rail(root, "1-0040", 1, "VDD_GPU_SOC", "19000", "400")
	rail(root, "1-0040", 2, "VDD_CPU_CV", "19000", "100")
	rail(root, "1-0040", 3, "VIN_SYS_5V0", "5000", "800")
	rail(root, "1-0041", 1, "NC", "0", "0")
	rail(root, "1-0041", 2, "VDDQ_VDD2_1V8AO", "5000", "200")
	rail(root, "1-0041", 3, "NC", "0", "0")
	return root
}

// thor is a Jetson Thor, whose GPU clock is that of its first processing cluster.
func thor() fstest.MapFS {
	root := tree(
		"sys/class/devfreq/gpu-gpc-0/cur_freq", "1575000000",
		"sys/class/devfreq/gpu-gpc-0/max_freq", "1692000000",
		"sys/class/devfreq/gpu-gpc-0/device/load", "250",
		"var/lib/nvpmodel/status", "pmode:0001",
		"etc/nvpmodel.conf", "< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=1 NAME=120W >",
		"proc/meminfo", "MemTotal: 128000000 kB\nMemAvailable: 100000000 kB",
	)
	zone(root, 0, "gpu-thermal", "55000", "critical", "108000") // no passive trip
	rail(root, "2-0041", 1, "VDD_GPU", "12000", "2000")
	rail(root, "2-0041", 2, "VDD_CPU_SOC_MSS", "12000", "1500")
	rail(root, "2-0041", 3, "VIN", "20000", "3250")
	return root
}

// pc is a laptop: one zone that tells a trip of no use, and a brake of the x86 kind.
func pc() fstest.MapFS {
	root := tree(
		"sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "2300000",
		"proc/meminfo", "MemTotal:       16206912 kB\nMemAvailable:    9000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB",
		"proc/vmstat", "oom_kill 0",
		"sys/class/hwmon/hwmon0/name", "coretemp",
	)
	zone(root, 0, "x86_pkg_temp", "52000", "passive", "0", "passive", "-274000")
	zone(root, 1, "acpitz", "27800", "critical", "119000")
	cooler(root, 0, "Processor", "0", "10")
	cooler(root, 1, "intel_powerclamp", "-1", "100")
	cooler(root, 2, "TCC Offset", "3", "63")
	cooler(root, 3, "Fan", "1", "1")
	return root
}
