package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// indent lets the lines of a longer text begin below its first one.
func indent(text string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+strings.Repeat(" ", 23))
}

// read returns a file of the machine without surrounding white space and NULs; it is empty where there is no such file.
func (m machine) read(name string) string {
	data, err := fs.ReadFile(m.root, name)
	if err != nil {
		return ""
	}
	return string(bytes.Trim(data, " \t\r\n\x00"))
}

func (m machine) exists(name string) bool {
	_, err := fs.Stat(m.root, name)
	return err == nil
}

// system tells what runs here.
func (m machine) system() finding {
	name := "an unknown Linux"
	for line := range strings.Lines(m.read("etc/os-release")) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); found {
			name = strings.Trim(value, `"'`)
		}
	}
	return ok("system", strings.TrimSpace(fmt.Sprintf("%s, Linux %s on %s", name, m.read("proc/sys/kernel/osrelease"),
		runtime.GOARCH)))
}

// l4tRelease finds NVIDIA's release in /etc/nv_tegra_release: "# R36 (release), REVISION: 4.3, GCID: …".
var l4tRelease = regexp.MustCompile(`R(\d+) \(release\), REVISION: (\d+)\.(\d+)`)

func (m machine) jetson() bool { return m.exists("etc/nv_tegra_release") }

// board names a Jetson and tells whether its JetPack is new enough: 6.1 came with L4T 36.4.
func (m machine) board() finding {
	model := m.read("proc/device-tree/model")
	if !m.jetson() {
		if model == "" {
			model = "no Jetson"
		}
		return ok("board", model+": the networks run on the CPU")
	}
	text := m.read("etc/nv_tegra_release")
	release := l4tRelease.FindStringSubmatch(text)
	if release == nil {
		first, _, _ := strings.Cut(text, "\n")
		return warn("board", fmt.Sprintf("%s with an unknown release: %.80q", model, first),
			"vegad is made for JetPack 6.1 and newer")
	}
	major, _ := strconv.Atoi(release[1]) // they are digits, and a long row of them is no release
	minor, _ := strconv.Atoi(release[2])
	l4t := strings.Join(release[1:4], ".")
	detail := fmt.Sprintf("%s, L4T %s", model, l4t)
	if jetPack := jetPackOf(l4t); jetPack != "" {
		detail += ", JetPack " + jetPack
	}
	if major < 36 || (major == 36 && minor < 4) {
		return warn("board", detail, "install JetPack 6.1 or newer (L4T 36.4): older ones lack a fit ONNX Runtime")
	}
	return ok("board", detail)
}

func program() finding {
	v := programVersion()
	return ok("vegad", fmt.Sprintf("%s, %s, %d CPUs in use", v.Version, v.Go, runtime.GOMAXPROCS(0)))
}

const (
	mebibyte   = 1 << 20
	wantMemory = 512 * mebibyte
	wantDisk   = 1024 * mebibyte
)

// memory tells whether the networks fit.
func (m machine) memory() finding {
	total, available := m.meminfo("MemTotal"), m.meminfo("MemAvailable")
	if total == 0 {
		return warn("memory", "/proc/meminfo does not tell", "mount /proc")
	}
	detail := fmt.Sprintf("%d of %d MiB available", available/mebibyte, total/mebibyte)
	if available < wantMemory {
		return warn("memory", detail, "end other programs: vegad wants 512 MiB, and TensorRT more while it builds")
	}
	return ok("memory", detail)
}

// meminfo returns a line of /proc/meminfo in bytes.
func (m machine) meminfo(key string) uint64 {
	lines := bufio.NewScanner(strings.NewReader(m.read("proc/meminfo")))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[0] == key+":" && fields[2] == "kB" {
			kib, err := strconv.ParseUint(fields[1], 10, 64)
			if err == nil {
				return kib << 10
			}
		}
	}
	return 0
}

// stateFolders are where vegad keeps things as a service.
var stateFolders = [...]string{"var/lib/vegad", "var/cache/vegad"}

// disks looks at the space where vegad keeps things, or where the folder would be made.
func (m machine) disks() []finding {
	var findings []finding
	for _, folder := range stateFolders {
		there := folder
		for there != "." && !m.exists(there) {
			there = path.Dir(there)
		}
		check := "disk"
		shown := "/" + strings.TrimPrefix(there, ".")
		free, err := m.free(shown)
		if err != nil {
			findings = append(findings, warn(check, fmt.Sprintf("/%s: %v", folder, err), "check the file system"))
			continue
		}
		detail := fmt.Sprintf("/%s: %d MiB free%s", folder, free/mebibyte, noted(there != folder,
			" (does not exist yet, the service makes it)"))
		if free < wantDisk {
			findings = append(findings, warn(check, detail, "make room: models and engines want 1 GiB"))
			continue
		}
		findings = append(findings, ok(check, detail))
	}
	return findings
}
