package main

import (
	"os"

	"github.com/vega-edge/vegad/camera/gocv"
)

// camerasCmd is vegad cameras.
type camerasCmd struct {
	List  camerasListCmd  `cmd:"" help:"List the cameras that are plugged in."`
	Probe camerasProbeCmd `cmd:"" help:"Open a camera and read ten frames."`
}

type camerasListCmd struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// listedCamera is a V4L2 device of this machine.
type listedCamera struct {
	URI     string `json:"uri"`
	Name    string `json:"name"`
	Capture bool   `json:"capture"` // false for nodes without pictures
	Problem string `json:"problem,omitempty"`
}

// Run lists the V4L2 devices.
func (c *camerasListCmd) Run(s streams) error {
	devices, err := gocv.List(os.DirFS("/"))
	if err != nil {
		return err
	}
	cameras := make([]listedCamera, 0, len(devices))
	for _, d := range devices {
		cameras = append(cameras, listedCamera{URI: d.Path, Name: d.Name, Capture: d.Capture, Problem: d.Err})
	}
	if c.JSON {
		return s.json(cameras)
	}
	if len(cameras) == 0 {
		s.say("No V4L2 camera is plugged in. csi:0, rtsp://…, film.mp4 and room:?seed=7 are not listed here.\n")
	}
	for _, cam := range cameras {
		s.say("%-14s %s%s%s\n", cam.URI, cam.Name, noted(!cam.Capture, "  (no pictures)"),
			noted(cam.Problem != "", "  ! "+cam.Problem))
	}
	return nil
}

func noted(say bool, text string) string {
	if say {
		return text
	}
	return ""
}
