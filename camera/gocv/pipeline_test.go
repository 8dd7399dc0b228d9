package gocv

import (
	"testing"
	"testing/fstest"

	"github.com/vega-edge/vegad/camera"
)

func mustParse(t *testing.T, s string) camera.URI {
	t.Helper()
	u, err := camera.ParseURI(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestCSIPipeline(t *testing.T) {
	for uri, want := range map[string]string{
		"csi:0": "nvarguscamerasrc sensor-id=0" +
			" ! video/x-raw(memory:NVMM),width=1280,height=720,format=NV12,framerate=30/1" +
			" ! nvvidconv flip-method=0 ! video/x-raw,format=BGRx" +
			" ! videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false",
		"csi:1?width=1920&height=1080&fps=29.97&flip=2": "nvarguscamerasrc sensor-id=1" +
			" ! video/x-raw(memory:NVMM),width=1920,height=1080,format=NV12,framerate=29970/1000" +
			" ! nvvidconv flip-method=2 ! video/x-raw,format=BGRx" +
			" ! videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false",
	} {
		if got := csiPipeline(mustParse(t, uri)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", uri, got, want)
		}
	}
}

func TestRTSPPipeline(t *testing.T) {
	for uri, want := range map[string]string{
		"rtsp://u:p!x@cam/s?a=1": `rtspsrc location="rtsp://u:p%21x@cam/s?a=1" latency=0 protocols=tcp` +
			" ! queue ! rtph264depay ! h264parse ! nvv4l2decoder ! nvvidconv ! video/x-raw,format=BGRx" +
			" ! videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false",
		"rtsp://cam/s#codec=h265": `rtspsrc location="rtsp://cam/s" latency=0 protocols=tcp` +
			" ! queue ! rtph265depay ! h265parse ! nvv4l2decoder ! nvvidconv ! video/x-raw,format=BGRx" +
			" ! videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false",
	} {
		if got := rtspPipeline(mustParse(t, uri)); got != want {
			t.Errorf("%s:\n got %s\nwant %s", uri, got, want)
		}
	}
	if got := quote(`a"b\c ! d`); got != `"a\"b\\c ! d"` {
		t.Errorf("quoted as %s", got)
	}
}

func TestProbe(t *testing.T) {
	const jetson = "usr/lib/aarch64-linux-gnu/gstreamer-1.0/"
	all := fstest.MapFS{
		jetson + "libgstnvarguscamerasrc.so": {}, jetson + "libgstnvvideo4linux2.so": {}, jetson + "libgstnvvidconv.so": {},
	}
	if got := probe(all); !got.argus || !got.decoder {
		t.Errorf("a whole Jetson has %+v", got)
	}
	delete(all, jetson+"libgstnvvidconv.so")
	if got := probe(all); got.argus || got.decoder {
		t.Errorf("without the converter nothing works, got %+v", got)
	}
	if got := probe(fstest.MapFS{}); got != (hardware{}) {
		t.Errorf("an empty machine has %+v", got)
	}
}
