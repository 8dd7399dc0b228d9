package models_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/modeltest"
)

// at walks into nested JSON objects and lists.
func at(node any, path ...any) any {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			node = node.(map[string]any)[s]
		case int:
			node = node.([]any)[s]
		}
	}
	return node
}

func object(node any, path ...any) map[string]any { return at(node, path...).(map[string]any) }

// Each edit makes one thing wrong; the error has to name its place.
func TestManifestProblemsNameTheirPlace(t *testing.T) {
	type manifest = map[string]any
	stem := []any{"precisions", "fp32", "files", "video_stem"}
	for name, c := range map[string]struct {
		edit func(manifest)
		want string
	}{
		"unknown key":       {func(m manifest) { m["licens"] = "x" }, "licens: unknown key"},
		"key in other case": {func(m manifest) { m["Name"] = "x" }, "Name: unknown key"},
		"unknown inner key": {func(m manifest) { object(m, "view")["fov"] = 1 }, "view.fov: unknown key"},
		"missing key":       {func(m manifest) { delete(object(m, "clip"), "length") }, "clip.length: missing"},
		"null":              {func(m manifest) { m["labels"] = nil }, "labels: must be a list"},
		"null number": {
			func(m manifest) { object(m, "view")["width"] = nil },
			"view.width: must not be null",
		},
		"wrong kind": {func(m manifest) { m["view"] = []int{1} }, "view: must be an object"},
		"wrong type": {func(m manifest) { object(m, "view")["width"] = "160" }, "view.width"},
		"fraction":   {func(m manifest) { object(m, "view")["width"] = 160.5 }, "view.width"},
		"short vector": {
			func(m manifest) { object(m, "sizePriors", "chair")["meanM"] = []int{1, 2} },
			"sizePriors.chair.meanM: has 2 elements, must have 3",
		},
		"version": {
			func(m manifest) { m["formatVersion"] = 2 },
			"formatVersion: is 2, this program reads version 1",
		},
		"name":          {func(m manifest) { m["name"] = "../x" }, "name: "},
		"licence":       {func(m manifest) { m["licence"] = "" }, "licence: must not be empty"},
		"date":          {func(m manifest) { m["createdAt"] = "yesterday" }, "decoding manifest.json"},
		"field of view": {func(m manifest) { object(m, "view")["hfovRad"] = 70 }, "view.hfovRad: is 70"},
		"grid": {
			func(m manifest) { object(m, "grid")["cols"] = 5 },
			"grid.cols: is 5, must divide the view's 32",
		},
		"grid of zero": {func(m manifest) { object(m, "grid")["rows"] = 0 }, "grid.rows: is 0"},
		"clip":         {func(m manifest) { object(m, "clip")["length"] = 1000 }, "clip.length: is 1000"},
		"label twice": {
			func(m manifest) { m["labels"] = []string{"a", "b", "a"} },
			"labels[2]: \"a\" appears twice",
		},
		"no colours": {func(m manifest) { m["colors"] = []string{} }, "colors: must not be empty"},
		"more labels": {
			func(m manifest) { m["labels"] = []string{"ball", "box", "chair", "sofa"} },
			"outputs.heat.shape",
		},
		"more colours": {
			func(m manifest) { m["colors"] = []string{"a", "b", "c"} },
			"outputs.attributes.shape",
		},
		"fewer families": {func(m manifest) { m["families"] = []string{"a"} }, "inputs.context.shape"},
		"prior of nothing": {
			func(m manifest) { m["labels"] = []string{"x", "y", "z"} },
			"sizePriors.ball: is not one of the labels",
		},
		"gate": {
			func(m manifest) { object(m, "fusion")["gatePolarity"] = "both" },
			"fusion.gatePolarity",
		},
		"concat": {
			func(m manifest) { object(m, "fusion")["concatOrder"] = []string{"semantic"} },
			"fusion.concatOrder",
		},
		"threshold": {
			func(m manifest) { object(m, "decode")["scoreThreshold"] = 2 },
			"decode.scoreThreshold: is 2",
		},
		"variance": {
			func(m manifest) { object(m, "decode", "varianceScale")["yaw"] = 0 },
			"decode.varianceScale.yaw: is 0",
		},
		"missing graph": {
			func(m manifest) { delete(object(m, "graphs"), "video_mixer") },
			"graphs.video_mixer: missing",
		},
		"unknown graph": {
			func(m manifest) { object(m, "graphs")["extra"] = m["graphs"].(manifest)["video_stem"] },
			"graphs.extra",
		},
		"tensor name": {
			func(m manifest) { object(m, "graphs", "video_stem", "inputs", 0)["name"] = "picture" },
			"graphs.video_stem.inputs: \"image\" is missing",
		},
		"tensor rank": {
			func(m manifest) { object(m, "graphs", "video_stem", "inputs", 0)["shape"] = []int{3, 24, 32} },
			"graphs.video_stem.inputs.image.shape: is [3 24 32], must be [1 3 H W]",
		},
		"dynamic size": {
			func(m manifest) { object(m, "graphs", "video_stem", "inputs", 0)["shape"] = []int{-1, 3, 24, 32} },
			"graphs.video_stem.inputs.image.shape",
		},
		"huge size": {
			func(m manifest) { object(m, "graphs", "video_stem", "outputs", 0)["shape"] = []int{1, 60000, 60000, 4} },
			"graphs.video_stem.outputs.geometry.shape",
		},
		"dtype": {
			func(m manifest) { object(m, "graphs", "video_stem", "inputs", 0)["dtype"] = "float16" },
			"graphs.video_stem.inputs.image.dtype: is \"float16\"",
		},
		"channels that differ between graphs": {
			func(m manifest) { object(m, "graphs", "video_stem", "outputs", 0)["shape"] = []int{1, 9, 3, 4} },
			"graphs.video_mixer.inputs.ring.shape: is [1 4 8 3 4], size 2 must be Cg = 9",
		},
		"no precision": {func(m manifest) { m["precisions"] = manifest{} }, "precisions: must not be empty"},
		"unknown precision": {
			func(m manifest) { object(m, "precisions")["int4"] = m["precisions"].(manifest)["fp32"] },
			"precisions.int4",
		},
		"missing file": {
			func(m manifest) { delete(object(m, stem[:3]...), "video_stem") },
			"precisions.fp32.files.video_stem: missing",
		},
		"tolerance": {
			func(m manifest) { delete(object(m, "golden", "tolerance"), "fp16") },
			"golden.tolerance.fp16: is 0",
		},
		"parent path": {
			func(m manifest) { object(m, stem...)["path"] = "../secret" },
			"video_stem.path: \"../secret\" must be",
		},
		"absolute path": {func(m manifest) { object(m, stem...)["path"] = "/etc/passwd" }, "video_stem.path"},
		"empty path":    {func(m manifest) { object(m, stem...)["path"] = "" }, "video_stem.path"},
		"same path twice": {
			func(m manifest) { object(m, stem...)["path"] = "golden.npz" },
			"video_stem.path: \"golden.npz\" is also golden.file",
		},
		"digest":    {func(m manifest) { object(m, stem...)["sha256"] = "ABC" }, "video_stem.sha256"},
		"huge file": {func(m manifest) { object(m, stem...)["bytes"] = 1 << 40 }, "video_stem.bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := modeltest.Write(t, modeltest.Default())
			modeltest.EditManifest(t, dir, c.edit)
			_, err := models.Open(dir)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "manifest.json") {
				t.Errorf("error is %v, wanted %q", err, c.want)
			}
		})
	}
}

