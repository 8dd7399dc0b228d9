package calibration_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vega-edge/vegad/quant/calibration"
)

func shapes(name string) []int64 {
	return map[string][]int64{"x": {2, 2}, "row": {3}, "scalar": {}}[name]
}

func encode(t testing.TB, s calibration.Sample) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := calibration.WriteSample(&out, s, shapes); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestFolderGivesBackWhatWasWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "odd [name]*")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	want := []calibration.Sample{
		{"x": {1, 2, 3, 4}, "row": {-1, 0, 1e-30}, "scalar": {5}},
		{"x": {9, 8, 7, 6}},
	}
	for i, name := range []string{"000.npz", "001.npz"} {
		if err := os.WriteFile(filepath.Join(dir, name), encode(t, want[i]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("not a sample"), 0o600); err != nil {
		t.Fatal(err)
	}
	samples, err := calibration.Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []calibration.Sample
	for s, err := range samples {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFolderRefuses(t *testing.T) {
	empty, broken, pipe := t.TempDir(), t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "a.npz"), []byte("PK no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(pipe, "a.npz"), 0o700); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		empty: "no .npz file", filepath.Join(empty, "gone"): "no such file",
		broken: "a.npz", pipe: "no regular file",
	} {
		samples, err := calibration.Folder(dir)
		if err == nil {
			for _, err = range samples {
				break
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

func FuzzParseSample(f *testing.F) {
	f.Add(encode(f, calibration.Sample{"x": {1, 2, 3, 4}}))
	f.Add(encode(f, calibration.Sample{"row": {1, 2, 3}, "scalar": {0}}))
	f.Add(encode(f, calibration.Sample{}))
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := calibration.ParseSample(data)
		if (err == nil) != (len(s) > 0) {
			t.Errorf("%d arrays and error %v", len(s), err)
		}
	})
}
