package models

import (
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// problemList collects everything that is wrong, each with the key it concerns.
type problemList struct{ problems []error }

func (l *problemList) add(key, format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
}

func (l *problemList) check(ok bool, key, format string, args ...any) {
	if !ok {
		l.add(key, format, args...)
	}
}

func (l *problemList) between(key string, v, low, high float64) {
	l.check(v >= low && v <= high, key, "is %v, must be between %v and %v", v, low, high)
}

func (l *problemList) positive(key string, v float64) {
	l.check(v > 0 && !math.IsInf(v, 0), key, "is %v, must be greater than 0", v)
}

var (
	namePattern   = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)
	digestPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// validate returns every problem of a decoded manifest.
func (m *Manifest) validate() []error {
	l := &problemList{}
	if m.FormatVersion != FormatVersion {
		l.add("formatVersion", "is %d, this program reads version %d", m.FormatVersion, FormatVersion)
		return l.problems
	}
	l.check(namePattern.MatchString(m.Name), "name", "%q must match %s", m.Name, namePattern)
	l.check(m.Version != "", "version", "must not be empty")
	l.check(m.Licence != "", "licence", "must not be empty")
	l.check(!m.CreatedAt.IsZero(), "createdAt", "must be a date")
	m.checkGeometry(l)
	m.checkWords(l)
	m.checkFusion(l)
	m.checkDecode(l)
	m.checkGraphs(l)
	m.checkPrecisions(l)
	m.checkFiles(l)
	return l.problems
}

func (m *Manifest) checkGeometry(l *problemList) {
	l.between("view.width", float64(m.View.Width), 8, 4096)
	l.between("view.height", float64(m.View.Height), 8, 4096)
	l.between("view.hfovRad", m.View.HFOVRad, 0.05, 3.1)
	l.between("clip.length", float64(m.Clip.Length), 1, 64)
	l.between("clip.strideSeconds", m.Clip.StrideSeconds, 0.001, 60)
	stride := func(key string, cells, pixels int) {
		l.check(cells > 0 && pixels%max(cells, 1) == 0, key, "is %d, must divide the view's %d pixels", cells, pixels)
	}
	stride("grid.cols", m.Grid.Cols, m.View.Width)
	stride("grid.rows", m.Grid.Rows, m.View.Height)
}

func (m *Manifest) checkWords(l *problemList) {
	for _, list := range []struct {
		key   string
		words []string
	}{{"labels", m.Labels}, {"colors", m.Colors}, {"families", m.Families}} {
		l.check(len(list.words) > 0, list.key, "must not be empty")
		l.check(len(list.words) <= 4096, list.key, "has %d entries, at most 4096 are allowed", len(list.words))
		seen := map[string]bool{}
		for i, w := range list.words {
			key := fmt.Sprintf("%s[%d]", list.key, i)
			l.check(w != "" && w == strings.TrimSpace(w) && len(w) <= 64, key, "%q is not a plain word", w)
			l.check(!seen[w], key, "%q appears twice", w)
			seen[w] = true
		}
	}
	for _, label := range slices.Sorted(maps.Keys(m.SizePriors)) {
		key := "sizePriors." + label
		l.check(slices.Contains(m.Labels, label), key, "is not one of the labels")
		for i := range 3 {
			l.positive(fmt.Sprintf("%s.meanM[%d]", key, i), m.SizePriors[label].MeanM[i])
			l.between(fmt.Sprintf("%s.logSigma[%d]", key, i), m.SizePriors[label].LogSigma[i], 0, 10)
		}
	}
}

func (m *Manifest) checkFusion(l *problemList) {
	streams := []string{"generative", "semantic"}
	l.check(slices.Contains(streams, m.Fusion.GatePolarity), "fusion.gatePolarity",
		"is %q, must be one of %v", m.Fusion.GatePolarity, streams)
	l.check(slices.Equal(slices.Sorted(slices.Values(m.Fusion.ConcatOrder)), streams), "fusion.concatOrder",
		"is %v, must name each of %v once", m.Fusion.ConcatOrder, streams)
	l.check(m.Fusion.Blend != "", "fusion.blend", "must not be empty")
	l.check(m.Fusion.LayerNorm != "", "fusion.layerNorm", "must not be empty")
	l.check(m.Teacher.ID != "", "teacher.id", "must not be empty; write \"none\" if there was no teacher")
}

func (m *Manifest) checkDecode(l *problemList) {
	l.between("decode.scoreThreshold", m.Decode.ScoreThreshold, 0, 1)
	l.between("decode.maxDetections", float64(m.Decode.MaxDetections), 1, 1024)
	l.between("decode.counting.missed", m.Decode.Counting.Missed, 0, 10)
	l.between("decode.counting.wrong", m.Decode.Counting.Wrong, 0, 1)
	s := m.Decode.VarianceScale
	for _, scale := range []struct {
		key   string
		value float64
	}{
		{"center", s.Center},
		{"distance", s.Distance},
		{"size", s.Size},
		{"yaw", s.Yaw},
		{"depth", s.Depth},
		{"ego", s.Ego},
		{"room", s.Room},
	} {
		l.positive("decode.varianceScale."+scale.key, scale.value)
	}
}

func (m *Manifest) checkPrecisions(l *problemList) {
	l.check(len(m.Precisions) > 0, "precisions", "must not be empty")
	for _, p := range slices.Sorted(maps.Keys(m.Precisions)) {
		key := "precisions." + string(p)
		l.check(p == FP32 || p == FP16 || p == INT8, key, "unknown precision, must be fp32, fp16 or int8")
		for _, g := range GraphNames() {
			_, ok := m.Precisions[p].Files[g]
			l.check(ok, key+".files."+g, "missing")
		}
		for g := range m.Precisions[p].Files {
			l.check(slices.Contains(GraphNames(), g), key+".files."+g, "unknown graph")
		}
		l.positive("golden.tolerance."+string(p), m.Golden.Tolerance[p])
	}
}

func (m *Manifest) checkFiles(l *problemList) {
	users := map[string]string{ManifestName: "the manifest", SignatureName: "the signature"}
	for _, f := range m.listed() {
		local := filepath.IsLocal(filepath.FromSlash(f.ref.Path)) && !strings.ContainsAny(f.ref.Path, "\\\x00")
		l.check(local, f.key+".path", "%q must be a path inside the bundle", f.ref.Path)
		l.check(digestPattern.MatchString(f.ref.SHA256), f.key+".sha256", "%q is not 64 lower-case hexadecimal digits",
			f.ref.SHA256)
		l.between(f.key+".bytes", float64(f.ref.Bytes), 1, maxFileBytes)
		clean := filepath.Clean(f.ref.Path)
		l.check(users[clean] == "", f.key+".path", "%q is also %s", f.ref.Path, users[clean])
		users[clean] = f.key
	}
}
