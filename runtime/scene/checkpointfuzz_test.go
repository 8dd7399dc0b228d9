package scene

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// sealCheckpoint gives the fields of a checkpoint the head that lets them pass.
func sealCheckpoint(fields []byte) []byte {
	out := append([]byte(checkpointMagic), make([]byte, 8)...)
	binary.LittleEndian.PutUint64(out[8:], uint64(crc32.Checksum(fields, castagnoli())))
	return append(out, fields...)
}

// smallCheckpoint is of a memory without a floor, which takes most of a checkpoint.
func smallCheckpoint(tb testing.TB) []byte {
	tb.Helper()
	_, obs := crowd(tb, 3, 3)
	m := fresh(tb)
	for i := range 3 {
		if err := m.Observe(&Observation{
			Mono: time.Minute + time.Duration(i)*time.Second, Consistency: 1, Detections: obs.Detections,
			Hints: obs.Detections[:1],
		}); err != nil {
			tb.Fatal(err)
		}
	}
	return m.Checkpoint()
}

// resumeAndUse checks that a checkpoint is either refused without effect or leaves a memory that does not fall.
func resumeAndUse(t failer, m *Memory, data []byte) {
	t.Helper()
	before := state(m)
	if err := m.Resume(data); err != nil {
		if !errors.Is(err, ErrRejected) || state(m) != before {
			t.Fatalf("refused with an effect, or: %v", err)
		}
		return
	}
	for i := range 3 {
		_ = m.SetOdometry(Odometry{Pose: Pose{X: float64(i)}, Mono: m.mono + time.Second})
		_ = m.Observe(&Observation{
			Mono: m.mono + time.Second, Consistency: 1, View: View{Position: Vec3{Z: 1}, HFOV: 1.4, VFOV: 1},
			Detections: []Detection{{Score: 0.9, Box: Box{Center: Vec3{2, 0, 0.5}, Size: cubeOf(1)}, CenterVar: cubeOf(0.01)}},
		})
		m.Snapshot()
	}
	m.Checkpoint()
}

func TestAnyDamagedCheckpointIsRefusedOrHarmless(t *testing.T) {
	fields := smallCheckpoint(t)[16:]
	rapid.Check(t, func(t *rapid.T) {
		bad := slices.Clone(fields)
		word := rapid.IntRange(0, len(bad)/8-1).Draw(t, "word")
		value := rapid.OneOf(rapid.Uint64(), rapid.SampledFrom([]uint64{
			0, 1, math.MaxUint64, math.Float64bits(math.NaN()), math.Float64bits(math.Inf(1)), math.Float64bits(-1),
			math.Float64bits(1e300), math.Float64bits(1e-300), 1 << 32, 1 << 62,
		})).Draw(t, "value")
		binary.LittleEndian.PutUint64(bad[word*8:], value)
		m, err := New(DefaultConfig(worldLabels, worldColors))
		if err != nil {
			t.Fatal(err)
		}
		resumeAndUse(t, m, sealCheckpoint(bad))
	})
}

func FuzzResume(f *testing.F) {
	data := smallCheckpoint(f)
	f.Add(data[16:], true)
	f.Add(data, false)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, data []byte, whole bool) {
		if whole { // lets the fuzzer past the checksum
			data = sealCheckpoint(data)
		}
		m, err := New(DefaultConfig(worldLabels, worldColors))
		if err != nil {
			t.Fatal(err)
		}
		resumeAndUse(t, m, data)
	})
}
