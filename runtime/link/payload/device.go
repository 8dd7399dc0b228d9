package payload

// WorkStep says how much of its work vegad does, to keep the machine from overheating or to keep up.
type WorkStep string

// The values of WorkStep, each doing less than the one before.
const (
	StepFull             WorkStep = "full"
	StepHalfFrames       WorkStep = "halfFrames"       // every second picture is encoded
	StepHalfObservations WorkStep = "halfObservations" // and half of the observations are made
	StepQuestionsOnly    WorkStep = "questionsOnly"    // a picture a second, observed only for questions
)

// Device is how the machine does. What it does not tell is absent.
type Device struct {
	HeadroomK    *float64      `json:"headroomK,omitempty"` // kelvins that the hottest zone is below throttling
	Throttled    string        `json:"throttled,omitempty"` // the brake that is on now
	Temperatures []Temperature `json:"temperatures,omitempty"`
	GPULoad      *float64      `json:"gpuLoad,omitempty"` // 0..1
	PowerW       *float64      `json:"powerW,omitempty"`  // of the whole module
	PowerMode    string        `json:"powerMode,omitempty"`
	Rails        []Rail        `json:"rails,omitempty"`
	OverCurrent  []OverCurrent `json:"overCurrent,omitempty"`
	Clocks       []Clock       `json:"clocks,omitempty"`
	Fan          *float64      `json:"fan,omitempty"` // 0..1 of its full drive
	Memory       *DeviceMemory `json:"memory,omitempty"`
}

// Temperature is of one thermal zone.
type Temperature struct {
	Zone    string  `json:"zone"`
	Celsius float64 `json:"celsius"`
}

// Rail is the power of one supply.
type Rail struct {
	Name   string  `json:"name"`
	PowerW float64 `json:"powerW"`
	Alarm  bool    `json:"alarm"` // its current is above a limit
}

// OverCurrent counts the events of one kind since boot.
type OverCurrent struct {
	Name   string `json:"name"`
	Events uint64 `json:"events"`
}

// Clock is a frequency.
type Clock struct {
	Name string  `json:"name"`
	MHz  float64 `json:"mhz"`
}

// DeviceMemory is of the whole machine, in bytes.
type DeviceMemory struct {
	TotalBytes     uint64 `json:"totalBytes"`
	AvailableBytes uint64 `json:"availableBytes"`
	SwapUsedBytes  uint64 `json:"swapUsedBytes"`
	OOMKills       uint64 `json:"oomKills"` // since boot
}
