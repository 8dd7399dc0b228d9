// Package config reads vegad's configuration: strict YAML over defaults, overlays beside it, secrets from files.
//
// The struct tags are the one source of truth: decoding, the checks and the published JSON Schema all read them. The
// comments of the fields are the schema's descriptions.
//
//	yaml      the key
//	default   the value when the key is absent
//	range     the smallest and largest value, in the notation of the file: "0.1..120", "1s..1h", "1KiB..16MiB"
//	oneof     the words to choose from
//	pattern   what the whole text must match
//	required  "true" when it may not be empty
//	example   what to write, when nothing else tells
//	count     how many entries a list may have: "1..8"
package config

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"time"

	"github.com/vega-edge/vegad/camera"
)

// Config is everything that can be set. It is immutable after Load: a changed file gives a new one.
type Config struct {
	// Who this robot is, in every topic and message.
	Identity Identity `yaml:"identity"`
	// The cameras to watch.
	Cameras []Camera `yaml:"cameras" count:"1..8"`
	// Model bundle: a name in bundleDirs or a folder.
	Bundle string `yaml:"bundle" default:"nano" required:"true"`
	// Folders that hold bundles; the first that has one wins.
	BundleDirs []Path `yaml:"bundleDirs" count:"1..16"`
	// Precision of the networks.
	Precision string `yaml:"precision" default:"auto" oneof:"auto fp32 fp16 int8"`
	// What runs the networks.
	Provider string `yaml:"provider" default:"auto" oneof:"auto tensorrt cuda cpu"`
	// CPU threads of the networks; 0 follows the CPU quota.
	Threads int `yaml:"threads" default:"0" range:"0..256"`
	// How TensorRT's engines are built and kept.
	Engine Engine `yaml:"engine"`
	// Bundles that are installed in the field.
	Update Update `yaml:"update"`
	// How often the networks are asked for a picture of the scene.
	Observe Observe `yaml:"observe"`
	// The MQTT broker.
	Broker Broker `yaml:"broker"`
	// The embedded broker, beyond this machine.
	Embedded Embedded `yaml:"embedded"`
	// Who may command the robot.
	Commands Commands `yaml:"commands"`
	// What waits for the broker.
	Outbox Outbox `yaml:"outbox"`
	// What a client may send.
	Limits Limits `yaml:"limits"`
	// What is told without being asked.
	Events Events `yaml:"events"`
	// How the robot does, in numbers.
	Stats Stats `yaml:"stats"`
	// The memory of the scene.
	Scene Scene `yaml:"scene"`
	// The field tester's page.
	Dashboard Dashboard `yaml:"dashboard"`
	// Numbers for Prometheus.
	Metrics Metrics `yaml:"metrics"`
	// The robot as a device of Home Assistant.
	HomeAssistant HomeAssistant `yaml:"homeAssistant"`
	// What is recorded.
	Record Record `yaml:"record"`
	// The log on standard error.
	Log Log `yaml:"log"`

	// Bundle was named on the command line, so that an installed one does not replace it.
	BundlePinned bool `yaml:"-"`
}

// Identity names the robot after VDA 5050. Both names are levels of MQTT topics, hence the narrow alphabet.
type Identity struct {
	// Maker of the robot.
	Manufacturer string `yaml:"manufacturer" default:"vega" required:"true" pattern:"[A-Za-z0-9_.:-]{1,64}"`
	// Unique for the manufacturer; the host name when absent.
	SerialNumber string `yaml:"serialNumber" required:"true" pattern:"[A-Za-z0-9_.:-]{1,64}"`
}

// Camera is one camera and where it sits.
type Camera struct {
	// Name in messages; unique.
	Name string `yaml:"name" required:"true" pattern:"[A-Za-z0-9_-]{1,32}"`
	// What to open: room:?seed=7, /dev/video0, csi:0, rtsp://..., film.mp4 or gst:PIPELINE.
	URI string `yaml:"uri" required:"true" example:"/dev/video0"`
	// What the lens does; without it a field of view is assumed.
	Calibration *Calibration `yaml:"calibration"`
	// Horizontal field of view when there is no calibration, in degrees.
	AssumedHfovDeg Degrees `yaml:"assumedHfovDeg" default:"60" range:"10..170"`
	// How long a picture may stay the same before the camera counts as frozen and is opened again; 0s never does. Films
	// may show stills.
	FreezeAfter time.Duration `yaml:"freezeAfter" default:"2s" range:"0s..1m"`
	// Where the camera sits in base_link: x forward, y left, z up.
	Mount Mount `yaml:"mount"`
}

