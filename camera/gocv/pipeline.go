package gocv

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/vega-edge/vegad/camera"
)

// sink ends every pipeline. One buffer and drop keep the newest picture; without them a queue grows and with it the
// age of what is seen. A stream is shown when it arrives, not when its clock says so.
const sink = " ! videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"

// Defaults of the camera connector: what every sensor sold for the Jetson offers.
const (
	csiWidth  = 1280
	csiHeight = 720
	csiFPS    = 30
)

// csiPipeline reads a sensor on a Jetson's camera connector through its image signal processor. The converter brings
// pictures into memory that the CPU can read; it cannot make BGR itself.
func csiPipeline(u camera.URI) string {
	width, height, fps := either(u.Width, csiWidth), either(u.Height, csiHeight), u.FPS
	if fps == 0 {
		fps = csiFPS
	}
	return fmt.Sprintf("nvarguscamerasrc sensor-id=%d"+
		" ! video/x-raw(memory:NVMM),width=%d,height=%d,format=NV12,framerate=%s"+
		" ! nvvidconv flip-method=%d ! video/x-raw,format=BGRx"+sink, u.Sensor, width, height, fraction(fps), u.Flip)
}

// rtspPipeline reads a network camera through a Jetson's hardware decoder.
func rtspPipeline(u camera.URI) string {
	codec := "h264"
	if u.Codec == "h265" {
		codec = "h265"
	}
	return fmt.Sprintf("rtspsrc location=%s latency=0 protocols=tcp"+
		" ! queue ! rtp%sdepay ! %sparse ! nvv4l2decoder ! nvvidconv ! video/x-raw,format=BGRx"+sink,
		quote(u.Address()), codec, codec)
}

// quote writes a value for gst_parse_launch, which would end it at a space and take an exclamation mark for a link.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// fraction writes a rate as GStreamer wants it. Rates such as 29.97 become thousandths.
func fraction(fps float64) string {
	if fps == float64(int(fps)) {
		return strconv.Itoa(int(fps)) + "/1"
	}
	return strconv.Itoa(int(fps*1000+0.5)) + "/1000"
}

func either(value, fallback int) int {
	if value != 0 {
		return value
	}
	return fallback
}

// hardware is what of a Jetson's video path is installed.
type hardware struct {
	argus   bool // nvarguscamerasrc: sensors on the camera connector
	decoder bool // nvv4l2decoder and nvvidconv
}

// probe looks for the plug-in files of the elements, because asking GStreamer would load it into every process.
func probe(root fs.FS) hardware {
	var h hardware
	var found struct{ decoder, converter bool }
	for _, folder := range pluginFolders {
		for element, present := range map[string]*bool{
			"libgstnvarguscamerasrc.so": &h.argus,
			"libgstnvvideo4linux2.so":   &found.decoder,
			"libgstnvvidconv.so":        &found.converter,
		} {
			if _, err := fs.Stat(root, folder+"/"+element); err == nil {
				*present = true
			}
		}
	}
	h.decoder = found.decoder && found.converter
	h.argus = h.argus && found.converter
	return h
}

// pluginFolders are where JetPack and distributions put GStreamer's plug-ins.
var pluginFolders = [...]string{
	"usr/lib/aarch64-linux-gnu/gstreamer-1.0",
	"usr/lib/aarch64-linux-gnu/nvidia/gstreamer-1.0",
	"usr/lib/gstreamer-1.0",
	"usr/local/lib/gstreamer-1.0",
}
