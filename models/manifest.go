package models

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
)

// FormatVersion is the one manifest version that this package reads.
const FormatVersion = 1

// Precision names the arithmetic of one set of graph files. All of them take and give float32 tensors.
type Precision string

// The precisions that a bundle may carry.
const (
	FP32 Precision = "fp32"
	FP16 Precision = "fp16"
	INT8 Precision = "int8"
)

// The four graphs of every bundle.
const (
	VideoStem       = "video_stem"
	SemanticEncoder = "semantic_encoder"
	VideoMixer      = "video_mixer"
	SpatialHead     = "spatial_head"
)

// GraphNames returns the four graphs in the order in which a frame passes through them.
func GraphNames() []string { return []string{VideoStem, SemanticEncoder, VideoMixer, SpatialHead} }

// Manifest is manifest.json.
type Manifest struct {
	FormatVersion int       `json:"formatVersion"`
	Name          string    `json:"name"`    // lower case, as in the folder's name
	Version       string    `json:"version"` // of the bundle, free form
	CreatedAt     time.Time `json:"createdAt"`
	Licence       string    `json:"licence"` // SPDX identifier
	Description   string    `json:"description,omitempty"`

	View     View     `json:"view"`
	Clip     Clip     `json:"clip"`
	Grid     Grid     `json:"grid"`
	Labels   []string `json:"labels"`   // channels of heat, in order
	Colors   []string `json:"colors"`   // channels of attributes, in order
	Families []string `json:"families"` // elements of context, in order
	Fusion   Fusion   `json:"fusion"`
	Teacher  Teacher  `json:"teacher"`
	Training Training `json:"training"`

	Metrics    json.RawMessage              `json:"metrics,omitempty"` // what the evaluation printed, unread here
	SizePriors map[string]SizePrior         `json:"sizePriors"`        // by label; a label may lack one
	Decode     Decode                       `json:"decode"`
	Graphs     map[string]GraphSpec         `json:"graphs"`
	Precisions map[Precision]PrecisionFiles `json:"precisions"`
	Golden     GoldenSpec                   `json:"golden"`
	Files      map[string]FileRef           `json:"files,omitempty"` // extra files; path defaults to the key
}

// View is the canonical pinhole view that both encoders see. Its principal point is the middle of the picture and
// its pixels are square.
type View struct {
	Width   int     `json:"width"`   // pixels
	Height  int     `json:"height"`  // pixels
	HFOVRad float64 `json:"hfovRad"` // full horizontal field of view, in (0, pi)
}

// Clip says which frames the video mixer sees together.
type Clip struct {
	Length        int     `json:"length"`        // frames
	StrideSeconds float64 `json:"strideSeconds"` // wanted time between two of them
}

// Grid is the layout of the feature tokens over the view; the view is an integral multiple of it.
type Grid struct {
	Cols int `json:"cols"`
	Rows int `json:"rows"`
}

// Fusion says how the head blends the two streams.
type Fusion struct {
	GatePolarity string   `json:"gatePolarity"` // stream that the gate multiplies; the other gets one minus the gate
	ConcatOrder  []string `json:"concatOrder"`  // order in front of the gate's weights
	Blend        string   `json:"blend"`        // what is blended, such as "layernormed"
	LayerNorm    string   `json:"layerNorm"`    // where the streams are normalised
	Residual     bool     `json:"residual"`
}

// Teacher names the model whose features the student was taught.
type Teacher struct {
	ID          string  `json:"id"` // "none" if it learned from labels
	Layer       int     `json:"layer"`
	NoiseLevel  float64 `json:"noiseLevel"`
	NoisePolicy string  `json:"noisePolicy"`
}

// Training says what it cost and what it saw.
type Training struct {
	Data        string  `json:"data"`
	Seeds       []int64 `json:"seeds"`
	Rooms       int     `json:"rooms"`
	Clips       int     `json:"clips"`
	Steps       int     `json:"steps"`
	Hardware    string  `json:"hardware"`
	WallSeconds float64 `json:"wallSeconds"`
}

// SizePrior is the distribution of one label's extents, log-normal per axis.
type SizePrior struct {
	MeanM    [3]float64 `json:"meanM"`    // metres along the box's own x, y, z
	LogSigma [3]float64 `json:"logSigma"` // standard deviation of ln(extent)
}

// Decode holds the settings that the evaluation chose for turning head outputs into detections.
type Decode struct {
	ScoreThreshold float64       `json:"scoreThreshold"` // 0..1
	MaxDetections  int           `json:"maxDetections"`
	VarianceScale  VarianceScale `json:"varianceScale"`
	Counting       Counting      `json:"counting"`
}

