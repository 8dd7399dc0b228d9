package quant

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"

	"github.com/vega-edge/vegad/quant/calibration"
	qint8 "github.com/vega-edge/vegad/quant/int8"
	"github.com/vega-edge/vegad/quant/onnx"
)

// PlanVersion is the one version of plans that this package reads and writes.
const PlanVersion = 1

// maxPlanBytes bounds what is read as a plan.
const maxPlanBytes = 64 << 20

// Plan is everything that an int8 conversion depends on besides the float32 model. Applying the same plan to the same
// model gives the same bytes on every machine, without samples and without running anything.
type Plan struct {
	FormatVersion int                `json:"formatVersion"`
	Model         string             `json:"model"`   // SHA-256 of the float32 file, in hexadecimal
	Method        calibration.Method `json:"method"`  // that chose the thresholds
	Samples       int                `json:"samples"` // that it saw
	Exclude       string             `json:"exclude,omitempty"`
	KeepOps       []string           `json:"keepOps,omitempty"`
	Keep          []string           `json:"keep,omitempty"` // layers that a search left in float32
	QuantizeLast  bool               `json:"quantizeLast,omitempty"`
	Equalized     bool               `json:"equalized,omitempty"`

	Thresholds  map[string]float64   `json:"thresholds"`
	Corrections map[string][]float32 `json:"corrections,omitempty"`
}

// ErrOtherModel is returned when a plan was made for another model.
var ErrOtherModel = errors.New("the plan was made for another model")

// ParsePlan reads and checks a plan. An unknown key is an error.
func ParsePlan(data []byte) (*Plan, error) {
	if len(data) > maxPlanBytes {
		return nil, fmt.Errorf("reading plan: it has %d bytes, at most %d are allowed", len(data), maxPlanBytes)
	}
	var p Plan
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&p)
	if err == nil && decoder.More() {
		err = errors.New("something follows it")
	}
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return nil, fmt.Errorf("reading plan: %w", err)
	}
	return &p, nil
}

func (p *Plan) check() error {
	var errs []error
	if p.FormatVersion != PlanVersion {
		errs = append(errs, fmt.Errorf("formatVersion is %d, this program reads %d", p.FormatVersion, PlanVersion))
	}
	if _, err := p.rules(); err != nil {
		errs = append(errs, err)
	}
	if p.Thresholds == nil {
		errs = append(errs, errors.New("thresholds are missing"))
	}
	for name, t := range p.Thresholds {
		if t < 0 || t > math.MaxFloat32 {
			errs = append(errs, fmt.Errorf("threshold %v of tensor %s is out of range", t, name))
		}
	}
	return errors.Join(errs...)
}

func (p *Plan) rules() (qint8.Rules, error) {
	r := qint8.Rules{KeepOps: p.KeepOps, QuantizeLast: p.QuantizeLast, Keep: map[string]bool{}}
	for _, id := range p.Keep {
		r.Keep[id] = true
	}
	if p.Exclude == "" {
		return r, nil
	}
	var err error
	if r.Exclude, err = regexp.Compile(p.Exclude); err != nil {
		return r, fmt.Errorf("exclude: %w", err)
	}
	return r, nil
}

// Marshal encodes the plan, with a line feed at its end.
func (p *Plan) Marshal() ([]byte, error) {
	data, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return nil, fmt.Errorf("writing plan: %w", err)
	}
	return append(data, '\n'), nil
}

// Apply converts a float32 model after the plan.
func (p *Plan) Apply(m *onnx.Model) (*qint8.Result, error) {
	digest, err := digestOf(m)
	if err != nil {
		return nil, err
	}
	if digest != p.Model {
		return nil, fmt.Errorf("applying plan: %w: sha256 is %s, the plan says %s", ErrOtherModel, digest, p.Model)
	}
	base, err := prepare(m, p.Equalized)
	if err != nil {
		return nil, err
	}
	return p.convert(base)
}

// convert is Apply for a model that is prepared already.
func (p *Plan) convert(base *onnx.Model) (*qint8.Result, error) {
	rules, err := p.rules()
	if err != nil {
		return nil, err
	}
	return qint8.Convert(base, qint8.Settings{Rules: rules, Thresholds: p.Thresholds, Corrections: p.Corrections})
}

// without returns a copy of the plan that keeps more layers in float32.
func (p *Plan) without(layers ...string) *Plan {
	out := *p
	out.Keep = slices.Concat(p.Keep, layers)
	slices.Sort(out.Keep)
	return &out
}

func prepare(m *onnx.Model, equalize bool) (*onnx.Model, error) {
	base, err := qint8.Prepare(m)
	if err == nil && equalize {
		err = qint8.Equalize(base)
	}
	return base, err
}

func digestOf(m *onnx.Model) (string, error) {
	data, err := m.Marshal()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
