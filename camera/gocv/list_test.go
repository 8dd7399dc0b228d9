package gocv

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func sysfs() fstest.MapFS {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return fstest.MapFS{
		"sys/class/video4linux/video10/name":     file("Rear camera\n"),
		"sys/class/video4linux/video10/index":    file("0\n"),
		"sys/class/video4linux/video2/name":      file("USB camera: USB camera\n"),
		"sys/class/video4linux/video2/index":     file("0\n"),
		"sys/class/video4linux/video3/name":      file("USB camera: USB camera\n"),
		"sys/class/video4linux/video3/index":     file("1\n"),
		"sys/class/video4linux/video4/index":     file("zero\n"),
		"sys/class/video4linux/v4l-subdev0/name": file("sensor\n"),
		"dev/video2":                             file(""),
		"dev/video3":                             file(""),
		"dev/video4":                             file(""),
	}
}

func TestList(t *testing.T) {
	got, err := List(sysfs())
	if err != nil {
		t.Fatal(err)
	}
	want := []Device{
		{Path: "/dev/video2", Name: "USB camera: USB camera", Capture: true},
		{Path: "/dev/video3", Name: "USB camera: USB camera", Index: 1},
		{Path: "/dev/video4", Err: "reading sysfs"},
		{Path: "/dev/video10", Name: "Rear camera", Capture: true, Err: "/dev/video10 does not exist here"},
	}
	if len(got) != len(want) {
		t.Fatalf("found %+v", got)
	}
	for i, w := range want {
		g := got[i]
		if (w.Err == "") != (g.Err == "") || !strings.Contains(g.Err, w.Err) {
			t.Errorf("%s: trouble %q, want %q", w.Path, g.Err, w.Err)
		}
		if g.Err = w.Err; g != w {
			t.Errorf("found %+v, want %+v", g, w)
		}
	}
}

func TestListWithoutCameras(t *testing.T) {
	if got, err := List(fstest.MapFS{}); err != nil || len(got) != 0 {
		t.Errorf("found %v, %v", got, err)
	}
}

func TestListForbidden(t *testing.T) {
	root := denied{sysfs()}
	got, err := List(root)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got[0].Err, "join the group video") {
		t.Errorf("trouble %q", got[0].Err)
	}
}

// denied is a file system whose devices may not be opened.
type denied struct{ fstest.MapFS }

func (d denied) Open(name string) (fs.File, error) {
	if strings.HasPrefix(name, "dev/") {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return d.MapFS.Open(name)
}

func TestListOnThisMachine(t *testing.T) {
	got, err := List(os.DirFS("/"))
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := filepath.Glob("/sys/class/video4linux/video*")
	if err != nil || len(got) != len(nodes) {
		t.Errorf("found %d devices, sysfs has %d: %v", len(got), len(nodes), err)
	}
}