func TestManifestReportsAllProblemsAtOnce(t *testing.T) {
	dir := modeltest.Write(t, modeltest.Default())
	modeltest.EditManifest(t, dir, func(m map[string]any) {
		m["name"], m["licence"] = "", ""
		object(m, "grid")["cols"] = 7
		object(m, "decode")["maxDetections"] = 0
	})
	_, err := models.Open(dir)
	for _, want := range []string{"name: ", "licence: ", "grid.cols: ", "decode.maxDetections: "} {
		if err == nil || !strings.Contains(err.Error(), "manifest.json: "+want) {
			t.Errorf("error lacks %q: %v", want, err)
		}
	}
}

func TestManifestAsText(t *testing.T) {
	dir := modeltest.Write(t, modeltest.Default())
	good, err := os.ReadFile(filepath.Join(dir, models.ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, by string) []byte { return bytes.Replace(good, []byte(old), []byte(by), 1) }
	for name, c := range map[string]struct {
		text []byte
		want string
	}{
		"empty":     {nil, "not valid JSON"},
		"truncated": {good[:len(good)/2], "not valid JSON"},
		"trailing":  {append(slices.Clip(good), "{}"...), "not valid JSON"},
		"a list":    {[]byte("[]"), "the document: must be an object"},
		"twice":     {replace(`"version"`, `"name": "a", "version"`), "name: appears twice"},
		"not UTF-8": {replace(`"tiny"`, "\"\xff\""), "name: "},
		"too long":  {make([]byte, 5<<20), "at most 4194304"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := models.ParseManifest(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v", err)
			}
		})
	}
	if _, err := models.ParseManifest(good); err != nil {
		t.Errorf("the good one: %v", err)
	}
}

// Whatever the bytes are, the parser neither crashes nor accepts what it would not accept again after encoding.
func FuzzParseManifest(f *testing.F) {
	dir := f.TempDir()
	if err := modeltest.WriteTo(dir, modeltest.Default()); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, models.ManifestName))
	if err != nil {
		f.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, good); err != nil {
		f.Fatal(err)
	}
	f.Add(compact.Bytes())
	f.Add([]byte(`{"formatVersion":1,"view":{"width":[[[]]]},"labels":{"a":[null]}}`))
	f.Add([]byte(`{"formatVersion":1,"formatVersion":1e999,"grid":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := models.ParseManifest(data)
		if err != nil {
			return
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := models.ParseManifest(again); err != nil {
			t.Errorf("accepted once, then refused: %v", err)
		}
	})
}
