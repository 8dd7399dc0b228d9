package scene

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// fresh returns an empty memory of the world's vocabulary.
func fresh(tb testing.TB) *Memory {
	tb.Helper()
	m, err := New(DefaultConfig(worldLabels, worldColors))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// remembering returns a memory that has seen a whole room, and what it saves.
func remembering(t *testing.T) (*world, []byte) {
	t.Helper()
	w := newWorld(t, furnished()...)
	w.turn()
	var b bytes.Buffer
	if err := w.m.Save(&b); err != nil {
		t.Fatal(err)
	}
	return w, b.Bytes()
}

func TestSavedMemoryComesBackTheSame(t *testing.T) {
	w, file := remembering(t)
	m := fresh(t)
	if err := m.Restore(bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	old, now := w.m.Snapshot(), m.Snapshot()
	if len(now.Seen) != len(furnished()) || now.Epoch != old.Epoch || now.Robot != old.Robot || now.Room != old.Room {
		t.Fatalf("restored %+v", now)
	}
	for i := range old.Seen {
		a, b := old.Seen[i], now.Seen[i]
		if a.ID != b.ID || a.Box != b.Box || a.Label != b.Label || a.Color != b.Color || a.Existence != b.Existence ||
			a.CenterCov != b.CenterCov || a.Hits != b.Hits || !a.FirstWall.Equal(b.FirstWall) ||
			!slices.Equal(a.LabelProbs, b.LabelProbs) {
			t.Errorf("was %+v\nis  %+v", a, b)
		}
	}
	var again bytes.Buffer
	if err := m.Save(&again); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Bytes(), file) {
		t.Error("saving what was restored gives another file")
	}
	t.Logf("%d things take %d bytes", len(now.Seen), len(file))
}

// continued moves a world to another memory, as a restart of the daemon does: its clock begins anew.
func (w *world) continued(m *Memory, away time.Duration) {
	w.m, w.wallOffset = m, w.wallOffset+w.mono+away
	w.mono, w.seq = 0, 0
}

func TestRestoredThingsAreFoundAgainWithoutOdometry(t *testing.T) {
	w, file := remembering(t)
	ids := map[string]string{}
	for _, o := range w.m.Snapshot().Seen {
		ids[o.ID] = o.Label
	}
	first := w.m.Snapshot().Seen[0]
	m := fresh(t)
	if err := m.Restore(bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	w.continued(m, time.Minute)
	w.robot = Pose{0.3, -0.25, WrapAngle(w.robot.Yaw + 0.2)} // it was pushed meanwhile
	w.turn()
	s := m.Snapshot()
	w.expect(s)
	if s.Epoch != 2 {
		t.Errorf("epoch %d", s.Epoch)
	}
	for _, o := range s.Seen {
		if ids[o.ID] != o.Label {
			t.Errorf("%s is a %s, was %q", o.ID, o.Label, ids[o.ID])
		}
		if o.ID == first.ID && !o.FirstWall.Equal(first.FirstWall) {
			t.Errorf("first seen at %s, was %s", o.FirstWall, first.FirstWall)
		}
		if o.ID == first.ID && s.Wall.Sub(o.FirstWall) != s.Mono-o.FirstMono {
			t.Errorf("its clocks differ: %s and %s", s.Wall.Sub(o.FirstWall), s.Mono-o.FirstMono)
		}
	}
	for i, th := range w.things {
		truth := s.Robot.Compose(w.robot.Inverse()).ApplyBox(th.box)
		if o, d := nearest(s, truth.Center); d > 0.25 {
			t.Errorf("thing %d is %.2f m off, nearest is %s", i, d, o.ID)
		}
	}
}

func TestRestoredMapGoesOnWithTheOdometry(t *testing.T) {
	for name, c := range map[string]struct {
		offset Pose // of the odometry after the restart
		epoch  uint32
	}{
		"same frame":   {Pose{}, 1},
		"restarted":    {Pose{20, 5, 2}, 2},
		"a little off": {Pose{0.1, 0, 0}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, furnished()...)
			w.odometry = true
			w.turn()
			var b bytes.Buffer
			if err := w.m.Save(&b); err != nil {
				t.Fatal(err)
			}
			m := fresh(t)
			if err := m.Restore(&b); err != nil {
				t.Fatal(err)
			}
			w.continued(m, 5*time.Second)
			w.offset = c.offset
			w.run(3)
			s := m.Snapshot()
			if s.Epoch != c.epoch || s.PoseSource != PoseOdometry {
				t.Errorf("epoch %d, source %s", s.Epoch, s.PoseSource)
			}
			w.turn()
			w.expect(m.Snapshot())
		})
	}
}

