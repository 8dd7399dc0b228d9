package payload

// Stats is the message on the topic stats: what was done since the last one, and how long it took.
type Stats struct {
	Header
	Delivery                    // only when stats are kept
	PeriodSeconds      float64  `json:"periodSeconds"` // that the rates and stages cover
	FrameHz            float64  `json:"frameHz"`       // frames through the encoders
	ObservationHz      float64  `json:"observationHz"`
	Skipped            uint64   `json:"skipped"`            // frames nobody had time for, in the period
	CameraReconnects   uint64   `json:"cameraReconnects"`   // in the last hour
	BrokerReconnects   uint64   `json:"brokerReconnects"`   // in the last hour
	EventsSuppressed   uint64   `json:"eventsSuppressed"`   // in the period, beyond the limit on their rate
	StandingQuestions  int      `json:"standingQuestions"`  // now
	Questions          Asked    `json:"questions"`          // in the period
	Commands           Obeyed   `json:"commands"`           // in the period
	Stages             []Stage  `json:"stages"`             // that ran in the period
	Step               WorkStep `json:"step,omitempty"`     // now
	StepChanges        uint64   `json:"stepChanges"`        // in the period
	Device             *Device  `json:"device,omitempty"`   // now
	Outbox             Outbox   `json:"outbox"`             // now
	OutboxWritten      uint64   `json:"outboxWritten"`      // records that went to disk, in the period
	OutboxTransactions uint64   `json:"outboxTransactions"` // in the period
}

// Stamp fills the header and the empty array.
func (s *Stats) Stamp(header Header) { s.Header, s.Stages = header, list(s.Stages) }

// Asked counts questions by what became of them.
type Asked struct {
	Answered  uint64 `json:"answered"`
	Abstained uint64 `json:"abstained"`
	Refused   uint64 `json:"refused"`
	Expired   uint64 `json:"expired"`
}

// Obeyed counts commands by what became of them. Those that are no commands at all count as refused messages of the
// link instead.
type Obeyed struct {
	Done    uint64 `json:"done"`
	Failed  uint64 `json:"failed"`  // allowed, but could not be done
	Refused uint64 `json:"refused"` // not allowed: unsigned, expired, replayed, for another robot
}

// Stage is how long one step of the work took.
type Stage struct {
	Name  string  `json:"name"` // encode, observe, head or question
	Count uint64  `json:"count"`
	P50Ms float64 `json:"p50Ms"`
	P95Ms float64 `json:"p95Ms"`
}

// Outbox is what waits for its receiver.
type Outbox struct {
	Durable       bool    `json:"durable"` // what is put now outlives a crash
	Depth         int     `json:"depth"`   // messages
	Bytes         int64   `json:"bytes"`
	OldestSeconds float64 `json:"oldestSeconds"` // age of the oldest message
	Dropped       Dropped `json:"dropped"`       // since vegad started
	Damaged       uint64  `json:"damaged"`       // times that the file was damaged; the messages that were whole were kept
	Failure       string  `json:"failure,omitempty"`
}
