package peers_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/scene"
)

func thing(label string, score, x float64) found {
	f := found{Label: label, Score: score}
	f.Box.Center, f.Box.Size = scene.Vec3{X: x, Y: 0.5, Z: 0.4}, scene.Vec3{X: 0.5, Y: 0.5, Z: 0.8}
	return f
}

func TestCompare(t *testing.T) {
	const threshold = 0.3
	strict := tolerance{score: 0.01, center: 0.01, size: 0.01, yaw: 0.1}
	want := [][]found{
		{thing("chair", 0.9, 2), thing("table", 0.8, 3)}, {thing("chair", 0.9, 2.1)}, {thing("box", 0.31, 4)},
	}
	changed := func(change func(*found)) [][]found {
		out := make([][]found, len(want))
		for i := range want {
			out[i] = slices.Clone(want[i])
		}
		change(&out[0][1])
		return out
	}
	for name, c := range map[string]struct {
		got  [][]found
		says string // "" agrees
	}{
		"the same":                 {want, ""},
		"turned by half":           {changed(func(f *found) { f.Box.Yaw = 3.1416 }), ""},
		"without what is not sure": {[][]found{want[0], want[1], nil}, ""},
		"with one thing more":      {[][]found{want[0], append(slices.Clone(want[1]), thing("bed", 0.5, 5)), nil}, "a bed"},
		"with one thing less":      {[][]found{want[0][:1], want[1], want[2]}, "a table"},
		"with another label":       {changed(func(f *found) { f.Label = "sofa" }), "a table"},
		"at another place":         {changed(func(f *found) { f.Box.Center.X += 0.05 }), "a table"},
		"of another size":          {changed(func(f *found) { f.Box.Size.Z += 0.05 }), "a table"},
		"turned":                   {changed(func(f *found) { f.Box.Yaw = 0.2 }), "a table"},
		"with another score":       {changed(func(f *found) { f.Score -= 0.02 }), "a table"},
		"a picture short":          {want[:2], "2 observations, vegad has 3"},
		"seeing next to nothing":   {[][]found{nil, nil, nil}, "3 of 3"},
	} {
		_, err := compare(want, c.got, threshold, strict)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	if _, err := compare([][]found{nil, nil}, [][]found{nil, nil}, threshold, strict); err == nil {
		t.Error("who sees nothing agrees")
	}
	some := strict
	some.misses = 0.2
	if _, err := compare(want, changed(func(f *found) { f.Label = "sofa" }), threshold, some); err == nil {
		t.Error("two of six are more than a fifth")
	}
}

// TestThroughput counts frames by their capture times, because not everybody publishes each.
func TestThroughput(t *testing.T) {
	begun, filmed := time.Unix(1000, 0), time.Unix(5000, 0)
	var scenes []sighting
	var samples []usage
	for i := range 100 { // every second frame, one each 20 ms: 100 frames a second
		came := begun.Add(time.Duration(i) * 20 * time.Millisecond)
		scenes = append(scenes, sighting{came, filmed.Add(time.Duration(2*i) * time.Second / filmFPS)})
	}
	for i := range 20 { // a core and a half
		at := begun.Add(time.Duration(i) * 100 * time.Millisecond)
		samples = append(samples, usage{at, 1.5 * float64(i) * 0.1, 100, 50, 120 + float64(i)})
	}
	got, err := throughput(begun.Add(500*time.Millisecond), scenes, samples)
	if err != nil {
		t.Fatal(err)
	}
	wanted := figures{framesPerSecond: 100, cpuPerFrame: 15, memorySteady: 100, memoryOwn: 50, memoryPeak: 139}
	for name, want := range wanted {
		if v := got[name]; v < want*0.999 || v > want*1.001 {
			t.Errorf("%s: %g %s, want %g", name, v, units[name], want)
		}
	}
	if _, err := throughput(begun.Add(time.Hour), scenes, samples); err == nil {
		t.Error("nothing has a throughput")
	}
}

func TestDecodeSeen(t *testing.T) {
	got, err := decodeSeen(strings.NewReader(`{"objects":[{"label":"chair","score":0.5,"box":{"center":{"x":1}}}]}
{"objects":[]}
`))
	if err != nil || len(got) != 2 || len(got[0]) != 1 || got[0][0].Box.Center.X != 1 || got[0][0].Label != "chair" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := decodeSeen(strings.NewReader("{}\nTraceback")); err == nil ||
		!strings.Contains(err.Error(), "observation 2") {
		t.Errorf("error %v", err)
	}
}