func TestUnseenRestoredThingsAreUncertain(t *testing.T) {
	w, file := remembering(t)
	m := fresh(t)
	if err := m.Restore(bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	w.continued(m, time.Hour)
	w.things = nil
	w.run(1)
	for _, o := range m.Snapshot().Seen {
		if sigma := math.Sqrt(trace(o.CenterCov)); sigma < restoreMove || o.Existence > 0.85 {
			t.Errorf("%s exists with %.2f and a sigma of %.2f m", o.ID, o.Existence, sigma)
		}
	}
}

// seal gives a payload a header that fits.
func seal(payload []byte) []byte {
	out := binary.LittleEndian.AppendUint32([]byte(fileMagic), fileVersion)
	out = binary.LittleEndian.AppendUint32(out, crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
	out = binary.LittleEndian.AppendUint64(out, uint64(len(payload)))
	return append(out, payload...)
}

func TestBadFileIsRefusedAndChangesNothing(t *testing.T) {
	_, file := remembering(t)
	other := func(change func(*Config)) *Memory {
		cfg := DefaultConfig(worldLabels, worldColors)
		change(&cfg)
		m, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	labels := slices.Clone(worldLabels)
	labels[0] = "throne"
	used := newWorld(t, furnished()...)
	used.run(1)
	flipped := slices.Clone(file)
	flipped[len(flipped)/2] ^= 4
	huge := slices.Clone(file)
	binary.LittleEndian.PutUint64(huge[16:], math.MaxInt64)
	version := slices.Clone(file)
	version[8]++
	for name, c := range map[string]struct {
		m    *Memory
		file []byte
	}{
		"empty":        {fresh(t), nil},
		"short":        {fresh(t), file[:len(file)-1]},
		"long":         {fresh(t), append(slices.Clone(file), 0)},
		"flipped bit":  {fresh(t), flipped},
		"huge":         {fresh(t), huge},
		"version":      {fresh(t), version},
		"nothing":      {fresh(t), seal(nil)},
		"many things":  {fresh(t), seal(bytes.Repeat([]byte{0xff}, 1000))},
		"other labels": {other(func(c *Config) { c.Labels = labels }), file},
		"fewer colors": {other(func(c *Config) { c.Colors = c.Colors[1:] }), file},
		"other source": {other(func(c *Config) { c.Source = "another bundle" }), file},
		"in use":       {used.m, file},
	} {
		before := state(c.m)
		if err := c.m.Restore(bytes.NewReader(c.file)); !errors.Is(err, ErrRejected) {
			t.Errorf("%s: error %v", name, err)
		} else {
			t.Logf("%s: %v", name, err)
		}
		if state(c.m) != before {
			t.Errorf("%s: memory changed", name)
		}
	}
}

func TestAnyDamagedFieldIsRefusedOrHarmless(t *testing.T) {
	_, file := remembering(t)
	rapid.Check(t, func(t *rapid.T) {
		payload := slices.Clone(file[fileHeader:])
		word := rapid.IntRange(0, len(payload)/8-1).Draw(t, "word")
		value := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{
			0, 1, math.MaxUint64, math.Float64bits(math.NaN()), math.Float64bits(math.Inf(1)), math.Float64bits(-1),
			math.Float64bits(1e300), math.Float64bits(1e-300), 1 << 32, 1 << 62,
		})).Draw(t, "value")
		binary.LittleEndian.PutUint64(payload[word*8:], value)
		m, err := New(DefaultConfig(worldLabels, worldColors))
		if err != nil {
			t.Fatal(err)
		}
		restoreAndUse(t, m, seal(payload))
	})
}

// failer is what testing.T, testing.F's T and rapid.T have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// restoreAndUse checks that a file is either refused without effect or leaves a memory that works.
func restoreAndUse(t failer, m *Memory, file []byte) {
	t.Helper()
	before := state(m)
	if err := m.Restore(bytes.NewReader(file)); err != nil {
		if !errors.Is(err, ErrRejected) {
			t.Fatalf("error %v", err)
		}
		if state(m) != before {
			t.Fatalf("a refused file changed memory")
		}
		return
	}
	for i := range 3 {
		obs := &Observation{
			Mono: time.Duration(i+1) * time.Second, Wall: time.Unix(1000, 0), Consistency: 1,
			View: View{Position: Vec3{Z: 1}, HFOV: 1.4, VFOV: 1},
			Detections: []Detection{
				{Score: 0.9, Box: Box{Center: Vec3{2, 0, 0.5}, Size: cubeOf(1)}, CenterVar: cubeOf(0.01)},
			},
		}
		if err := m.Observe(obs); err != nil {
			t.Fatalf("observing afterwards: %v", err)
		}
		if err := sane(m.Snapshot()); err != nil {
			t.Fatalf("afterwards: %v", err)
		}
	}
}

func FuzzRestore(f *testing.F) {
	m, obs := crowd(f, 3, 3)
	if err := m.Observe(&Observation{Mono: time.Minute, Consistency: 1, Detections: obs.Detections}); err != nil {
		f.Fatal(err)
	}
	file := m.encode()
	f.Add(file[fileHeader:], true)
	f.Add(file, false)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, data []byte, whole bool) {
		if whole { // lets the fuzzer past the checksum
			data = seal(data)
		}
		restoreAndUse(t, fresh(t), data)
	})
}

func TestSaveFileReplacesWhole(t *testing.T) {
	w, file := remembering(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "scene")
	if err := fresh(t).RestoreFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: error %v", err)
	}
	if err := os.WriteFile(path+".tmp", []byte("what a crash left behind, longer than what comes"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := w.m.SaveFile(path); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, file) {
		t.Errorf("%d bytes saved, want %d; error %v", len(got), len(file), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files left, error %v", len(entries), err)
	}
	m := fresh(t)
	if err := m.RestoreFile(path); err != nil || len(m.Snapshot().Seen) != len(furnished()) {
		t.Errorf("restored %d things, error %v", len(m.Snapshot().Seen), err)
	}
	if err := w.m.SaveFile(filepath.Join(dir, "no", "such", "folder")); err == nil {
		t.Error("saving to nowhere succeeded")
	}
	if err := w.m.SaveFile(dir); err == nil {
		t.Error("saving over a folder succeeded")
	}
	if entries, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(entries) != 1 {
		t.Errorf("a failed save left %v behind, error %v", entries, err)
	}
}