// Calibration is either a ROS camera_info file or the numbers themselves, in pixels.
type Calibration struct {
	// A ROS camera_info YAML file; then no other key is allowed.
	File Path `yaml:"file"`
	// Width of the calibrated pictures, in pixels.
	Width int `yaml:"width" range:"0..16384"`
	// Height of the calibrated pictures, in pixels.
	Height int `yaml:"height" range:"0..16384"`
	// Horizontal focal length, in pixels.
	Fx float64 `yaml:"fx" range:"0..100000"`
	// Vertical focal length, in pixels.
	Fy float64 `yaml:"fy" range:"0..100000"`
	// Principal point, in pixels from the left.
	Cx float64 `yaml:"cx" range:"-16384..32768"`
	// Principal point, in pixels from the top.
	Cy float64 `yaml:"cy" range:"-16384..32768"`
	// How the lens bends rays.
	Distortion Distortion `yaml:"distortion"`
}

// Distortion is a lens model of ROS and its coefficients.
type Distortion struct {
	// Lens model.
	Model string `yaml:"model" default:"none" oneof:"none plumb_bob rational_polynomial fisheye"`
	// In the order of ROS: plumb_bob 4 or 5, rational_polynomial 8, fisheye 4.
	Coefficients []float64 `yaml:"coefficients" count:"0..8"`
}

// Mount is the pose of a camera on the robot. The angles are those of ROS: yaw left, pitch down, roll to the right are
// positive.
type Mount struct {
	// Metres forward of base_link.
	X float64 `yaml:"x" default:"0" range:"-10..10"`
	// Metres left of base_link.
	Y float64 `yaml:"y" default:"0" range:"-10..10"`
	// Metres above the floor; 0 is unknown.
	Height float64 `yaml:"height" default:"0" range:"0..10"`
	// Degrees to the left.
	YawDeg Degrees `yaml:"yawDeg" default:"0" range:"-180..180"`
	// Degrees downwards.
	PitchDeg Degrees `yaml:"pitchDeg" default:"0" range:"-90..90"`
	// Degrees clockwise, seen from behind.
	RollDeg Degrees `yaml:"rollDeg" default:"0" range:"-180..180"`
}

// Observe paces the observations.
type Observe struct {
	// Observations a second.
	RateHz float64 `yaml:"rateHz" default:"5" range:"0.1..60"`
	// Time without a change in the picture or a move of the robot, after which only one picture a second passes the
	// networks until something changes; 0s never rests.
	RestAfter time.Duration `yaml:"restAfter" default:"2s" range:"0s..1h"`
}

// Broker is where messages go. Secrets never stand in the file: the password comes from passwordFile, the systemd
// credential broker-password or VEGAD_BROKER_PASSWORD, the first of them that is there.
type Broker struct {
	// embedded or embedded:port (loopback only, port 0 takes a free one), mqtt://host:port or mqtts://host:port.
	URL string `yaml:"url" default:"embedded" required:"true"`
	// Further nodes of the same cluster, as in url; when a connection fails, another node is tried.
	Failover []string `yaml:"failover" count:"0..16"`
	// Quality at which vegad listens: 0 is for NATS clusters, which keep a replicated consumer for each subscription at 1.
	SubscribeQoS int `yaml:"subscribeQos" default:"1" range:"0..1"`
	// First level of every topic.
	Prefix string `yaml:"prefix" default:"vegad" required:"true" pattern:"[A-Za-z0-9_.:-]{1,64}"`
	// User at the broker.
	Username string `yaml:"username"`
	// File with the password, readable by its owner only.
	PasswordFile Path `yaml:"passwordFile"`
	// Certificates that may sign the broker's, in place of the system's; PEM. Or the systemd credential broker-ca.
	CAFile Path `yaml:"caFile"`
	// The robot's own certificate, PEM; needs keyFile. Or the credential broker-cert. Its common name must be the serial
	// number or the client id, vegad-{manufacturer}-{serialNumber}.
	CertFile Path `yaml:"certFile"`
	// The key of certFile, PEM, readable by its owner only. Or the credential broker-key.
	KeyFile Path `yaml:"keyFile"`
	// How long before its end a certificate is worth a warning in state.
	ExpiryWarning time.Duration `yaml:"expiryWarning" default:"720h" range:"1h..8760h"`
	// Silence after which the broker, half as much later, calls the robot broken.
	KeepAlive time.Duration `yaml:"keepAlive" default:"15s" range:"1s..1h"`
	// Longest time without an acknowledgement that is owed; then vegad connects anew. An idle link is probed twice in it.
	AckTimeout time.Duration `yaml:"ackTimeout" default:"4s" range:"1s..5m"`
	// Longest wait between two attempts to connect.
	MaxBackoff time.Duration `yaml:"maxBackoff" default:"1m" range:"1s..1h"`

	Password Secret `yaml:"-"` // filled in by Load
}

