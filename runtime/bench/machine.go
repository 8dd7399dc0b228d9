package bench

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// usage is what the process has used.
type usage struct{ cpu time.Duration }

// thisMachine tells what the measurement ran on.
func thisMachine() Machine {
	m := Machine{Device: device(), Cores: runtime.GOMAXPROCS(0), OS: runtime.GOOS, Arch: runtime.GOARCH}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		_, _ = fmt.Sscan(string(text), &m.LoadBefore) // 0 where there is none
	}
	return m
}

// device is the model of the board, such as a Jetson's, or else of the processor.
func device() string {
	if model, err := os.ReadFile("/proc/device-tree/model"); err == nil {
		return strings.TrimRight(string(model), "\x00\n")
	}
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// resident is the memory of the process, in MiB; 0 where the kernel does not tell.
func resident() float64 {
	text, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	var kib float64
	_, _ = fmt.Sscan(rest, &kib)
	return kib / 1024
}

func heap() float64 {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return float64(s.HeapAlloc) / (1 << 20)
}
