package main

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	sensors "github.com/vega-edge/vegad/runtime/health"
)

// jetPacks are NVIDIA's names for its releases of L4T, the newest first.
var jetPacks = [...]struct{ l4t, jetPack string }{
	{"39.2", "7.2"},
	{"38.4", "7.1"},
	{"38.2", "7.0"},
	{"36.5", "6.2.2"},
	{"36.4.7", "6.2.1"},
	{"36.4.4", "6.2.1"},
	{"36.4.3", "6.2"},
	{"36.4", "6.1"},
	{"36.3", "6.0"},
	{"35", "5.1"},
}

// jetPackOf is the JetPack of a release such as 36.4.3; empty for those that are not known.
func jetPackOf(l4t string) string {
	for _, r := range jetPacks {
		if l4t == r.l4t || strings.HasPrefix(l4t, r.l4t+".") {
			return r.jetPack
		}
	}
	return ""
}

// libraryFolders are where shared libraries are looked for. A Jetson's own lie in nvidia and tegra.
var libraryFolders = [...]string{
	"usr/lib/aarch64-linux-gnu", "usr/lib/aarch64-linux-gnu/nvidia", "usr/lib/aarch64-linux-gnu/tegra",
	"usr/lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "lib/x86_64-linux-gnu", "usr/local/cuda/lib64",
	"usr/local/cuda/targets/aarch64-linux/lib", "usr/local/cuda/targets/sbsa-linux/lib", "usr/local/lib", "usr/lib",
	"lib64", "lib",
}

// versionOf is the version in the name of a library's file, such as 10.3.0 of libnvinfer.so.10.3.0; the longest name
// says most. It is empty where there is no such library.
func (m machine) versionOf(library string) string {
	version := ""
	for _, folder := range libraryFolders {
		for _, name := range m.find(path.Join(folder, library+".so.*")) {
			if v := strings.TrimPrefix(path.Base(name), library+".so."); len(v) > len(version) {
				version = v
			}
		}
	}
	return version
}

// acceleration names the versions of what the GPU providers of ONNX Runtime rest on.
func (m machine) acceleration() []finding {
	cuda := m.cudaVersion()
	if !m.jetson() && cuda == "" {
		return []finding{ok("gpu", "no CUDA here: the networks run on the CPU")}
	}
	var findings []finding
	for _, part := range []struct{ check, name, version, pack string }{
		{"cuda", "CUDA", cuda, "nvidia-cuda"},
		{"tensorrt", "TensorRT", m.versionOf("libnvinfer"), "nvidia-tensorrt"},
		{"cudnn", "cuDNN", m.versionOf("libcudnn"), "nvidia-cudnn"},
	} {
		if part.version == "" {
			findings = append(findings, warn(part.check, part.name+" is not installed: the networks run on the CPU",
				"sudo apt-get install "+part.pack+", or nvidia-jetpack for all of it"))
			continue
		}
		findings = append(findings, ok(part.check, part.name+" "+part.version))
	}
	return findings
}

// cudaVersion reads the tool kit's own file, or else the name of the run time library.
func (m machine) cudaVersion() string {
	var file struct {
		CUDA struct {
			Version string `json:"version"`
		} `json:"cuda"`
	}
	text := m.read("usr/local/cuda/version.json")
	if json.Unmarshal([]byte(text), &file) == nil && file.CUDA.Version != "" {
		return file.CUDA.Version
	}
	return m.versionOf("libcudart")
}

// gpuNodes must be there and usable before a Jetson's GPU can be used.
var gpuNodes = [...]string{"dev/nvmap", "dev/nvgpu/igpu0/ctrl"}

// gpuDevices tells whether the GPU has come up and this user may use it.
func (m machine) gpuDevices() []finding {
	if !m.jetson() {
		return nil
	}
	// Of the GPU's nodes, only power is made when bringing it up fails.
	if m.exists("dev/nvgpu/igpu0/power") && !m.exists("dev/nvgpu/igpu0/ctrl") {
		return []finding{broken("gpu", "the GPU has not come up: of /dev/nvgpu/igpu0 there is power only",
			"sudo dmesg | grep -i nvgpu says why; a wrong or half installed JetPack is the usual reason")}
	}
	for _, node := range gpuNodes {
		if !m.exists(node) {
			continue // other boards have other nodes
		}
		if err := m.access("/" + node); err != nil {
			return []finding{warn("gpu", fmt.Sprintf("this user may not use /%s: %v", node, err),
				"sudo usermod -aG video,render $USER, then log in again")}
		}
	}
	return []finding{ok("gpu", "its device nodes may be used")}
}

