package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// SlowFactor is how much longer than at the first good start a graph must take before the report calls it slow. Clocks
// that follow the load move the shortest of a few runs by less; a power mode, a hot board or another library by more.
const SlowFactor = 1.5

const (
	slowFloor   = time.Millisecond       // a graph that is slower by less is not worth a word
	timedRuns   = 5                      // of each graph, if they take no longer than
	timedBudget = 200 * time.Millisecond // together
	maxBaseline = 1 << 20
)

// latencies runs each graph a few times and returns the shortest.
func latencies(ctx context.Context, e *Engine) (map[string]time.Duration, error) {
	out := map[string]time.Duration{}
	for name, g := range e.graphs {
		begin := time.Now()
		for i := 0; i < timedRuns && time.Since(begin) < timedBudget; i++ {
			start := time.Now()
			if err := g.Run(ctx); err != nil {
				return nil, err
			}
			if took := time.Since(start); i == 0 || took < out[name] {
				out[name] = took
			}
		}
		for _, t := range g.outputs {
			clear(t.data)
		}
	}
	return out, nil
}

// compare holds the latencies against those of this device's first good start, or stores them if this is it.
func (e *Engine) compare() {
	o := e.loader.opts
	if o.Baseline == "" {
		return
	}
	known, err := readBaseline(o.Baseline)
	if err != nil {
		o.Logger.Warn("the latencies of earlier starts cannot be read", "component", "engine", "err", err)
		return
	}
	key := e.baselineKey()
	if before, ok := known[key]; ok {
		e.report.Slow = slower(before, e.report.Latency)
		return
	}
	if e.report.Degraded {
		return // nothing to hold later starts against
	}
	known[key] = e.report.Latency
	text, err := json.MarshalIndent(known, "", " ")
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(o.Baseline), privateDir), writeAtomic(o.Baseline, text))
	}
	if err != nil {
		o.Logger.Warn("the latencies of this start cannot be kept", "component", "engine", "err", err)
	}
}

// baselineKey names what latencies depend on besides heat, clocks and load.
func (e *Engine) baselineKey() string {
	r, l := e.report, e.loader
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%d\n%s\n%v\n", l.bundle.Digest(), r.Provider, r.Precision,
		l.opts.Threads, ThisPlatform(l.rt.Version()), l.opts.TensorRT))
	return hex.EncodeToString(sum[:16])
}

// readBaseline returns the latencies by key and graph. That there is no file yet is no error.
func readBaseline(path string) (map[string]map[string]time.Duration, error) {
	out := map[string]map[string]time.Duration{}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err == nil && info.Size() > maxBaseline {
		err = fmt.Errorf("%s has %d bytes", path, info.Size())
	}
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// slower names the graphs that take longer than they did, by more than SlowFactor.
func slower(before, now map[string]time.Duration) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(now)) {
		was := before[name]
		if was > 0 && float64(now[name]) > SlowFactor*float64(was) && now[name]-was > slowFloor {
			out = append(out, fmt.Sprintf("%s takes %.1f ms, at the first start %.1f ms", name,
				now[name].Seconds()*1e3, was.Seconds()*1e3))
		}
	}
	return strings.Join(out, "; ")
}
