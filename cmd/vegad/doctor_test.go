package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/vega-edge/vegad/camera/gocv"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/engine"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text), Mode: 0o644} }

// orin is the file system of a Jetson with one USB camera.
func orin() fstest.MapFS {
	const plugins = "usr/lib/aarch64-linux-gnu/gstreamer-1.0/"
	return fstest.MapFS{
		"etc/os-release":            file("ID=ubuntu\nPRETTY_NAME=\"Ubuntu 22.04.5 LTS\"\n"),
		"proc/sys/kernel/osrelease": file("5.15.148-tegra\n"),
		"proc/device-tree/model":    file("NVIDIA Jetson Orin Nano Developer Kit\x00"),
		"etc/nv_tegra_release":      file("# R36 (release), REVISION: 4.3, GCID: 1, BOARD: generic\n"),
		"proc/meminfo": file("MemTotal:   7803740 kB\nMemFree:  100 kB\nMemAvailable: 4194304 kB\n" +
			"SwapTotal: 3901868 kB\nSwapFree: 2097152 kB\n"),
		"etc/group":                   file("root:x:0:\nvideo:x:44:ubuntu\nrender:x:104:\n"),
		"dev/video0":                  file(""),
		"dev/nvmap":                   file(""),
		"dev/nvgpu/igpu0/power":       file(""),
		"dev/nvgpu/igpu0/ctrl":        file(""),
		"usr/local/cuda/version.json": file(`{"cuda":{"name":"CUDA SDK","version":"12.6.11"}}`),
		"usr/lib/aarch64-linux-gnu/libnvinfer.so.10":                        file(""),
		"usr/lib/aarch64-linux-gnu/libnvinfer.so.10.3.0":                    file(""),
		"usr/lib/aarch64-linux-gnu/libcudnn.so.9.3.0":                       file(""),
		"var/lib/nvpmodel/status":                                           file("pmode:0002\n"),
		"etc/nvpmodel.conf":                                                 file("< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n"),
		"sys/class/devfreq/17000000.gpu/cur_freq":                           file("624750000\n"),
		"sys/class/devfreq/17000000.gpu/max_freq":                           file("1020000000\n"),
		"sys/class/thermal/thermal_zone0/type":                              file("tj-thermal\n"),
		"sys/class/thermal/thermal_zone0/temp":                              file("56500\n"),
		"sys/class/thermal/thermal_zone0/trip_point_0_type":                 file("passive\n"),
		"sys/class/thermal/thermal_zone0/trip_point_0_temp":                 file("99000\n"),
		"sys/class/thermal/cooling_device0/type":                            file("tj-throttle-alert\n"),
		"sys/class/thermal/cooling_device0/cur_state":                       file("0\n"),
		"sys/devices/platform/soctherm-oc-event/hwmon/hwmon3/oc1_event_cnt": file("0\n"),
		"var/cache/vegad/engines":                                           &fstest.MapFile{Mode: fs.ModeDir | 0o700},
		"var/cache/vegad/engines/a/nano.engine":                             {Data: make([]byte, 3<<20), Mode: 0o600},
		"dev/dri/renderD128":                                                file(""),
		"var/lib/vegad/bundles/x":                                           file(""),
		"sys/class/video4linux/video0/name":                                 file("C920\n"),
		"sys/class/video4linux/video0/index":                                file("0\n"),
		"proc/self/maps": file("7f00-7f01 r-xp 00000000 08:01 1 /usr/lib/aarch64-linux-gnu/libopencv_videoio.so.4.8.0\n" +
			"7f02-7f03 r-xp 00000000 08:01 2 /usr/lib/aarch64-linux-gnu/libgstreamer-1.0.so.0.2003.0\n" +
			"7f04-7f05 rw-p 00000000 00:00 0 [heap]\n"),
		plugins + "libgstnvarguscamerasrc.so": file(""), plugins + "libgstnvvideo4linux2.so": file(""),
		"usr/lib/aarch64-linux-gnu/nvidia/gstreamer-1.0/libgstnvvidconv.so": file(""),
	}
}

func machineOf(root fs.FS, groups ...int) machine {
	return machine{
		root: root, groups: groups, uid: 1000, free: func(string) (uint64, error) { return 5 << 30, nil },
		access: func(string) error { return nil }, synced: func() (bool, error) { return true, nil },
		modes: func(string) ([]gocv.Mode, error) {
			return []gocv.Mode{{Format: "YUYV", Width: 640, Height: 480, FPS: 30}}, nil
		},
		now: func() time.Time { return time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC) },
		env: func(string) string { return "" },
	}
}

