// Package modeltest writes small, complete model bundles for tests: four real ONNX graphs with the contract's tensors
// in any sizes, in every precision, with golden outputs computed in plain Go. It reads no network and no file.
package modeltest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/vega-edge/vegad/models"
)

// Spec says what a test bundle looks like. Start from Default and change what the test is about.
type Spec struct {
	Name       string
	Width      int // of the canonical view, pixels
	Height     int
	Stride     int // pixels a grid cell, divides both
	Clip       int // frames
	Labels     []string
	Colors     []string
	Families   []string
	Precisions []models.Precision

	// Channels of the tensors whose size the contract leaves open.
	Geometry, Semantic, Generative, Rays, Fused, Box, BoxLogVar, Embedding, Depth, Ego, Room int

	SemanticRing   bool             // the head takes [1,T,Cs,h,w] instead of [1,Cs,h,w]
	SlowLayers     int              // convolutions without effect in video_stem, to make it slow
	WrongPrecision models.Precision // its video_stem gets weights that do not give the golden outputs
}

// Default returns a bundle that loads in milliseconds: a view of 32×24, a grid of 4×3, every precision.
func Default() Spec {
	return Spec{
		Name: "tiny", Width: 32, Height: 24, Stride: 8, Clip: 4,
		Labels: []string{"ball", "box", "chair"}, Colors: []string{"red", "blue"},
		Families:   []string{"observe", "locate", "count", "measure", "relate", "describe"},
		Precisions: []models.Precision{models.FP32, models.FP16, models.INT8},
		Geometry:   8, Semantic: 6, Generative: 10, Rays: 3, Fused: 12, Box: 8, BoxLogVar: 3,
		Embedding: 4, Depth: 2, Ego: 6, Room: 4,
	}
}

// Write puts the bundle into a temporary folder of the test and returns the folder.
func Write(tb testing.TB, spec Spec) string {
	tb.Helper()
	dir := tb.TempDir()
	if err := WriteTo(dir, spec); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// WriteTo puts the bundle into an existing folder.
func WriteTo(dir string, spec Spec) error {
	m := spec.manifest()
	golden := map[string]models.Tensor{}
	for _, p := range spec.Precisions {
		files := map[string]models.FileRef{}
		for _, graph := range models.GraphNames() {
			b := spec.build(graph, p, "")
			ref, err := put(dir, fmt.Sprintf("%s/%s.onnx", p, graph), spec.model(b, graph, p))
			if err != nil {
				return err
			}
			files[graph] = ref
			m.Graphs[graph] = b.signature(graph)
			for name, t := range b.tensors {
				golden[graph+"."+name] = t
			}
		}
		m.Precisions[p] = models.PrecisionFiles{Files: files}
	}
	archive, err := EncodeNPZ(golden)
	if err != nil {
		return err
	}
	if m.Golden.File, err = put(dir, "golden.npz", archive); err != nil {
		return err
	}
	return writeManifest(dir, m)
}

// model returns the graph's file, or one with other weights where the spec asks for that.
func (s Spec) model(b *builder, graph string, p models.Precision) []byte {
	if p == s.WrongPrecision && graph == models.VideoStem {
		b = s.build(graph, p, "wrong")
	}
	return b.onnx.model(graph)
}

// signature describes the tensors that were built, in the order of the names.
func (b *builder) signature(graph string) models.GraphSpec {
	var sig models.GraphSpec
	for _, name := range slices.Sorted(maps.Keys(b.tensors)) {
		t := models.TensorSpec{Name: name, Shape: b.tensors[name].Shape, DType: "float32", Meaning: "test data"}
		if b.inputs[name] {
			sig.Inputs = append(sig.Inputs, t)
		} else {
			sig.Outputs = append(sig.Outputs, t)
		}
	}
	return sig
}

func (s Spec) manifest() *models.Manifest {
	priors := map[string]models.SizePrior{}
	for _, l := range s.Labels {
		priors[l] = models.SizePrior{MeanM: [3]float64{0.5, 0.5, 0.8}, LogSigma: [3]float64{0.3, 0.3, 0.3}}
	}
	return &models.Manifest{
		FormatVersion: models.FormatVersion, Name: s.Name, Version: "0.0.1", Licence: "Apache-2.0",
		CreatedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		View:      models.View{Width: s.Width, Height: s.Height, HFOVRad: 1.2217},
		Clip:      models.Clip{Length: s.Clip, StrideSeconds: 0.25},
		Grid:      models.Grid{Cols: s.Width / s.Stride, Rows: s.Height / s.Stride},
		Labels:    s.Labels, Colors: s.Colors, Families: s.Families,
		Fusion: models.Fusion{
			GatePolarity: "semantic", ConcatOrder: []string{"semantic", "generative"},
			Blend: "layernormed", LayerNorm: "none in the test graphs",
		},
		Teacher:    models.Teacher{ID: "none", NoisePolicy: "none"},
		Training:   models.Training{Data: "none, random weights", Seeds: []int64{1}, Hardware: "none"},
		SizePriors: priors,
		Decode: models.Decode{
			ScoreThreshold: 0.3, MaxDetections: 32,
			VarianceScale: models.VarianceScale{Center: 1, Distance: 1, Size: 1, Yaw: 1, Depth: 1, Ego: 1, Room: 1},
		},
		Graphs:     map[string]models.GraphSpec{},
		Precisions: map[models.Precision]models.PrecisionFiles{},
		Golden: models.GoldenSpec{Tolerance: map[models.Precision]float64{
			models.FP32: 1e-3, models.FP16: 2e-2, models.INT8: 1e-1,
		}},
	}
}

func put(dir, path string, data []byte) (models.FileRef, error) {
	full := filepath.Join(dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(full), 0o750); err != nil {
		return models.FileRef{}, err
	}
	sum := sha256.Sum256(data)
	ref := models.FileRef{Path: path, SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(data))}
	return ref, os.WriteFile(full, data, 0o600)
}

func writeManifest(dir string, m any) error {
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, models.ManifestName), data, 0o600)
}

// EditManifest changes the manifest of a written bundle as plain JSON, for tests of broken bundles.
func EditManifest(tb testing.TB, dir string, edit func(map[string]any)) {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join(dir, models.ManifestName))
	if err != nil {
		tb.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		tb.Fatal(err)
	}
	edit(m)
	if err := writeManifest(dir, m); err != nil {
		tb.Fatal(err)
	}
}

// Replace overwrites a file of a written bundle and puts its new size and digest wherever the manifest names it, as
// an exporter with a bug would.
func Replace(tb testing.TB, dir, path string, data []byte) {
	tb.Helper()
	ref, err := put(dir, path, data)
	if err != nil {
		tb.Fatal(err)
	}
	EditManifest(tb, dir, func(m map[string]any) { replaceRefs(m, ref) })
}

func replaceRefs(node any, ref models.FileRef) {
	object, ok := node.(map[string]any)
	if !ok {
		return
	}
	if object["path"] == ref.Path {
		object["sha256"], object["bytes"] = ref.SHA256, ref.Bytes
	}
	for _, child := range object {
		replaceRefs(child, ref)
	}
}