// Counting is how far a memory may be trusted to hold each thing once, on walks through rooms never seen. Both zero is
// a memory that errs in nothing but what it says of each thing.
type Counting struct {
	Missed float64 `json:"missed"` // things that it lacks, for each that it holds
	Wrong  float64 `json:"wrong"`  // share of what it holds that is not there, or is something else; 0..1
}

// VarianceScale multiplies each predicted variance so that its 95 % interval covers 95 % on rooms never seen.
type VarianceScale struct {
	Center   float64 `json:"center"`
	Distance float64 `json:"distance"`
	Size     float64 `json:"size"`
	Yaw      float64 `json:"yaw"`
	Depth    float64 `json:"depth"`
	Ego      float64 `json:"ego"`
	Room     float64 `json:"room"`
}

// GraphSpec is the signature of one graph.
type GraphSpec struct {
	Inputs  []TensorSpec `json:"inputs"`
	Outputs []TensorSpec `json:"outputs"`
}

// TensorSpec describes one input or output. Shapes are static and the batch is 1.
type TensorSpec struct {
	Name    string  `json:"name"`
	Shape   []int64 `json:"shape"`
	DType   string  `json:"dtype"` // "float32"
	Meaning string  `json:"meaning,omitempty"`
	Unit    string  `json:"unit,omitempty"`
}

// Elements returns the number of values in the tensor.
func (t TensorSpec) Elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= int(d)
	}
	return n
}

// PrecisionFiles lists the graph files of one precision, by graph.
type PrecisionFiles struct {
	Files map[string]FileRef `json:"files"`
}

// FileRef names a file of the bundle with what it must contain.
type FileRef struct {
	Path   string `json:"path,omitempty"` // slash separated, relative to the bundle
	SHA256 string `json:"sha256"`         // 64 lower-case hexadecimal digits
	Bytes  int64  `json:"bytes"`
}

// GoldenSpec names the reference inputs and outputs, and how far each precision may be from them: the largest
// absolute difference of an output divided by the largest absolute value of its reference.
type GoldenSpec struct {
	File      FileRef               `json:"file"`
	Tolerance map[Precision]float64 `json:"tolerance"`
}

// Tensor finds an input or output of a graph by name.
func (m *Manifest) Tensor(graph, name string) (TensorSpec, bool) {
	g := m.Graphs[graph]
	for _, t := range slices.Concat(g.Inputs, g.Outputs) {
		if t.Name == name {
			return t, true
		}
	}
	return TensorSpec{}, false
}

// ParseManifest decodes and validates the bytes of a manifest.json. It reads no other file.
func ParseManifest(data []byte) (*Manifest, error) {
	if len(data) > maxManifestBytes {
		return nil, fmt.Errorf("%s has %d bytes, at most %d are allowed", ManifestName, len(data), maxManifestBytes)
	}
	if problems := checkShape(data, reflect.TypeFor[Manifest]()); len(problems) > 0 {
		return nil, inManifest(problems)
	}
	var m Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("decoding %s: %w", ManifestName, err)
	}
	if problems := m.validate(); len(problems) > 0 {
		return nil, inManifest(problems)
	}
	return &m, nil
}

func inManifest(problems []error) error {
	for i, p := range problems {
		problems[i] = fmt.Errorf("%s: %w", ManifestName, p)
	}
	return errors.Join(problems...)
}

// listedFile is a file of the manifest with the key that names it.
type listedFile struct {
	key string
	ref FileRef
}

// listed returns every file that the manifest names, in a fixed order.
func (m *Manifest) listed() []listedFile {
	files := []listedFile{{"golden.file", m.Golden.File}}
	for _, p := range slices.Sorted(maps.Keys(m.Precisions)) {
		for _, g := range slices.Sorted(maps.Keys(m.Precisions[p].Files)) {
			files = append(files, listedFile{fmt.Sprintf("precisions.%s.files.%s", p, g), m.Precisions[p].Files[g]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		files = append(files, listedFile{"files." + name, extraRef(name, m.Files[name])})
	}
	return files
}

// FileRefs returns every file that the manifest names, each with its path, in a fixed order. The manifest itself and
// its signature are not among them.
func (m *Manifest) FileRefs() []FileRef {
	listed := m.listed()
	out := make([]FileRef, len(listed))
	for i, f := range listed {
		out[i] = f.ref
	}
	return out
}

func extraRef(name string, ref FileRef) FileRef {
	if ref.Path == "" {
		ref.Path = name
	}
	return ref
}