// Embedded lets others than this machine's programs use the embedded broker: over TLS 1.2 or later, and with a
// certificate of their own.
type Embedded struct {
	// host:port to listen on beside loopback, such as 0.0.0.0:8883; without one, loopback only.
	Listen string `yaml:"listen"`
	// The broker's certificate, PEM.
	CertFile Path `yaml:"certFile"`
	// The key of certFile, PEM, readable by its owner only.
	KeyFile Path `yaml:"keyFile"`
	// Certificates that sign those of the clients, PEM. The common name of a client is its user name.
	ClientCAFile Path `yaml:"clientCAFile"`
}

// Commands say whose orders are obeyed.
type Commands struct {
	// Trusted public keys, one a line as vegad command keygen prints them; without one every order is refused.
	KeysFile Path `yaml:"keysFile"`
	// Folder that remembers the last order of each key; without one it is the state directory that systemd gives.
	Dir Path `yaml:"dir"`
	// Longest time between the issue of an order and its expiry.
	MaxValidity time.Duration `yaml:"maxValidity" default:"24h" range:"1s..8760h"`
}

// Outbox bounds what waits for the broker.
type Outbox struct {
	// Folder of the file; without one it is outbox in the state directory that systemd gives, else memory only.
	Dir Path `yaml:"dir"`
	// Most that waits; then the least important, oldest first, is dropped and counted.
	MaxBytes Bytes `yaml:"maxBytes" default:"64MiB" range:"1MiB..64GiB"`
	// Age beyond which nobody wants a message any more.
	MaxAge time.Duration `yaml:"maxAge" default:"168h" range:"1m..8760h"`
	// Most that is kept in memory on the way to the disk, or while the disk cannot be written.
	MaxMemory Bytes `yaml:"maxMemory" default:"8MiB" range:"1MiB..1GiB"`
	// How long messages gather before they are written; a crash may cost what came within it.
	CommitDelay time.Duration `yaml:"commitDelay" default:"20ms" range:"1ms..10s"`
	// Messages a second that are sent again after a loss of the connection.
	ReplayPerSecond float64 `yaml:"replayPerSecond" default:"200" range:"1..100000"`
	// Scenes: live is QoS 0 and lost without a broker, kept is QoS 1 through the outbox.
	Scene string `yaml:"scene" default:"live" oneof:"live kept"`
	// Statistics, the same.
	Stats string `yaml:"stats" default:"live" oneof:"live kept"`
	// Consumer whose receipts, on receipt/{consumer}, are waited for; without one the broker's word is enough.
	ReceiptFrom string `yaml:"receiptFrom" pattern:"[A-Za-z0-9_.:-]{0,64}"`
	// After which what has no receipt is sent again.
	ReceiptTimeout time.Duration `yaml:"receiptTimeout" default:"30s" range:"1s..1h"`
}

// Events say what is worth an event.
type Events struct {
	// Metres that a thing must have moved, beyond what its position is uncertain by.
	MinMove float64 `yaml:"minMove" default:"0.3" range:"0.05..10"`
	// Metres ahead that should be free.
	Path float64 `yaml:"path" default:"1" range:"0.1..5"`
	// Most events a second; more are suppressed and counted.
	MaxPerSecond float64 `yaml:"maxPerSecond" default:"20" range:"0.1..1000"`
}

// Stats says how often numbers are published.
type Stats struct {
	// Time between two.
	Every time.Duration `yaml:"every" default:"1m" range:"1s..1h"`
}

// Limits bound what clients may ask of the robot.
type Limits struct {
	// Largest message that is read.
	MaxPayload Bytes `yaml:"maxPayload" default:"64KiB" range:"1KiB..64KiB"`
	// Questions a second before they are refused.
	MaxAskPerSecond float64 `yaml:"maxAskPerSecond" default:"50" range:"0.1..10000"`
	// The same for one client; those that give no name share one.
	MaxAskPerSecondPerClient float64 `yaml:"maxAskPerSecondPerClient" default:"25" range:"0.1..10000"`
	// Standing questions at a time.
	MaxWatches int `yaml:"maxWatches" default:"64" range:"0..1000"`
	// The same for one client.
	MaxWatchesPerClient int `yaml:"maxWatchesPerClient" default:"16" range:"0..1000"`
	// Most answers a second to one standing question.
	MaxWatchPerSecond float64 `yaml:"maxWatchPerSecond" default:"2" range:"0.01..60"`
}

