package camera

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseURI(t *testing.T) {
	rtsp := URI{Kind: KindRTSP, Paced: true, Codec: "h264"}
	h265 := rtsp
	h265.Codec = "h265"
	for text, want := range map[string]URI{
		"room:?seed=7":          {Kind: KindRoom, Paced: true, Query: url.Values{"seed": {"7"}}},
		"room:":                 {Kind: KindRoom, Paced: true, Query: url.Values{}},
		"/dev/video0":           {Kind: KindV4L2, Paced: true, Path: "/dev/video0"},
		"v4l2:///dev/video2":    {Kind: KindV4L2, Paced: true, Path: "/dev/video2"},
		"/dev/v4l/by-id/usb-x0": {Kind: KindV4L2, Paced: true, Path: "/dev/v4l/by-id/usb-x0"},
		"/dev/video1?width=1280&height=720&fps=30&format=mjpg": {
			Kind: KindV4L2, Paced: true, Path: "/dev/video1", Width: 1280, Height: 720, FPS: 30, Format: "MJPG",
		},
		"csi:0":                                {Kind: KindCSI, Paced: true},
		"csi://1?flip=2&fps=60":                {Kind: KindCSI, Paced: true, Sensor: 1, Flip: 2, FPS: 60},
		"rtsp://cam.local/stream":              rtsp,
		"RTSPS://u:p@cam:322/s?channel=1":      rtsp,
		"rtsp://cam/s?width=5#codec=h265":      h265,
		"film.mp4":                             {Kind: KindFile, Paced: true, Path: "film.mp4"},
		"walks/a b?c.avi?loop=1&pace=off":      {Kind: KindFile, Loop: true, Path: "walks/a b?c.avi"},
		"file:///data/x.mkv?pace=realtime":     {Kind: KindFile, Paced: true, Path: "/data/x.mkv"},
		"file:x":                               {Kind: KindFile, Paced: true, Path: "x"},
		"./c:d.mp4":                            {Kind: KindFile, Paced: true, Path: "c:d.mp4"},
		"replay:/var/lib/vegad/recordings/one": {Kind: KindReplay, Paced: true, Path: "/var/lib/vegad/recordings/one"},
		"gst: videotestsrc ! appsink":          {Kind: KindGst, Paced: true, Path: "videotestsrc ! appsink"},
	} {
		got, err := ParseURI(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(URI{})); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
		again, err := ParseURI(got.String())
		if err != nil || again.Kind != want.Kind || again.Path != want.Path || again.String() != got.String() {
			t.Errorf("%s prints as %s, which does not come back: %v", text, got, err)
		}
	}
}

func TestParseURIRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "empty, use room:?seed=7",
		"  ":                          "empty",
		"0":                           "did you mean /dev/video0 or csi:0?",
		"video1":                      "did you mean /dev/video1?",
		"rooms:?seed=7":               "did you mean room:?seed=7?",
		"room:seed=7":                 "did you mean room:?seed=7?",
		"rstp://cam/x":                "did you mean rtsp://host/stream?",
		"csi0":                        "did you mean csi:0?",
		"usb:0":                       "did you mean /dev/video0?",
		"gstreamer:x":                 "did you mean gst:PIPELINE?",
		"http://cam/x.mjpg":           "did you mean rtsp://host/stream?",
		"telescope:1":                 `"telescope" is no kind of camera, use room:`,
		"film":                        "did you mean file:PATH?",
		"/dev/media0":                 "use /dev/video0",
		"/dev/video":                  "use /dev/video0",
		"/dev/video0/../sda":          "use /dev/video0",
		"/dev/video0?wdith=3":         `option "wdith" is unknown, use format, fps, height, width`,
		"/dev/video0?width=-3":        "whole number from 1 to 16384",
		"/dev/video0?fps=NaN":         "no rate above 0",
		"/dev/video0?format=toolong":  "four-character code",
		"/dev/video0?width=1&width=2": "given 2 times",
		"csi:":                        "use csi:0",
		"csi:x":                       "use csi:0",
		"csi:0?flip=9":                "from 0 to 7",
		"rtsp:///stream":              "the host is missing",
		"rtsp://cam/s#codec=av1":      "use h264 or h265",
		"rtsp://user:se%cret@cam/s":   "malformed",
		"film.mp4?loop=maybe":         "neither 1 nor 0",
		"film.mp4?pace=fast":          "use realtime or off",
		"file:":                       "the path is missing",
		"replay:":                     "the path is missing, use replay:DIR",
		"gst:videotestsrc ! fakesink": "must end in an appsink",
		"film\x00.mp4":                "control character",
		strings.Repeat("a/", maxURI):  "longer than",
	} {
		_, err := ParseURI(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: error %v, want %q", text, err, want)
		}
	}
}

func TestURIKeepsItsPassword(t *testing.T) {
	for _, text := range []string{
		"rtsp://admin:hunter2@cam/s", "rtsp://admin:hunter2@cam/s#codec=h265", "rtsp://cam/s?user=admin&password=hunter2",
		"gst:rtspsrc location=rtsp://admin:hunter2@cam/s ! appsink", "gst:rtspsrc user-pw=hunter2 ! appsink",
	} {
		u, err := ParseURI(text)
		if err != nil {
			t.Fatal(err)
		}
		message, err := json.Marshal(u)
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("opening", "camera", u)
		shown := fmt.Sprintf("%s %v %+v %#v %s %s", u, u, u, u, message, log.String())
		if strings.Contains(shown, "hunter2") || !strings.Contains(shown, "***") {
			t.Errorf("%s is shown as %s", text, shown)
		}
		if u.Kind == KindRTSP && !strings.Contains(u.Address(), "hunter2") {
			t.Errorf("the address %s lost its password", u.Address())
		}
	}
	for _, text := range []string{
		"rtps://admin:hunter2@cam/s", "rtsp://ad%min:hunter2@cam/s", "rtsp://a:hunter2@cam/s#x=1",
	} {
		if _, err := ParseURI(text); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("error gives the password away or is missing: %v", err)
		}
	}
}

func FuzzParseURI(f *testing.F) {
	for _, seed := range []string{
		"room:?seed=7", "/dev/video0?width=640", "csi:0?flip=2", "rtsp://u:p@h/s?x=1#codec=h265", "a/b.mp4?loop=1",
		"file:///x?y?pace=off", "gst:videotestsrc ! appsink", "replay:dir?loop=1", "rtsps://[::1]:322/", "0", ":", "?",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURI(text)
		if err != nil {
			return
		}
		again, err := ParseURI(u.String())
		if err != nil {
			t.Fatalf("%q prints as %q, which is refused: %v", text, u, err)
		}
		if again.Kind != u.Kind || again.String() != u.String() {
			t.Fatalf("%q prints as %q and then as %q", text, u, again)
		}
	})
}
