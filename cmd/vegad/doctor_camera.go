package main

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/gocv"
	"github.com/vega-edge/vegad/runtime/config"
)

// mapped finds a shared library in /proc/self/maps: its name and the version in the name of its file.
var mapped = regexp.MustCompile(`/lib([a-z_]+)[^/ ]*\.so\.([0-9.]+)$`)

// libraries are the shared libraries in this process: name to version.
func (m machine) libraries() map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(m.read("proc/self/maps")) {
		if part := mapped.FindStringSubmatch(strings.TrimSpace(line)); part != nil {
			found[part[1]] = part[2]
		}
	}
	return found
}

// opencv tells which OpenCV this program was loaded with, and what its video code rests on. It looks at the libraries
// in the process, which is what really runs, not what the headers were.
func (m machine) opencv() finding {
	loaded := m.libraries()
	version := loaded["opencv_videoio"]
	if version == "" {
		return broken("opencv", "its videoio library is not loaded",
			"this program was built without cgo or with another OpenCV: build it with make build")
	}
	var backends []string
	for _, backend := range []struct{ library, name string }{
		{"avcodec", "FFmpeg"}, {"gstreamer", "GStreamer"}, {"v4l", "libv4l"},
	} {
		if v, there := loaded[backend.library]; there {
			backends = append(backends, backend.name+" ("+"lib"+backend.library+" "+v+")")
		}
	}
	detail := fmt.Sprintf("%s with %s", version, strings.Join(backends, ", "))
	if len(backends) == 0 {
		return warn("opencv", version+" links neither FFmpeg nor GStreamer: films and network cameras may not open",
			"install an OpenCV with FFmpeg, such as the distribution's libopencv-videoio")
	}
	return ok("opencv", detail)
}

// jetsonElements are GStreamer's plug-ins for the hardware of a Jetson and what they are for.
var jetsonElements = [...]struct{ file, use string }{
	{"libgstnvarguscamerasrc.so", "cameras on the connector (csi:)"},
	{"libgstnvvideo4linux2.so", "hardware decoding"},
	{"libgstnvvidconv.so", "hardware scaling"},
}

// gstreamer looks for the plug-ins that use a Jetson's hardware.
func (m machine) gstreamer() finding {
	if !m.jetson() {
		return ok("gstreamer", "this is no Jetson, so its hardware elements are not needed")
	}
	var absent []string
	for _, e := range jetsonElements {
		found, err := fs.Glob(m.root, "usr/lib/*/gstreamer-1.0/"+e.file)
		more, alsoErr := fs.Glob(m.root, "usr/lib/*/*/gstreamer-1.0/"+e.file)
		if err != nil || alsoErr != nil || len(found)+len(more) == 0 {
			absent = append(absent, e.file+" for "+e.use)
		}
	}
	if len(absent) > 0 {
		return warn("gstreamer", "missing: "+strings.Join(absent, ", "), "sudo apt-get install nvidia-l4t-gstreamer")
	}
	return ok("gstreamer", "the Jetson's camera, decoder and scaler elements are installed")
}

// cameras lists what is plugged in.
func (m machine) cameras() []finding {
	devices, err := gocv.List(m.root)
	if err != nil {
		return []finding{warn("cameras", err.Error(), "is /sys mounted?")}
	}
	var findings []finding
	for _, d := range devices {
		detail := fmt.Sprintf("%s: %s", d.Path, d.Name)
		switch {
		case d.Err != "":
			findings = append(findings, warn("camera", detail+": "+d.Err, "vegad cameras probe "+d.Path+" tries it"))
		case d.Capture:
			findings = append(findings, m.camera(d.Path, detail))
		}
	}
	if len(findings) == 0 {
		findings = append(findings, ok("camera", "no V4L2 camera is plugged in"))
	}
	return findings
}

// shownModes is how many modes of a camera are told.
const shownModes = 6

// camera tells what a camera delivers, the largest pictures first.
func (m machine) camera(path, detail string) finding {
	modes, err := m.modes(path)
	if err != nil {
		return warn("camera", detail+": "+err.Error(), "vegad cameras probe "+path+" tries it")
	}
	slices.SortStableFunc(modes, func(a, b gocv.Mode) int { return b.Width*b.Height - a.Width*a.Height })
	words := make([]string, 0, shownModes)
	for _, mode := range modes[:min(len(modes), shownModes)] {
		words = append(words, mode.String())
	}
	if len(words) > 0 {
		detail += ": " + strings.Join(words, ", ")
	}
	if more := len(modes) - len(words); more > 0 {
		detail += fmt.Sprintf(" and %d more", more)
	}
	return ok("camera", detail)
}

// configuredCameras makes sure that devices and films which the configuration names are there.
func (m machine) configuredCameras(cfg config.Config) []finding {
	var findings []finding
	for _, c := range cfg.Cameras {
		uri, err := camera.ParseURI(c.URI)
		if err != nil {
			findings = append(findings, broken("configured", err.Error(), "correct the camera's uri"))
			continue
		}
		detail := fmt.Sprintf("camera %s: %s", c.Name, uri)
		local := uri.Kind == camera.KindV4L2 || uri.Kind == camera.KindFile
		name := strings.TrimPrefix(uri.Path, "/")
		if local && path.IsAbs(uri.Path) && !m.exists(name) {
			findings = append(findings, broken("configured", detail+" does not exist", "plug it in or correct its uri"))
			continue
		}
		findings = append(findings, ok("configured", detail))
	}
	return findings
}

// deviceGroups are the groups that may use devices, and a device that shows whether that matters here.
var deviceGroups = [...]struct{ group, devices string }{
	{"video", "dev/video*"},
	{"render", "dev/dri/renderD*"},
}

// membership tells whether this user may use cameras and the GPU. Root may anyway.
func (m machine) membership() []finding {
	var findings []finding
	for _, g := range deviceGroups {
		devices, err := fs.Glob(m.root, g.devices)
		if err != nil || len(devices) == 0 || m.uid == 0 {
			continue
		}
		id, known := m.group(g.group)
		switch {
		case !known:
			findings = append(findings, warn("groups", "there is no group "+g.group+", but there is /"+devices[0],
				"look who owns it: ls -l /"+devices[0]))
		case slices.Contains(m.groups, id):
			findings = append(findings, ok("groups", "this user is in "+g.group))
		default:
			findings = append(findings, warn("groups", "this user is not in "+g.group+", which owns /"+devices[0],
				"sudo usermod -aG "+g.group+" $USER, then log in again"))
		}
	}
	return findings
}

// group looks a group up in /etc/group.
func (m machine) group(name string) (id int, known bool) {
	for line := range strings.Lines(m.read("etc/group")) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) == 4 && fields[0] == name {
			id, err := strconv.Atoi(fields[2])
			return id, err == nil
		}
	}
	return 0, false
}