// Scene bounds the memory of the scene and its messages.
type Scene struct {
	// Objects kept; the least certain goes first.
	MaxObjects int `yaml:"maxObjects" default:"500" range:"1..10000"`
	// Most scene messages a second; no observation gives more than one.
	RateHz float64 `yaml:"rateHz" default:"2" range:"0.01..1000"`
}

// Dashboard is the page that shows what the robot sees. Beyond loopback it asks for the token in tokenFile.
type Dashboard struct {
	// Address of the page, host:port (port 0 takes a free one), or off.
	Listen string `yaml:"listen" default:"127.0.0.1:8420" required:"true"`
	// File with the token of viewers, at least 16 characters, readable by its owner only.
	TokenFile Path `yaml:"tokenFile"`
	// Names that browsers may use for this robot, besides localhost and IP addresses.
	Hosts []string `yaml:"hosts" count:"0..16"`
	// The page's certificate, PEM; needs keyFile. Without one the page is not encrypted.
	CertFile Path `yaml:"certFile"`
	// The key of certFile, PEM, readable by its owner only.
	KeyFile Path `yaml:"keyFile"`
	// Most pictures a second.
	FPS float64 `yaml:"fps" default:"10" range:"0.1..60"`
	// Width of the pictures, in pixels; never more than the camera's.
	Width int `yaml:"width" default:"320" range:"64..1920"`
	// Most pages that are open at a time.
	MaxViewers int `yaml:"maxViewers" default:"16" range:"1..64"`

	Token Secret `yaml:"-"` // filled in by Load
}

// Log says how much is logged, and how.
type Log struct {
	// Lowest level that is written.
	Level string `yaml:"level" default:"info" oneof:"debug info warn error"`
	// Form of a line.
	Format string `yaml:"format" default:"text" oneof:"text json"`
}

// Default is the configuration of a robot without a file: a simulated room, an embedded broker, the host's name.
func Default() Config {
	var c Config
	applyDefaults(&c)
	c.Identity.SerialNumber = hostSerial()
	front := newCamera()
	front.Name, front.URI = "front", "room:?seed=7"
	c.Cameras = []Camera{front}
	c.BundleDirs = []Path{"/var/lib/vegad/bundles", "/usr/share/vegad/bundles"}
	return c
}

func newCamera() Camera {
	var c Camera
	applyDefaults(&c)
	return c
}

var outsideSerial = regexp.MustCompile(`[^A-Za-z0-9_.:-]+`)

// hostSerial makes a serial number of the host's name, so that two robots do not share one by default.
func hostSerial() string {
	name, err := os.Hostname()
	name = outsideSerial.ReplaceAllString(name, "-")
	if err != nil || name == "" {
		return "robot"
	}
	return name[:min(len(name), 64)]
}

// Calibrate returns the camera's calibration: the given one, or the assumed one for pictures of the given size in
// pixels. It reads the calibration file when there is one.
func (c Camera) Calibrate(width, height int) (camera.Calibration, error) {
	if c.Calibration == nil {
		assumed := camera.AssumedCalibration(width, height, c.AssumedHfovDeg.Radians())
		return assumed, assumed.Validate()
	}
	return c.Calibration.load()
}

func (c Calibration) load() (camera.Calibration, error) {
	if c.File != "" {
		return camera.LoadCalibration(string(c.File))
	}
	given := camera.Calibration{
		Width: c.Width, Height: c.Height, Fx: c.Fx, Fy: c.Fy, Cx: c.Cx, Cy: c.Cy,
		Model: camera.Model(c.Distortion.Model), D: c.Distortion.Coefficients,
	}
	return given, given.Validate()
}

// Camera converts the mount to the metres and radians of the camera package.
func (m Mount) Camera() camera.Mount {
	return camera.Mount{
		X: m.X, Y: m.Y, Height: m.Height,
		Yaw: m.YawDeg.Radians(), Pitch: m.PitchDeg.Radians(), Roll: m.RollDeg.Radians(),
	}
}

// Degrees is an angle as people write it; its keys end in Deg.
type Degrees float64

// Radians converts the angle to what the rest of the program counts in.
func (d Degrees) Radians() float64 { return float64(d) * math.Pi / 180 }

// Path names a file or folder. A relative path in a file is relative to the folder of that file.
type Path string

// Bytes is a size, written with its unit: 512B, 64KiB, 1.5MiB, 2GiB.
type Bytes int64

// String writes the size in the largest unit that keeps it whole.
func (b Bytes) String() string {
	unit := 0
	for b != 0 && b%1024 == 0 && unit < len(byteUnits)-1 {
		b /= 1024
		unit++
	}
	return fmt.Sprintf("%d%s", int64(b), byteUnits[unit])
}
