package payload

// Factsheet is the retained message on the topic factsheet: what this robot's vegad is and can do. It changes only
// when the model, the cameras or the configuration do.
type Factsheet struct {
	Header
	VegadVersion string            `json:"vegadVersion"`
	Bundle       Bundle            `json:"bundle"`
	Provider     string            `json:"provider"`  // what runs the networks: tensorrt, cuda or cpu
	Precision    string            `json:"precision"` // fp32, fp16 or int8
	Cameras      []FactsheetCamera `json:"cameras"`
	Kinds        []string          `json:"kinds"`  // of questions that are answered
	Labels       []string          `json:"labels"` // of objects that are recognised
	Colors       []string          `json:"colors"`
	Limits       Limits            `json:"limits"`
	Rates        Rates             `json:"rates"`
}

// Stamp fills the header and the empty arrays.
func (f *Factsheet) Stamp(header Header) {
	f.Header = header
	f.Cameras = list(f.Cameras)
	f.Kinds, f.Labels, f.Colors = list(f.Kinds), list(f.Labels), list(f.Colors)
	if f.Bundle.Digests == nil {
		f.Bundle.Digests = map[string]string{}
	}
}

// Bundle identifies the model that was loaded.
type Bundle struct {
	Name    string            `json:"name"`
	Version string            `json:"version"`
	Digests map[string]string `json:"digests"` // sha256 in hex, by file
}

// FactsheetCamera describes one configured camera. The address of a camera may hold a password and is not told.
type FactsheetCamera struct {
	Name       string `json:"name"`
	Calibrated bool   `json:"calibrated"` // false: the field of view is assumed, and every interval is wider for it
}

// Limits are the bounds of what may be asked.
type Limits struct {
	MaxMessageBytes  int `json:"maxMessageBytes"`
	MaxDepth         int `json:"maxDepth"`
	MaxQuestionRunes int `json:"maxQuestionRunes"`
	MaxDeadlineMs    int `json:"maxDeadlineMs"`
	AskQueue         int `json:"askQueue"` // questions that may wait; one more is refused as busy
}

// Rates say how often messages come.
type Rates struct {
	ObservationHz   float64 `json:"observationHz"`
	SceneHz         float64 `json:"sceneHz"`         // at most
	StateMaxSeconds float64 `json:"stateMaxSeconds"` // at most so far apart
}