// find returns the findings of one check.
func find(findings []finding, check string) []finding {
	var out []finding
	for _, f := range findings {
		if f.Check == check {
			out = append(out, f)
		}
	}
	return out
}

func TestDoctorOnAHealthyJetson(t *testing.T) {
	findings := machineOf(orin(), 44, 104).examine()
	for check, want := range map[string]string{
		"system":    "Ubuntu 22.04.5 LTS, Linux 5.15.148-tegra",
		"board":     "NVIDIA Jetson Orin Nano Developer Kit, L4T 36.4.3, JetPack 6.2",
		"opencv":    "4.8.0 with GStreamer (libgstreamer 0.2003.0)",
		"gstreamer": "are installed",
		"camera":    "/dev/video0: C920: YUYV 640x480@30",
		"clock":     "2026-03-04 05:06:07 UTC, synchronised",
		"power":     "mode 2 MAXN_SUPER, 17000000.gpu 625 of 1020 MHz",
		"thermal":   "tj is the hottest, 42 K below throttling",
		"cuda":      "CUDA 12.6.11",
		"tensorrt":  "TensorRT 10.3.0",
		"cudnn":     "cuDNN 9.3.0",
		"gpu":       "may be used",
		"swap":      "2048 of 3810 MiB free",
		"engines":   "1 engines, 3 MiB in /var/cache/vegad/engines",
		"groups":    "this user is in video",
		"memory":    "4096 of 7620 MiB available",
		"disk":      "/var/lib/vegad: 5120 MiB free",
	} {
		got := find(findings, check)
		if len(got) == 0 || !strings.Contains(got[0].Detail, want) {
			t.Errorf("%s: %+v, want %q", check, got, want)
		}
	}
	for _, f := range findings {
		if f.Health != healthOK || f.Fix != "" {
			t.Errorf("%+v", f)
		}
	}
	if disks := find(findings, "disk"); len(disks) != 2 || !strings.Contains(disks[1].Detail, "/var/cache/vegad: 5120") {
		t.Errorf("%+v", disks)
	}
}

func TestDoctorFindsWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		spoil       func(fstest.MapFS)
		check       string
		health      health
		detail, fix string
	}{
		"old JetPack": {
			func(r fstest.MapFS) { r["etc/nv_tegra_release"] = file("# R35 (release), REVISION: 4.1, GCID: 1\n") },
			"board", healthWarn, "L4T 35.4.1", "JetPack 6.1",
		},
		"JetPack 6.0": {
			func(r fstest.MapFS) { r["etc/nv_tegra_release"] = file("# R36 (release), REVISION: 3.0, GCID: 1\n") },
			"board", healthWarn, "L4T 36.3.0", "JetPack 6.1",
		},
		"odd release": {
			func(r fstest.MapFS) { r["etc/nv_tegra_release"] = file("who knows\n") },
			"board", healthWarn, `"who knows"`, "JetPack",
		},
		"no decoder": {
			func(r fstest.MapFS) { delete(r, "usr/lib/aarch64-linux-gnu/gstreamer-1.0/libgstnvvideo4linux2.so") },
			"gstreamer", healthWarn, "libgstnvvideo4linux2.so for hardware decoding", "nvidia-l4t-gstreamer",
		},
		"no OpenCV": {
			func(r fstest.MapFS) { delete(r, "proc/self/maps") },
			"opencv", healthFail, "not loaded", "make build",
		},
		"bare OpenCV": {
			func(r fstest.MapFS) {
				r["proc/self/maps"] = file("7f-80 r-xp 0 08:01 1 /opt/libopencv_videoio.so.4.6.0\n")
			},
			"opencv", healthWarn, "4.6.0 links neither", "libopencv-videoio",
		},
		"not in video": {
			func(r fstest.MapFS) { r["etc/group"] = file("video:x:46:\nrender:x:104:\n") },
			"groups", healthWarn, "not in video, which owns /dev/video0", "usermod -aG video",
		},
		"no render group": {
			func(r fstest.MapFS) { r["etc/group"] = file("video:x:44:\n") },
			"groups", healthWarn, "no group render", "ls -l /dev/dri/renderD128",
		},
		"little memory": {
			func(r fstest.MapFS) { r["proc/meminfo"] = file("MemTotal: 1000000 kB\nMemAvailable: 102400 kB\n") },
			"memory", healthWarn, "100 of 976 MiB", "512 MiB",
		},
		"hot": {
			func(r fstest.MapFS) { r["sys/class/thermal/thermal_zone0/temp"] = file("86000\n") },
			"thermal", healthWarn, "13 K below", "cool it",
		},
		"throttled": {
			func(r fstest.MapFS) { r["sys/class/thermal/cooling_device0/cur_state"] = file("1\n") },
			"thermal", healthWarn, "tj-throttle-alert slows", "fan",
		},
		"overloaded supply": {
			func(r fstest.MapFS) {
				r["sys/devices/platform/soctherm-oc-event/hwmon/hwmon3/oc1_event_cnt"] = file("4\n")
			},
			"current", healthWarn, "OC1 4 times", "stronger supply",
		},
		"no power mode": {
			func(r fstest.MapFS) {
				delete(r, "var/lib/nvpmodel/status")
				delete(r, "sys/class/devfreq/17000000.gpu/cur_freq")
			},
			"power", healthWarn, "neither nvpmodel", "systemctl status nvpmodel",
		},
		"no TensorRT": {
			func(r fstest.MapFS) {
				delete(r, "usr/lib/aarch64-linux-gnu/libnvinfer.so.10")
				delete(r, "usr/lib/aarch64-linux-gnu/libnvinfer.so.10.3.0")
			},
			"tensorrt", healthWarn, "TensorRT is not installed", "nvidia-tensorrt",
		},
		"GPU that is down": {
			func(r fstest.MapFS) { delete(r, "dev/nvgpu/igpu0/ctrl") },
			"gpu", healthFail, "power only", "dmesg",
		},
		"no swap": {
			func(r fstest.MapFS) { r["proc/meminfo"] = file("MemTotal: 7803740 kB\nMemAvailable: 4194304 kB\n") },
			"swap", healthWarn, "7620 MiB of memory", "nvzramconfig",
		},
		"engines for all": {
			func(r fstest.MapFS) {
				r["var/cache/vegad/engines"] = &fstest.MapFile{Mode: fs.ModeDir | 0o755}
			},
			"engines", healthFail, "native code", "chmod 0700",
		},
		"no meminfo": {
			func(r fstest.MapFS) { delete(r, "proc/meminfo") },
			"memory", healthWarn, "does not tell", "mount /proc",
		},
		"camera without a node": {
			func(r fstest.MapFS) { delete(r, "dev/video0") },
			"camera", healthWarn, "/dev/video0 does not exist", "vegad cameras probe /dev/video0",
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := orin()
			c.spoil(root)
			found := find(machineOf(root, 44, 104).examine(), c.check)
			i := slices.IndexFunc(found, func(f finding) bool { return f.Health != healthOK })
			if i < 0 {
				t.Fatalf("nothing is wrong: %+v", found)
			}
			if found[i].Health != c.health {
				t.Errorf("health %s, want %s", found[i].Health, c.health)
			}
			wantContains(t, "detail", found[i].Detail, c.detail)
			wantContains(t, "fix", found[i].Fix, c.fix)
		})
	}
}

func TestDoctorOnABareMachine(t *testing.T) {
	m := machineOf(fstest.MapFS{})
	for check, want := range map[string]string{
		"board": "no Jetson", "gstreamer": "not needed", "camera": "no V4L2 camera", "disk": "/var/lib/vegad",
	} {
		if got := find(m.examine(), check); len(got) == 0 || got[0].Health != healthOK ||
			!strings.Contains(got[0].Detail, want) {
			t.Errorf("%s: %+v", check, got)
		}
	}
	if got := find(m.examine(), "groups"); len(got) > 0 {
		t.Errorf("groups matter without devices: %+v", got)
	}
}

func TestDoctorLooksAtTheDiskThatIsThere(t *testing.T) {
	m := machineOf(orin())
	var asked []string
	m.free = func(path string) (uint64, error) {
		asked = append(asked, path)
		if path == "/var/cache/vegad" {
			return 0, errors.New("stale handle")
		}
		return 10 << 20, nil
	}
	got := m.disks()
	if fmt.Sprint(asked) != "[/var/lib/vegad /var/cache/vegad]" {
		t.Errorf("asked about %q", asked)
	}
	if got[0].Health != healthWarn || !strings.Contains(got[0].Detail, "10 MiB free") ||
		got[1].Health != healthWarn || !strings.Contains(got[1].Detail, "stale handle") {
		t.Errorf("%+v", got)
	}
}

