package scene

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// passing is a robot that drives along a street of things, with good odometry.
type passing struct {
	tb    testing.TB
	m     *Memory
	mono  time.Duration
	d     [1]Detection
	parts [3][]float32
}

const streetStep = 0.8 // m from one thing to the next

// show drives to the i-th thing, one step from where it was, and looks at it.
func (p *passing) show(i int, score float64) {
	p.tb.Helper()
	p.mono += 200 * time.Millisecond
	if err := p.m.SetOdometry(Odometry{Pose: Pose{X: streetStep * float64(i)}, Mono: p.mono}); err != nil {
		p.tb.Fatal(err)
	}
	p.d[0] = Detection{
		Label: i % len(worldLabels), Score: score, CenterVar: cubeOf(1e-3),
		Box: Box{Vec3{2, 0, 0.2}, cubeOf(0.3), 0}, Colors: p.colors(i), Embedding: p.parts[0],
	}
	if err := p.m.Observe(&Observation{Seq: uint64(i), Mono: p.mono, Consistency: 1, Detections: p.d[:]}); err != nil {
		p.tb.Fatal(err)
	}
}

func (p *passing) colors(i int) []float32 {
	if p.parts[0] == nil {
		p.parts = [3][]float32{{1, 0, 0, 0}, {0.5, 0.3, 0.2}, {0.1, 0.1, 0.8}}
	}
	return p.parts[1+i%2]
}

// arrive passes n things, some more certain than others.
func (p *passing) arrive(from, n int) {
	p.tb.Helper()
	rng := rand.New(rand.NewPCG(uint64(from), 9))
	for i := from; i < from+n; i++ {
		p.show(i, 0.8+0.2*rng.Float64())
	}
}

func TestTenThousandArrivals(t *testing.T) {
	m := fresh(t)
	p := &passing{tb: t, m: m}
	p.arrive(0, 1000)
	heap := func() int64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	before := heap()
	p.arrive(1000, 9000)
	grown := heap() - before
	s := m.Snapshot()
	t.Logf("%d things remembered of %d, heap grew by %d bytes", len(s.Seen), s.Stats.Born, grown)
	if len(s.Seen) > m.cfg.MaxObjects || len(s.Seen) < m.cfg.MaxObjects*9/10 || s.Stats.Evicted < 9000 {
		t.Errorf("%d things remembered, stats %+v", len(s.Seen), s.Stats)
	}
	if grown > 256<<10 {
		t.Errorf("heap grew by %d bytes over 9000 arrivals", grown)
	}
	if n := len(m.tracks) + len(m.spare) + len(m.gone.list); n > m.cfg.MaxObjects+m.cfg.MaxDetections+goneKept {
		t.Errorf("%d tracks are held", n)
	}
}

func TestTheLeastCertainIsForgottenFirst(t *testing.T) {
	cfg := DefaultConfig(worldLabels, worldColors)
	cfg.MaxObjects = 20
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := &passing{tb: t, m: m}
	for i := range 20 { // every second one is seen often
		for range 1 + 4*(i%2) {
			p.show(i, 0.85)
		}
	}
	for i := range 10 {
		p.show(20+i, 0.85)
	}
	s := m.Snapshot()
	if len(s.Seen) != 20 {
		t.Fatalf("%d things remembered", len(s.Seen))
	}
	for i := range 20 {
		_, d := nearest(s, Vec3{streetStep*float64(i) + 2, 0, .2})
		if kept := d < 0.1; kept != (i%2 == 1) {
			t.Errorf("thing %d, seen %d times, is kept: %v", i, 1+4*(i%2), kept)
		}
	}
}

func TestLongDriftStaysBounded(t *testing.T) {
	m := fresh(t)
	p := &passing{tb: t, m: m}
	p.arrive(0, 3)
	for i := range 20000 { // over an hour without any measured motion
		obs := &Observation{Mono: time.Duration(i+10) * 200 * time.Millisecond, Consistency: 1}
		if err := m.Observe(obs); err != nil {
			t.Fatal(err)
		}
	}
	s := m.Snapshot()
	if err := sane(s); err != nil {
		t.Fatal(err)
	}
	if math.IsInf(trace(s.RobotCov), 0) || s.RobotCov[0] > mostVariance {
		t.Errorf("robot's covariance %v", s.RobotCov)
	}
}
