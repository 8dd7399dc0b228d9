package page

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
	"github.com/vega-edge/vegad/runtime/web/webtest"
)

// browser is a Chromium with the fleet's page.
type browser struct{ *webtest.Browser }

func openBrowser(t *testing.T, host string) *browser {
	t.Helper()
	return &browser{webtest.Open(t, host)}
}

func read[T any](b *browser, expression string) T {
	b.T.Helper()
	return webtest.Read[T](b.Browser, expression)
}

// focus puts the keyboard on an element.
func (b *browser) focus(id string) {
	b.T.Helper()
	read[bool](b, fmt.Sprintf(`(document.getElementById(%q).focus(), true)`, id))
}

// shoot writes a picture of the page into the folder of VEGAD_SCREENSHOTS, and none without it.
func (b *browser) shoot(name string) {
	b.T.Helper()
	if folder := os.Getenv("VEGAD_SCREENSHOTS"); folder != "" {
		b.Shoot(filepath.Join(benchtest.Root(b.T), folder, name+".png"))
	}
}

// resident is the memory of a process, in MiB.
func resident(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		t.Fatal("the kernel does not tell the memory of a process")
	}
	kilobytes, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes / 1024
}

// renderer is the process of Chromium that shows the page: the largest of its kind below this one.
func (b *browser) renderer() float64 {
	b.T.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	b.Must(err)
	largest := 0.0
	for _, file := range processes {
		command, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(command, []byte("--type=renderer")) || !b.ours(filepath.Dir(file)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		b.Must(err)
		largest = max(largest, resident(b.T, pid))
	}
	if largest == 0 {
		b.T.Fatal("the process that shows the page is not found")
	}
	return largest
}

// ours says whether a process descends from this one.
func (b *browser) ours(process string) bool {
	parent := regexp.MustCompile(`PPid:\s+(\d+)`)
	for range 10 {
		text, err := os.ReadFile(filepath.Join(process, "status"))
		if err != nil {
			return false
		}
		found := parent.FindSubmatch(text)
		if found == nil {
			return false
		}
		if string(found[1]) == strconv.Itoa(os.Getpid()) {
			return true
		}
		process = "/proc/" + string(found[1])
	}
	return false
}