func TestDoctorLooksForConfiguredCameras(t *testing.T) {
	cameras := func(uris ...string) (cfg config.Config) {
		for i, uri := range uris {
			cfg.Cameras = append(cfg.Cameras, config.Camera{Name: fmt.Sprint("c", i), URI: uri})
		}
		return cfg
	}
	cfg := cameras("/dev/video0", "/dev/video3", "/films/a.mp4", "csi:0", "rtsp://u:p@h/s")
	got := machineOf(orin()).configuredCameras(cfg)
	var graded []string
	for _, f := range got {
		graded = append(graded, string(f.Health))
		if strings.Contains(f.Detail, "u:p") {
			t.Errorf("it tells a password: %s", f.Detail)
		}
	}
	if fmt.Sprint(graded) != "[ok fail fail ok ok]" {
		t.Errorf("%+v", got)
	}
}

func TestDoctorLoadsTheNetworks(t *testing.T) {
	native(t)
	cfg := config.Default()
	cfg.Bundle, cfg.Provider = tinyBundle(t), "cpu"
	got := machineOf(fstest.MapFS{}).examineNetworks(t.Context(), cfg, discard())
	if len(got) != 3 {
		t.Fatalf("%+v", got)
	}
	for i, want := range []string{"tiny 0.0.1, digest ", "1.", "golden test passed"} {
		if got[i].Health != healthOK || !strings.Contains(got[i].Detail, want) {
			t.Errorf("%+v, want %q", got[i], want)
		}
	}
	cfg.Provider = "cuda"
	e := find(machineOf(fstest.MapFS{}).examineNetworks(t.Context(), cfg, discard()), "engine")
	if len(e) != 1 || e[0].Health != healthWarn ||
		!strings.Contains(e[0].Detail, "degraded") || !strings.Contains(e[0].Detail, "cuda") {
		t.Errorf("without a GPU: %+v", e)
	}
	t.Setenv(engine.LibraryVariable, "/nonexistent/libonnxruntime.so")
	cfg.Bundle = "no-such-bundle"
	for _, f := range machineOf(fstest.MapFS{}).examineNetworks(t.Context(), cfg, discard()) {
		if f.Health != healthFail || f.Fix == "" {
			t.Errorf("%+v", f)
		}
	}
}

func TestDoctorCommand(t *testing.T) {
	native(t)
	args := []string{"doctor", "--bundle", tinyBundle(t), "--broker", startBroker(t), "--provider", "cpu"}
	text := vegad(t, args...)
	var report doctorReport
	if err := json.Unmarshal([]byte(vegad(t, append(args, "--json")...).out), &report); err != nil {
		t.Fatal(err)
	}
	want := map[health]int{healthOK: exitDone, healthWarn: exitAbstained, healthFail: exitFailed}[report.Health]
	if text.code != want {
		t.Errorf("exit code %d for health %s", text.code, report.Health)
	}
	for _, check := range []string{"system", "vegad", "opencv", "bundle", "onnxruntime", "engine", "broker"} {
		found := find(report.Findings, check)
		if len(found) == 0 {
			t.Errorf("%s is not checked", check)
			continue
		}
		wantContains(t, "stdout", text.out, fmt.Sprintf("%-5s %s", found[0].Health, check))
	}
	damaged := vegad(t, "doctor", "--bundle", "no-such-bundle", "--broker", "mqtt://127.0.0.1:1")
	if damaged.code != exitFailed {
		t.Errorf("exit code %d", damaged.code)
	}
	wantContains(t, "stdout", damaged.out, "fail  bundle", "> train one", "warn  broker")
}

func TestDoctorGrade(t *testing.T) {
	for want, findings := range map[health][]finding{
		healthOK:   {ok("a", "")},
		healthWarn: {ok("a", ""), warn("b", "", ""), ok("c", "")},
		healthFail: {broken("a", "", ""), warn("b", "", "")},
	} {
		r := doctorReport{Findings: findings}
		if r.grade(); r.Health != want {
			t.Errorf("got %s, want %s", r.Health, want)
		}
	}
}

// FuzzDoctor reads a machine whose files hold anything at all.
func FuzzDoctor(f *testing.F) {
	for _, name := range []string{"etc/nv_tegra_release", "proc/meminfo", "etc/group", "proc/self/maps"} {
		f.Add(string(orin()[name].Data))
	}
	f.Add("MemTotal: 99999999999999999999 kB\nvideo:x::\n# R99999999999999999999 (release), REVISION: 1.1")
	f.Fuzz(func(t *testing.T, text string) {
		root := orin()
		for _, name := range []string{
			"etc/os-release", "etc/nv_tegra_release", "proc/meminfo", "etc/group", "proc/self/maps", "proc/device-tree/model",
		} {
			root[name] = file(text)
		}
		for _, found := range machineOf(root).examine() {
			if found.Check == "" || found.Detail == "" || (found.Health == healthOK) != (found.Fix == "") {
				t.Errorf("%+v", found)
			}
		}
	})
}
