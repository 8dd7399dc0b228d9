package camera

import (
	"fmt"
	"log/slog"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// Kind is what a camera URI opens.
type Kind string

// The kinds of cameras.
const (
	KindRoom   Kind = "room"   // a simulated room: room:?seed=7
	KindV4L2   Kind = "v4l2"   // a USB or other V4L2 camera: /dev/video0
	KindCSI    Kind = "csi"    // a Jetson's camera connector: csi:0
	KindRTSP   Kind = "rtsp"   // a network camera: rtsp://host/stream
	KindFile   Kind = "file"   // a film: walk.mp4
	KindGst    Kind = "gst"    // a GStreamer pipeline that ends in an appsink: gst:PIPELINE
	KindReplay Kind = "replay" // a recording of vegad: replay:DIR
)

// forms is what error messages offer, an example of each kind.
const forms = "room:?seed=7, /dev/video0, csi:0, rtsp://host/stream, film.mp4, gst:PIPELINE or replay:DIR"

// maxURI bounds the length of a camera URI in bytes.
const maxURI = 8192

// URI is a parsed camera address. It prints without its password: only Address gives the whole of it away.
type URI struct {
	Kind   Kind
	Path   string     // film, recording folder, V4L2 device, or GStreamer pipeline; empty for the other kinds
	Sensor int        // csi: number of the connector, from 0
	Loop   bool       // file, replay: start again at the end
	Paced  bool       // file, replay: as fast as it was filmed (the default), otherwise as fast as it can be read
	Width  int        // v4l2, csi: wanted width in pixels, 0 is the device's choice
	Height int        // v4l2, csi: wanted height in pixels, 0 is the device's choice
	FPS    float64    // v4l2, csi: wanted frames per second, 0 is the device's choice
	Format string     // v4l2: four-character code of the wanted pixel format, such as MJPG, or empty
	Flip   int        // csi: flip-method of nvvidconv, 0 to 7
	Codec  string     // rtsp: h264 (the default) or h265; only the hardware decoder needs to know it
	Query  url.Values // room: all parameters, for the renderer to judge

	address string // rtsp: the complete URL, with credentials
	shown   string // rtsp: the same without them
}

// ParseURI reads a camera address. Options stand in the query (film.mp4?loop=1&pace=off, /dev/video0?width=1280), for
// network cameras, whose query is their own, after the hash (rtsp://host/stream?channel=1#codec=h265). An unknown
// option is an error.
func ParseURI(s string) (URI, error) {
	u, err := parseURI(s)
	if err != nil {
		return URI{}, fmt.Errorf("parsing camera URI %q: %w", redact(s), err)
	}
	return u, nil
}

func parseURI(s string) (URI, error) {
	if err := checkText(s); err != nil {
		return URI{}, err
	}
	scheme, rest, found := strings.Cut(s, ":")
	if !found || strings.ContainsAny(scheme, "/.?#") {
		return parsePlain(s)
	}
	switch strings.ToLower(scheme) {
	case "room":
		return parseRoom(rest)
	case "v4l2":
		return parseV4L2(strings.TrimPrefix(rest, "//"))
	case "csi":
		return parseCSI(strings.TrimPrefix(rest, "//"))
	case "rtsp", "rtsps":
		return parseRTSP(s)
	case "file":
		return parseMedia(KindFile, strings.TrimPrefix(rest, "//"))
	case "replay":
		return parseMedia(KindReplay, strings.TrimPrefix(rest, "//"))
	case "gst":
		return parseGst(rest)
	}
	return URI{}, unknownForm(scheme)
}

func checkText(s string) error {
	if strings.TrimSpace(s) == "" {
		return fmt.Errorf("empty, use %s", forms)
	}
	if len(s) > maxURI {
		return fmt.Errorf("longer than %d bytes", maxURI)
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fmt.Errorf("it holds a control character")
	}
	return nil
}

// parsePlain reads an address without a scheme: a device or the path of a film.
func parsePlain(s string) (URI, error) {
	if strings.HasPrefix(s, "/dev/") {
		return parseV4L2(s)
	}
	name, _, _ := strings.Cut(s, "?")
	if n, err := strconv.Atoi(name); err == nil && n >= 0 {
		return URI{}, fmt.Errorf("a number alone is ambiguous, did you mean /dev/video%d or csi:%d?", n, n)
	}
	if rest, ok := strings.CutPrefix(name, "video"); ok && path.Ext(name) == "" && isNumber(rest) {
		return URI{}, fmt.Errorf("did you mean /dev/%s?", name)
	}
	if strings.Contains(name, "/") || path.Ext(name) != "" {
		return parseMedia(KindFile, s)
	}
	return URI{}, unknownForm(name)
}

func parseRoom(rest string) (URI, error) {
	before, raw, _ := strings.Cut(rest, "?")
	if strings.Trim(before, "/") != "" {
		return URI{}, fmt.Errorf("did you mean room:?%s?", before)
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return URI{}, fmt.Errorf("reading its query: %w", err)
	}
	return URI{Kind: KindRoom, Query: query, Paced: true}, nil
}

func parseV4L2(rest string) (URI, error) {
	device, raw, _ := strings.Cut(rest, "?")
	u := URI{Kind: KindV4L2, Path: path.Clean(device), Paced: true}
	number, ok := strings.CutPrefix(u.Path, "/dev/video")
	byName := strings.HasPrefix(u.Path, "/dev/v4l/") // stable names that udev gives
	if !byName && (!ok || !isNumber(number)) {
		return URI{}, fmt.Errorf("%s is no video device, use /dev/video0 or a name under /dev/v4l/", device)
	}
	err := u.options(raw, map[string]setter{
		"width": setSide(&u.Width), "height": setSide(&u.Height), "fps": setRate(&u.FPS), "format": setFourCC(&u.Format),
	})
	return u, err
}

func parseCSI(rest string) (URI, error) {
	number, raw, _ := strings.Cut(rest, "?")
	u := URI{Kind: KindCSI, Paced: true}
	if err := setInt(&u.Sensor, 0, 15)(number); err != nil {
		return URI{}, fmt.Errorf("reading the connector: %w, use csi:0", err)
	}
	err := u.options(raw, map[string]setter{
		"width": setSide(&u.Width), "height": setSide(&u.Height), "fps": setRate(&u.FPS), "flip": setInt(&u.Flip, 0, 7),
	})
	return u, err
}

func parseRTSP(s string) (URI, error) {
	address, raw, _ := strings.Cut(s, "#")
	parsed, err := url.Parse(address)
	if err != nil {
		return URI{}, fmt.Errorf("its URL is malformed, use rtsp://user:password@host:554/stream with special " +
			"characters of the password percent-encoded")
	}
	if parsed.Hostname() == "" {
		return URI{}, fmt.Errorf("the host is missing, use rtsp://host/stream")
	}
	u := URI{Kind: KindRTSP, Paced: true, Codec: "h264", address: parsed.String(), shown: shownURL(parsed)}
	err = u.options(raw, map[string]setter{"codec": setWord(&u.Codec, "h264", "h265")})
	return u, err
}

// parseMedia reads the path of a film or a recording. The last question mark begins the options, when options follow.
func parseMedia(kind Kind, rest string) (URI, error) {
	name, raw := rest, ""
	if i := strings.LastIndexByte(rest, '?'); i >= 0 {
		name, raw = rest[:i], rest[i+1:]
	}
	if name == "" {
		return URI{}, fmt.Errorf("the path is missing, use %s", map[Kind]string{
			KindFile: "film.mp4 or file:PATH", KindReplay: "replay:DIR",
		}[kind])
	}
	u := URI{Kind: kind, Path: path.Clean(name), Paced: true}
	err := u.options(raw, map[string]setter{"loop": setFlag(&u.Loop), "pace": setPace(&u.Paced)})
	return u, err
}

func parseGst(rest string) (URI, error) {
	pipeline := strings.TrimSpace(rest)
	if !strings.Contains(pipeline, "appsink") {
		return URI{}, fmt.Errorf("the pipeline must end in an appsink that receives BGR, for instance gst:v4l2src ! " +
			"videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false")
	}
	return URI{Kind: KindGst, Path: pipeline, Paced: true}, nil
}

// Address is the complete URL of a network camera with its credentials, which must not be logged or published. It is
// empty for the other kinds.
func (u URI) Address() string { return u.address }

// String is the address without credentials, fit for logs and messages; parsing it gives the same camera again, except
// for the password.
func (u URI) String() string {
	switch u.Kind {
	case KindRoom:
		return withQuery("room:", u.Query.Encode())
	case KindV4L2:
		return withQuery(u.Path, u.modes().Encode())
	case KindCSI:
		return withQuery("csi:"+strconv.Itoa(u.Sensor), u.modes().Encode())
	case KindRTSP:
		if u.Codec == "h265" {
			return u.shown + "#codec=h265"
		}
		return u.shown
	case KindFile:
		return withQuery("file:"+u.Path, u.playback())
	case KindReplay:
		return withQuery("replay:"+u.Path, u.playback())
	case KindGst:
		return "gst:" + redact(u.Path)
	}
	return ""
}

// GoString keeps %#v from printing the credentials.
func (u URI) GoString() string { return "camera.URI(" + u.String() + ")" }

// LogValue keeps structured logs from printing the credentials.
func (u URI) LogValue() slog.Value { return slog.StringValue(u.String()) }

// MarshalText keeps messages from carrying the credentials.
func (u URI) MarshalText() ([]byte, error) { return []byte(u.String()), nil }

func (u URI) playback() string {
	var parts []string
	if u.Loop {
		parts = append(parts, "loop=1")
	}
	if !u.Paced {
		parts = append(parts, "pace=off")
	}
	if len(parts) == 0 && strings.Contains(u.Path, "?") {
		return "pace=realtime" // otherwise the question mark in the name would be read as the one before the options
	}
	return strings.Join(parts, "&")
}

func (u URI) modes() url.Values {
	q := url.Values{}
	for key, value := range map[string]int{"width": u.Width, "height": u.Height, "flip": u.Flip} {
		if value != 0 {
			q.Set(key, strconv.Itoa(value))
		}
	}
	if u.FPS != 0 {
		q.Set("fps", strconv.FormatFloat(u.FPS, 'g', -1, 64))
	}
	if u.Format != "" {
		q.Set("format", u.Format)
	}
	return q
}

// shownURL is a network camera's URL with stars for its credentials.
func shownURL(full *url.URL) string {
	bare := *full
	bare.User = nil
	text := secrets.ReplaceAllString(bare.String(), "${1}=***")
	if full.User == nil {
		return text
	}
	return strings.Replace(text, "://", "://***@", 1)
}

func withQuery(address, query string) string {
	if query == "" {
		return address
	}
	return address + "?" + query
}
