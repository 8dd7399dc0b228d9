package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/quant"
	"github.com/vega-edge/vegad/runtime/engine"
)

// How far golden outputs may be off, where a bundle's manifest does not say. They are the answers to noise, which no
// camera ever shows and no calibration has seen, so this is far from typical.
const (
	halfTolerance = 0.01
	int8Tolerance = 0.15
)

// replace puts the converted graphs into the bundle. They are tried in a copy of it first: only what passes the
// engine's golden test gets in.
func (j *bundleJob) replace(ctx context.Context) (err error) {
	stage, err := os.MkdirTemp(j.bundle.Dir, ".quantize-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	manifest, err := j.stage(stage)
	if err != nil {
		return fmt.Errorf("staging: %w", err)
	}
	if err := j.prove(ctx, stage); err != nil {
		return err
	}
	return swap(j.bundle, stage, manifest)
}

// stage writes the new bundle into a folder and returns its manifest.
func (j *bundleJob) stage(dir string) (*models.Manifest, error) {
	m := j.bundle.Manifest
	m.Precisions = maps.Clone(m.Precisions)
	m.Files = maps.Clone(m.Files)
	m.Golden.Tolerance = maps.Clone(m.Golden.Tolerance)
	for _, p := range converted() {
		files := map[string]models.FileRef{}
		for _, name := range models.GraphNames() {
			for _, c := range j.made[name] {
				if c.precision != p {
					continue
				}
				ref, err := put(dir, fmt.Sprintf("%s/%s.onnx", p, name), c.data)
				if err != nil {
					return nil, err
				}
				files[name] = ref
			}
		}
		m.Precisions[p] = models.PrecisionFiles{Files: files}
		if m.Golden.Tolerance[p] == 0 {
			m.Golden.Tolerance[p] = map[models.Precision]float64{models.FP16: halfTolerance, models.INT8: int8Tolerance}[p]
		}
	}
	if err := j.stagePlan(dir, &m); err != nil {
		return nil, err
	}
	return &m, j.complete(dir, &m)
}

func (j *bundleJob) stagePlan(dir string, m *models.Manifest) error {
	plan := bundlePlan{FormatVersion: quant.PlanVersion, Graphs: map[string]*quant.Plan{}}
	for name, list := range j.made {
		for _, c := range list {
			if c.plan != nil {
				plan.Graphs[name] = c.plan
			}
		}
	}
	data, err := json.MarshalIndent(plan, "", " ")
	if err != nil {
		return err
	}
	ref, err := put(dir, planFile, append(data, '\n'))
	if m.Files == nil {
		m.Files = map[string]models.FileRef{}
	}
	m.Files[planFile] = ref
	return err
}

// complete adds the files that stay as they are, and the manifest.
func (j *bundleJob) complete(dir string, m *models.Manifest) error {
	keep := []string{m.Golden.File.Path}
	for _, ref := range m.Precisions[models.FP32].Files {
		keep = append(keep, ref.Path)
	}
	for name, ref := range m.Files {
		if name != planFile {
			keep = append(keep, pathOf(name, ref))
		}
	}
	for _, path := range keep {
		if err := duplicate(filepath.Join(j.bundle.Dir, filepath.FromSlash(path)), filepath.Join(dir,
			filepath.FromSlash(path))); err != nil {
			return err
		}
	}
	data, err := encodeManifest(m)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, models.ManifestName), data, 0o644) //nolint:gosec // bundles are for everyone
}

func pathOf(name string, ref models.FileRef) string {
	if ref.Path == "" {
		return name
	}
	return ref.Path
}

func encodeManifest(m *models.Manifest) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	err := encoder.Encode(m)
	return out.Bytes(), err
}

// put writes a file of a bundle.
func put(dir, path string, data []byte) (models.FileRef, error) {
	file := quant.FileOf(data)
	ref := models.FileRef{Path: path, SHA256: file.SHA256, Bytes: file.Bytes}
	full := filepath.Join(dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil { //nolint:gosec // bundles are for everyone
		return ref, err
	}
	return ref, writeWhole(full, data)
}

// duplicate makes a file appear in a second place, without copying it if the file system can.
func duplicate(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // bundles are for everyone
		return err
	}
	if os.Link(from, to) == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // it was only read
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// prove opens the staged bundle in every new precision: the engine compares golden outputs with the tolerance.
func (j *bundleJob) prove(ctx context.Context, dir string) error {
	staged, err := models.Open(dir)
	if err != nil {
		return err
	}
	j.golden = map[models.Precision]goldenJudgment{}
	for _, p := range converted() {
		options := fp32OnCPU()
		options.Precision = p
		e, err := engine.Open(ctx, j.rt, staged, options)
		if err != nil {
			return fmt.Errorf("trying %s: %w", p, err)
		}
		judgment := goldenJudgment{worst: map[string]float64{}, tolerance: staged.Manifest.Golden.Tolerance[p]}
		for key, off := range e.Report().GoldenErrors {
			graph, _, _ := strings.Cut(key, ".")
			judgment.worst[graph] = max(judgment.worst[graph], off)
		}
		j.golden[p] = judgment
		if err := e.Close(); err != nil {
			return err
		}
	}
	return nil
}

// swap renames the new files into the bundle. First the manifest stops naming what will be replaced and last it names
// what has come, so that the bundle is whole at every moment, whatever happens in between.
func swap(b *models.Bundle, stage string, m *models.Manifest) error {
	interim := b.Manifest
	interim.Precisions, interim.Files = maps.Clone(interim.Precisions), maps.Clone(interim.Files)
	for _, p := range converted() {
		delete(interim.Precisions, p)
	}
	delete(interim.Files, planFile)
	data, err := encodeManifest(&interim)
	if err == nil {
		err = writeWhole(filepath.Join(b.Dir, models.ManifestName), data)
	}
	if err != nil {
		return err
	}
	moved := []string{planFile}
	for _, p := range converted() {
		for _, ref := range m.Precisions[p].Files {
			moved = append(moved, ref.Path)
		}
	}
	for _, path := range append(moved, models.ManifestName) {
		to := filepath.Join(b.Dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // bundles are for everyone
			return err
		}
		if err := os.Rename(filepath.Join(stage, filepath.FromSlash(path)), to); err != nil {
			return err
		}
	}
	return nil
}
