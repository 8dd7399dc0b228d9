package engine

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/models"
)

var orin = Platform{
	Device: "NVIDIA Jetson Orin Nano", JetPack: "# R36 (release)", TensorRT: "libnvinfer.so.10.3.0",
	CUDA: "libcudart.so.12.6.68", Runtime: "1.24.0",
}

func openCache(t *testing.T, p Platform) *Cache {
	t.Helper()
	c, err := OpenCache(CacheOptions{Dir: filepath.Join(t.TempDir(), "engines"), Platform: p})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// stored puts a sealed engine into the cache.
func stored(t *testing.T, c *Cache) (recipe, string) {
	t.Helper()
	r := c.recipe(models.VideoStem, models.INT8, []byte("model"), tensorRTOptions(models.INT8, TensorRTOptions{}))
	dir, hit, removed, err := c.prepare(r)
	if err != nil || hit || removed != nil {
		t.Fatal(hit, removed, err)
	}
	put(t, dir, "a.engine", "native code")
	put(t, dir, "a.profile", "shapes")
	if err := c.seal(r, 90*time.Second); err != nil {
		t.Fatal(err)
	}
	return r, dir
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestASealedEngineIsFoundAgain(t *testing.T) {
	c := openCache(t, orin)
	r, dir := stored(t, c)
	again, err := OpenCache(CacheOptions{Dir: c.dir, Platform: orin})
	if err != nil {
		t.Fatal(err)
	}
	found, hit, removed, err := again.prepare(r)
	if err != nil || !hit || removed != nil || found != dir || !again.has(r) {
		t.Errorf("%s, hit %v, removed %v, %v", found, hit, removed, err)
	}
	entries, err := again.List()
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	e := entries[0]
	if e.Key != r.key() || e.Graph != models.VideoStem || e.Stale || e.BuildTime != 90*time.Second || e.Bytes == 0 {
		t.Errorf("%+v", e)
	}
}

// Whoever can write a byte into an engine runs code in vegad; the seal must notice each way of doing it.
func TestAnEngineThatWasTouchedIsNotLoaded(t *testing.T) {
	foreign := openCache(t, orin)
	for name, c := range map[string]struct {
		touch func(t *testing.T, dir string)
		want  string
	}{
		"changed": {
			func(t *testing.T, dir string) { put(t, dir, "a.engine", "other code!") },
			"a.engine is missing or was changed",
		},
		"added":    {func(t *testing.T, dir string) { put(t, dir, "b.engine", "more") }, "a file was added"},
		"removed":  {func(t *testing.T, dir string) { remove(t, filepath.Join(dir, "a.profile")) }, "a.profile is missing"},
		"unsealed": {func(t *testing.T, dir string) { remove(t, filepath.Join(dir, sealName)) }, "it has none"},
		"nonsense": {func(t *testing.T, dir string) { put(t, dir, sealName, "{}") }, "not made with the key"},
		"linked": {func(t *testing.T, dir string) {
			if err := os.Symlink("/etc/passwd", filepath.Join(dir, "c.engine")); err != nil {
				t.Fatal(err)
			}
		}, "c.engine is no plain file"},
		"sealed by another installation": {func(t *testing.T, dir string) {
			_, other := stored(t, foreign)
			text, err := os.ReadFile(filepath.Join(other, sealName))
			if err != nil {
				t.Fatal(err)
			}
			put(t, dir, sealName, string(text))
		}, "not made with the key of this installation"},
		"moved": {func(t *testing.T, dir string) {
			var s seal
			text, err := os.ReadFile(filepath.Join(dir, sealName))
			if err == nil {
				err = json.Unmarshal(text, &s)
			}
			if err != nil {
				t.Fatal(err)
			}
			s.Content = []byte(strings.Replace(string(s.Content), "video_stem", "video_mixer", 1))
			changed, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			put(t, dir, sealName, string(changed))
		}, "not made with the key"},
	} {
		t.Run(name, func(t *testing.T) {
			cache := openCache(t, orin)
			r, dir := stored(t, cache)
			c.touch(t, dir)
			if cache.has(r) {
				t.Error("it would be loaded")
			}
			_, hit, removed, err := cache.prepare(r)
			if err != nil || hit || !errors.Is(removed, ErrSeal) {
				t.Fatalf("hit %v, removed %v, %v", hit, removed, err)
			}
			for _, want := range []string{c.want, r.key(), models.VideoStem} {
				if !strings.Contains(removed.Error(), want) {
					t.Errorf("%v lacks %q", removed, want)
				}
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("%d files are left, %v", len(left), err)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// Two engines may share a folder only if nothing that went into them differs.
func TestTheKeyOfAnEngineKnowsEverything(t *testing.T) {
	c := &Cache{platform: orin}
	options := tensorRTOptions(models.FP16, TensorRTOptions{})
	base := c.recipe("video_stem", models.FP16, []byte("a"), options)
	if base.key() != c.recipe("video_stem", models.FP16, []byte("a"), options).key() || len(base.key()) != 32 {
		t.Fatalf("the key %q is not stable", base.key())
	}
	keys := map[string]string{base.key(): "the same"}
	elsewhere := func(edit func(*Platform)) string {
		p := orin
		edit(&p)
		return (&Cache{platform: p}).recipe("video_stem", models.FP16, []byte("a"), options).key()
	}
	for name, key := range map[string]string{
		"graph":     c.recipe("video_mixer", models.FP16, []byte("a"), options).key(),
		"precision": c.recipe("video_stem", models.INT8, []byte("a"), options).key(),
		"model":     c.recipe("video_stem", models.FP16, []byte("b"), options).key(),
		"options": c.recipe("video_stem", models.FP16, []byte("a"),
			tensorRTOptions(models.FP16, TensorRTOptions{Level: 5})).key(),
		"device":   elsewhere(func(p *Platform) { p.Device = "AGX" }),
		"JetPack":  elsewhere(func(p *Platform) { p.JetPack = "# R39" }),
		"TensorRT": elsewhere(func(p *Platform) { p.TensorRT = "libnvinfer.so.10.16.2" }),
		"CUDA":     elsewhere(func(p *Platform) { p.CUDA = "libcudart.so.13" }),
		"runtime":  elsewhere(func(p *Platform) { p.Runtime = "1.27.0" }),
	} {
		if same, taken := keys[key]; taken {
			t.Errorf("another %s has the key of %s", name, same)
		}
		keys[key] = name
	}
}

func TestStaleEnginesAreCleaned(t *testing.T) {
	c := openCache(t, orin)
	r, _ := stored(t, c)
	newer := orin
	newer.JetPack = "# R39 (release)"
	after, err := OpenCache(CacheOptions{Dir: c.dir, Platform: newer})
	if err != nil {
		t.Fatal(err)
	}
	removed, err := c.Clean(false)
	if err != nil || len(removed) != 0 {
		t.Errorf("an engine of this platform was removed: %v, %v", removed, err)
	}
	removed, err = after.Clean(false)
	if err != nil || len(removed) != 1 || removed[0].Key != r.key() || !strings.Contains(removed[0].Problem, "R36") {
		t.Errorf("removed %v, %v", removed, err)
	}
	stored(t, c)
	if removed, err := c.Clean(true); err != nil || len(removed) != 1 || removed[0].Stale {
		t.Errorf("cleaning all removed %v, %v", removed, err)
	}
}

func TestTheCacheIsClosedToOthers(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCache(CacheOptions{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "engine.key"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	key := filepath.Join(t.TempDir(), "state", "engine.key")
	for range 2 { // made, then read
		if _, err := OpenCache(CacheOptions{Dir: dir, KeyFile: key}); err != nil {
			t.Error(err)
		}
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCache(CacheOptions{Dir: dir, KeyFile: key}); err == nil ||
		!strings.Contains(err.Error(), "open to others") {
		t.Errorf("an open key gives %v", err)
	}
	put(t, filepath.Dir(key), "short", "abc\n")
	if _, err := OpenCache(CacheOptions{Dir: dir, KeyFile: filepath.Join(filepath.Dir(key), "short")}); err == nil ||
		!strings.Contains(err.Error(), "damaged") {
		t.Errorf("a short key gives %v", err)
	}
}

func TestACacheThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	put(t, filepath.Dir(file), "file", "")
	for _, dir := range []string{"", file, "/proc/engines"} {
		if _, err := OpenCache(CacheOptions{Dir: dir}); err == nil {
			t.Errorf("%q was accepted", dir)
		}
	}
}

func TestLastBuildsAreRemembered(t *testing.T) {
	c := openCache(t, orin)
	if c.expected("video_stem", models.INT8) != 0 {
		t.Error("a build is expected before there was one")
	}
	r := c.recipe(models.VideoStem, models.INT8, []byte("model"), nil)
	dir, _, _, err := c.prepare(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, err = c.prepare(c.timing()); err != nil {
		t.Fatal(err)
	}
	if err := c.finish(r, time.Minute); err == nil || !strings.Contains(err.Error(), "wrote none") {
		t.Errorf("an empty engine gives %v", err)
	}
	put(t, dir, "a.engine", "code")
	if err := c.finish(r, time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := c.expected("video_stem", models.INT8); got != time.Minute {
		t.Errorf("%v is expected", got)
	}
	if !c.has(r) || !c.has(c.timing()) {
		t.Error("engine or timings are not sealed")
	}
	put(t, c.dir, historyName, `{"video_stem/int8":-3,"x":1e300}`)
	if got := c.expected("video_stem", models.INT8); got != 0 {
		t.Errorf("nonsense gives %v", got)
	}
}

func TestPlatform(t *testing.T) {
	root := t.TempDir()
	if got := platformBelow(root, "1.24.0"); got != (Platform{Runtime: "1.24.0"}) {
		t.Errorf("an empty machine is %+v", got)
	}
	for path, text := range map[string]string{
		"proc/device-tree/model":                                        "NVIDIA Jetson Orin Nano Developer Kit\x00",
		"proc/device-tree/compatible":                                   "nvidia,p3768+p3767-0005\x00nvidia,tegra234\x00",
		"etc/nv_tegra_release":                                          "# R36 (release), REVISION: 4.3\nmore\n",
		"usr/lib/aarch64-linux-gnu/libnvinfer.so.10.3.0":                "",
		"usr/local/cuda/targets/aarch64-linux/lib/libcudart.so.12.6.68": "",
	} {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Dir(full), filepath.Base(full), text)
	}
	lib := filepath.Join(root, "usr/lib/aarch64-linux-gnu")
	if err := os.Symlink("libnvinfer.so.10.3.0", filepath.Join(lib, "libnvinfer.so.10")); err != nil {
		t.Fatal(err)
	}
	want := Platform{
		Device:  "NVIDIA Jetson Orin Nano Developer Kit (nvidia,p3768+p3767-0005 nvidia,tegra234)",
		JetPack: "# R36 (release), REVISION: 4.3", TensorRT: "libnvinfer.so.10.3.0", CUDA: "libcudart.so.12.6.68",
		Runtime: "1.24.0",
	}
	if got := platformBelow(root, "1.24.0"); got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func FuzzSeal(f *testing.F) {
	c := &Cache{key: make([]byte, keyBytes), platform: orin}
	content, err := json.Marshal(sealed{Recipe: c.timing(), Files: map[string]string{"a": "b"}})
	if err != nil {
		f.Fatal(err)
	}
	whole, err := json.Marshal(seal{content, "00"})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(whole), "{}", "[]", `{"content":null,"mac":"zz"}`, "\x00"} {
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, honest bool) {
		mac := c.mac
		if honest { // whatever is written, let its digest fit, so that the content is read as well
			var s seal
			if json.Unmarshal(text, &s) == nil {
				mac = func([]byte) []byte { return []byte{0} }
			}
		}
		got, err := parseSeal(text, mac)
		if (got == nil) == (err == nil) {
			t.Errorf("%v, %v", got, err)
		}
		if err != nil && !errors.Is(err, ErrSeal) {
			t.Errorf("another error: %v", err)
		}
		if got != nil && len(got.Recipe.key()) != 32 {
			t.Error("a recipe without a key")
		}
	})
}