// power tells the mode, the clocks and whether something slows the machine down now.
func (m machine) power() []finding {
	r := sensors.NewReader(m.root).Read()
	findings := append(m.heat(r), overCurrent(r)...)
	var words []string
	if r.Mode.Known {
		words = append(words, fmt.Sprintf("mode %d %s", r.Mode.ID, r.Mode.Name))
	}
	if r.Power.Known {
		words = append(words, fmt.Sprintf("%.1f W", r.Power.Value))
	}
	for _, c := range r.Clocks {
		text := fmt.Sprintf("%s %.0f", c.Name, c.Hertz/1e6)
		if c.Maximum.Known {
			text += fmt.Sprintf(" of %.0f", c.Maximum.Value/1e6)
		}
		words = append(words, text+" MHz")
	}
	switch {
	case len(words) > 0:
		findings = append(findings, ok("power", strings.Join(words, ", ")))
	case m.jetson():
		findings = append(findings, warn("power", "neither nvpmodel nor the clocks tell anything",
			"sudo systemctl status nvpmodel"))
	}
	return findings
}

// tight is the headroom, in kelvins, from which vegad begins to do less.
const tight = 14

func (m machine) heat(r *sensors.Reading) []finding {
	headroom, zone := r.Headroom()
	if brake := r.Throttled(); brake != "" {
		return []finding{warn("thermal", brake+" slows the machine down now",
			"cool it: clean or mount a fan, or choose a lower power mode with nvpmodel")}
	}
	if !headroom.Known {
		return nil
	}
	detail := fmt.Sprintf("%s is the hottest, %.0f K below throttling", zone, headroom.Value)
	if headroom.Value < tight {
		return []finding{warn("thermal", detail, "cool it: vegad does less below 14 K")}
	}
	return []finding{ok("thermal", detail)}
}

func overCurrent(r *sensors.Reading) []finding {
	var counted []string
	for _, c := range r.OverCurrent {
		if c.Count > 0 {
			counted = append(counted, fmt.Sprintf("%s %d times", c.Name, c.Count))
		}
	}
	for _, rail := range r.Rails {
		if rail.Alarm {
			counted = append(counted, rail.Name+" now")
		}
	}
	if len(counted) == 0 {
		return nil
	}
	return []finding{warn("current", "the supply was overloaded since boot: "+strings.Join(counted, ", "),
		"use a stronger supply, or a lower power mode: sudo nvpmodel -m 1")}
}

// providerLibraries belong beside ONNX Runtime: shared is what the two others need.
var providerLibraries = [...]string{"shared", "cuda", "tensorrt"}

// runtimeLibraries looks at the GPU providers beside ONNX Runtime and names what they would miss.
func (m machine) runtimeLibraries(onnxruntime string) []finding {
	folder := strings.TrimPrefix(path.Dir(onnxruntime), "/")
	var there, missing []string
	for _, provider := range providerLibraries {
		name := path.Join(folder, "libonnxruntime_providers_"+provider+".so")
		if !m.exists(name) {
			continue
		}
		there = append(there, provider)
		for _, library := range m.needed(name) {
			if !m.hasLibrary(library, folder) && !slices.Contains(missing, library) {
				missing = append(missing, library)
			}
		}
	}
	switch {
	case len(missing) > 0:
		return []finding{warn("libraries", "ONNX Runtime's GPU providers miss "+strings.Join(missing, ", "),
			"install the CUDA, cuDNN and TensorRT that this build of ONNX Runtime was made with: docs/jetson.md has a table")}
	case len(there) > 0:
		return []finding{ok("libraries", "ONNX Runtime's providers "+strings.Join(there, ", ")+" find what they need")}
	case m.jetson():
		return []finding{warn("libraries", "this ONNX Runtime has no GPU provider beside it in /"+folder,
			"install one with TensorRT for this JetPack: docs/jetson.md says where to get it")}
	}
	return nil
}

// needed are the libraries that a shared library asks for; none when it is no ELF file.
func (m machine) needed(name string) []string {
	file, err := m.root.Open(name)
	if err != nil {
		return nil
	}
	defer file.Close() //nolint:errcheck // nothing was written
	at, ok := file.(io.ReaderAt)
	if !ok {
		return nil
	}
	object, err := elf.NewFile(at)
	if err != nil {
		return nil
	}
	libraries, err := object.ImportedLibraries()
	if err != nil {
		return nil
	}
	return libraries
}

func (m machine) hasLibrary(library, beside string) bool {
	if m.exists(path.Join(beside, library)) {
		return true
	}
	for _, folder := range m.libraryPath() {
		if m.exists(path.Join(folder, library)) {
			return true
		}
	}
	return false
}

// libraryPath is where the loader looks: LD_LIBRARY_PATH, its own folders, and those of /etc/ld.so.conf.d.
func (m machine) libraryPath() []string {
	folders := slices.Clone(libraryFolders[:])
	for folder := range strings.SplitSeq(m.env("LD_LIBRARY_PATH"), ":") {
		if path.IsAbs(folder) {
			folders = append(folders, strings.TrimPrefix(path.Clean(folder), "/"))
		}
	}
	for _, name := range m.find("etc/ld.so.conf.d/*.conf") {
		for line := range strings.Lines(m.read(name)) {
			if line = strings.TrimSpace(line); path.IsAbs(line) {
				folders = append(folders, strings.TrimPrefix(path.Clean(line), "/"))
			}
		}
	}
	return slices.DeleteFunc(folders, func(folder string) bool { return folder == "" })
}
