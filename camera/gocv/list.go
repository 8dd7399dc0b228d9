package gocv

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// sysfsCameras is where Linux describes video devices.
const sysfsCameras = "sys/class/video4linux"

// Device is a V4L2 device of this machine.
type Device struct {
	Path    string // /dev/video0
	Name    string // as the driver calls it
	Index   int    // number of the node among those of one camera, from 0
	Capture bool   // false for nodes that carry no pictures, such as the metadata of a USB camera
	Err     string // why it cannot be used, as text for people; empty when nothing is wrong
}

// List finds the V4L2 devices of a file system, os.DirFS("/") for those of the machine, in order of their numbers. A
// machine without any gives an empty list and no error.
func List(root fs.FS) ([]Device, error) {
	entries, err := fs.ReadDir(root, sysfsCameras)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing cameras: %w", err)
	}
	var devices []Device
	for _, e := range entries {
		if _, ok := nodeNumber(e.Name()); ok {
			devices = append(devices, inspect(root, e.Name()))
		}
	}
	slices.SortFunc(devices, func(a, b Device) int {
		x, _ := nodeNumber(path.Base(a.Path))
		y, _ := nodeNumber(path.Base(b.Path))
		return cmp.Compare(x, y)
	})
	return devices, nil
}

func nodeNumber(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "video")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n >= 0
}

func inspect(root fs.FS, node string) Device {
	d := Device{Path: "/dev/" + node}
	var problems []string
	note := func(err error) {
		if err != nil {
			problems = append(problems, err.Error())
		}
	}
	var err error
	d.Name, err = readLine(root, path.Join(sysfsCameras, node, "name"))
	note(err)
	index, err := readLine(root, path.Join(sysfsCameras, node, "index"))
	note(err)
	if err == nil {
		d.Index, err = strconv.Atoi(index)
		note(err)
	}
	d.Capture = err == nil && d.Index == 0
	note(openable(root, "dev/"+node))
	d.Err = strings.Join(problems, "; ")
	return d
}

func readLine(root fs.FS, name string) (string, error) {
	data, err := fs.ReadFile(root, name)
	if err != nil {
		return "", fmt.Errorf("reading sysfs: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// openable tells what stands between this process and a device node. Opening a V4L2 node has no effect on a camera
// that streams.
func openable(root fs.FS, name string) error {
	f, err := root.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("/%s does not exist here: in a container, pass the device in", name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("/%s may not be opened: join the group video", name)
	case err != nil:
		return err
	}
	return f.Close()
}
