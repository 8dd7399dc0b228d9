package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/vega-edge/vegad/camera/gocv"
)

func TestJetPackOf(t *testing.T) {
	for l4t, want := range map[string]string{
		"35.4.1": "5.1", "36.3.0": "6.0", "36.4.0": "6.1", "36.4.3": "6.2", "36.4.4": "6.2.1", "36.4.7": "6.2.1",
		"36.5.0": "6.2.2", "38.2.0": "7.0", "38.4.0": "7.1", "39.2.0": "7.2", "36.2.0": "", "99.0.0": "", "3.5": "",
	} {
		if got := jetPackOf(l4t); got != want {
			t.Errorf("L4T %s is JetPack %q, want %q", l4t, got, want)
		}
	}
}

// object is the smallest shared library that asks for others: an ELF file with a dynamic section and its strings.
func object(needed ...string) string {
	names := []byte{0}
	var dynamic []uint64
	for _, library := range needed {
		dynamic = append(dynamic, 1, uint64(len(names))) // DT_NEEDED
		names = append(append(names, library...), 0)
	}
	dynamic = append(dynamic, 0, 0)
	const header, section = 64, 64
	at := uint64(header + 3*section)
	size := uint64(8 * len(dynamic))
	var out bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&out, binary.LittleEndian, v)
		}
	}
	put([]byte("\x7fELF\x02\x01\x01"), make([]byte, 9), uint16(3), uint16(183), uint32(1), uint64(0), uint64(0),
		uint64(header), uint32(0), uint16(header), uint16(0), uint16(0), uint16(section), uint16(3), uint16(2))
	put(make([]byte, section))
	put(uint32(0), uint32(6), uint64(0), uint64(0), at, size, uint32(2), uint32(0), uint64(8), uint64(16))
	put(uint32(0), uint32(3), uint64(0), uint64(0), at+size, uint64(len(names)), uint32(0), uint32(0), uint64(1),
		uint64(0))
	put(dynamic, names)
	return out.String()
}

func TestDoctorNamesMissingLibraries(t *testing.T) {
	const folder = "opt/onnxruntime/lib/"
	root := orin()
	root[folder+"libonnxruntime_providers_shared.so"] = file(object("libc.so.6"))
	root[folder+"libonnxruntime_providers_cuda.so"] = file(object("libcudart.so.12", "libcublasLt.so.12", "libcudnn.so.9"))
	root[folder+"libonnxruntime_providers_tensorrt.so"] = file(object("libnvinfer.so.10", "libnvonnxparser.so.10",
		"libcudart.so.12"))
	root["lib/aarch64-linux-gnu/libc.so.6"] = file("")
	root["usr/local/cuda-12.6/lib/libcublasLt.so.12"] = file("")
	root["etc/ld.so.conf.d/cuda.conf"] = file("# CUDA\n/usr/local/cuda-12.6/lib\n")
	m := machineOf(root)
	got := m.runtimeLibraries("/" + folder + "libonnxruntime.so.1.23.0")
	if len(got) != 1 || got[0].Health != healthWarn ||
		!strings.HasSuffix(got[0].Detail, "miss libcudart.so.12, libcudnn.so.9, libnvonnxparser.so.10") {
		t.Fatalf("%+v", got)
	}
	root[folder+"libcudnn.so.9"], root["opt/extra/libcudart.so.12"] = file(""), file("")
	root["usr/lib/aarch64-linux-gnu/libnvonnxparser.so.10"] = file("")
	m.env = func(key string) string { return map[string]string{"LD_LIBRARY_PATH": ":relative:/opt/extra/"}[key] }
	got = m.runtimeLibraries("/" + folder + "libonnxruntime.so.1.23.0")
	if len(got) != 1 || got[0].Health != healthOK || !strings.Contains(got[0].Detail, "shared, cuda, tensorrt") {
		t.Errorf("%+v", got)
	}
	root[folder+"libonnxruntime_providers_cuda.so"] = file("no library at all")
	if got = m.runtimeLibraries("/" + folder + "libonnxruntime.so"); got[0].Health != healthOK {
		t.Errorf("%+v", got)
	}
	if got = m.runtimeLibraries("/usr/lib/libonnxruntime.so"); len(got) != 1 || got[0].Health != healthWarn ||
		!strings.Contains(got[0].Detail, "no GPU provider") {
		t.Errorf("without providers: %+v", got)
	}
	if got = machineOf(fstest.MapFS{}).runtimeLibraries("/usr/lib/libonnxruntime.so"); len(got) != 0 {
		t.Errorf("on a laptop: %+v", got)
	}
}

func TestDoctorFindsWhatOnlyTheKernelKnows(t *testing.T) {
	for name, c := range map[string]struct {
		spoil       func(*machine)
		check       string
		health      health
		detail, fix string
	}{
		"unsynchronised": {
			func(m *machine) { m.synced = func() (bool, error) { return false, nil } },
			"clock", healthWarn, "not synchronised", "set-ntp",
		},
		"no word on the clock": {
			func(m *machine) { m.synced = func() (bool, error) { return false, errors.New("not permitted") } },
			"clock", healthWarn, "not permitted", "timedatectl",
		},
		"cold clock": {
			func(m *machine) { m.now = func() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) } },
			"clock", healthFail, "2000-01-01 00:00:00 UTC cannot be", "set-time",
		},
		"device of another group": {
			func(m *machine) { m.access = refuse("/dev/nvmap") },
			"gpu", healthWarn, "may not use /dev/nvmap: refused", "usermod -aG video,render",
		},
		"engines of another user": {
			func(m *machine) { m.access = refuse("/var/cache/vegad/engines") },
			"engines", healthWarn, "cannot be written", "chown",
		},
		"configured engines that are not there": {
			func(m *machine) { m.engineDir = "/data/engines" },
			"engines", healthOK, "none are kept in /data/engines yet", "",
		},
		"camera that does not answer": {
			func(m *machine) {
				m.modes = func(string) ([]gocv.Mode, error) { return nil, errors.New("device or resource busy") }
			},
			"camera", healthWarn, "C920: device or resource busy", "vegad cameras probe /dev/video0",
		},
	} {
		m := machineOf(orin(), 44, 104)
		c.spoil(&m)
		got := find(m.examine(), c.check)
		if len(got) != 1 || got[0].Health != c.health || !strings.Contains(got[0].Detail, c.detail) ||
			!strings.Contains(got[0].Fix, c.fix) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestDoctorLooksIntoTheConfiguredEngines(t *testing.T) {
	folder := t.TempDir()
	engines, file := filepath.Join(folder, "engines"), filepath.Join(folder, "config.yaml")
	if err := os.Mkdir(engines, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("engine: {dir: engines}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantContains(t, "doctor", vegad(t, "doctor", "-c", file).out, "others may use "+engines, "chmod 0700 "+engines)
}

func refuse(path string) func(string) error {
	return func(asked string) error {
		if asked == path {
			return errors.New("refused")
		}
		return nil
	}
}

func TestDoctorTellsTheLargestModes(t *testing.T) {
	m := machineOf(orin(), 44, 104)
	m.modes = func(path string) ([]gocv.Mode, error) {
		var modes []gocv.Mode
		for i := range 9 {
			modes = append(modes, gocv.Mode{Format: "MJPG", Width: 160 * (i + 1), Height: 120 * (i + 1), FPS: 30})
		}
		return modes, nil
	}
	got := find(m.examine(), "camera")
	if len(got) != 1 || !strings.Contains(got[0].Detail, "MJPG 1440x1080@30, MJPG 1280x960@30") ||
		!strings.HasSuffix(got[0].Detail, "MJPG 640x480@30 and 3 more") {
		t.Errorf("%+v", got)
	}
}

func TestDoctorAsksThisKernel(t *testing.T) {
	if _, err := kernelSynced(); err != nil {
		t.Skipf("this kernel does not tell: %v", err)
	}
	m, err := thisMachine()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.examine() {
		if f.Check == "" || f.Detail == "" || (f.Health == healthOK) != (f.Fix == "") {
			t.Errorf("%+v", f)
		}
	}
	if err := m.access("/nonexistent"); err == nil {
		t.Error("a file that is not there may be used")
	}
}
