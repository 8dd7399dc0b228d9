package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Outcome is how a stage does against a baseline.
type Outcome string

// The outcomes.
const (
	Same   Outcome = "same" // within what the rounds of both measurements differ
	Faster Outcome = "faster"
	Slower Outcome = "slower"
)

// Change is one figure against its baseline.
type Change struct {
	Name       string  `json:"name"`
	Baseline   float64 `json:"baseline"`
	Now        float64 `json:"now"`
	Unit       string  `json:"unit"`
	Ratio      float64 `json:"ratio"`      // now over baseline
	SlackRatio float64 `json:"slackRatio"` // how far the ratio may be from 1 by chance
	Outcome    Outcome `json:"outcome"`
}

// Comparison is a report against a baseline.
type Comparison struct {
	Baseline string   `json:"baseline"` // its file
	Changes  []Change `json:"changes"`
	Holds    bool     `json:"holds"` // nothing is slower, and no call allocates more
}

// leastSlack is the change that counts as none however little the rounds differ: a process that is started again finds
// its memory at other addresses.
const leastSlack = 0.05

// Compare holds a report against a baseline of the same device, bundle, precision and provider. Each stage may change
// by the spreads of both measurements together; a call may not allocate more.
func Compare(now, base *Report) (*Comparison, error) {
	if err := alike(now, base); err != nil {
		return nil, fmt.Errorf("comparing with the baseline: %w", err)
	}
	c := &Comparison{Holds: true}
	for _, s := range now.Stages {
		old := base.stage(s.Name)
		if old.Count == 0 || s.Count == 0 {
			continue
		}
		c.add(Change{
			Name: s.Name, Baseline: old.P50Ms, Now: s.P50Ms, Unit: "ms",
			SlackRatio: max(2*(s.SpreadRatio+old.SpreadRatio), leastSlack),
		})
	}
	for _, call := range now.Calls {
		for _, old := range base.Calls {
			if old.Name == call.Name {
				c.add(Change{
					Name: call.Name + " allocations", Baseline: old.Allocations, Now: call.Allocations, Unit: "objects",
					SlackRatio: allocationSlack(old.Allocations),
				})
			}
		}
	}
	return c, nil
}

// allocationSlack lets a call that allocates hundreds of times, in several goroutines, vary a little; one that does not
// allocate must not begin to.
func allocationSlack(objects float64) float64 {
	if objects < 20 {
		return 0
	}
	return leastSlack
}

func (c *Comparison) add(change Change) {
	change.Ratio, change.Outcome = 1, Same
	if change.Baseline > 0 {
		change.Ratio = change.Now / change.Baseline
	} else if change.Now > 0 {
		change.Ratio = math.MaxFloat32
	}
	switch {
	case change.Ratio > 1+change.SlackRatio:
		change.Outcome, c.Holds = Slower, false
	case change.Ratio < 1/(1+change.SlackRatio):
		change.Outcome = Faster
	}
	c.Changes = append(c.Changes, change)
}

// alike tells why two reports cannot be compared.
func alike(now, base *Report) error {
	var errs []error
	for _, f := range []struct{ what, now, base string }{
		{"form", fmt.Sprint(now.Version), fmt.Sprint(base.Version)},
		{"device", now.Machine.Device, base.Machine.Device},
		{"number of cores", fmt.Sprint(now.Machine.Cores), fmt.Sprint(base.Machine.Cores)},
		{"bundle", now.Bundle, base.Bundle},
		{"precision", now.Precision, base.Precision},
		{"provider", now.Provider, base.Provider},
	} {
		if f.now != f.base {
			errs = append(errs, fmt.Errorf("the %s is %q, that of the baseline %q", f.what, f.now, f.base))
		}
	}
	return errors.Join(errs...)
}

// Table writes the comparison for people.
func (c *Comparison) Table() string {
	var out strings.Builder
	fmt.Fprintf(&out, "against %s\n", c.Baseline)
	for _, ch := range c.Changes {
		fmt.Fprintf(&out, "  %-24s %9.3f -> %9.3f %-8s x%.2f, ±%.0f %%: %s\n", ch.Name, ch.Baseline, ch.Now, ch.Unit,
			min(ch.Ratio, 999), 100*ch.SlackRatio, ch.Outcome)
	}
	return out.String()
}

var unsafeInName = regexp.MustCompile(`[^a-z0-9]+`)

// FileName names the baseline of a report: one file for each device, bundle, precision and provider.
func (r *Report) FileName() string {
	bundle, _, _ := strings.Cut(r.Bundle, " ")
	name := fmt.Sprintf("%s %d %s %s %s", r.Machine.Device, r.Machine.Cores, bundle, r.Precision, r.Provider)
	return strings.Trim(unsafeInName.ReplaceAllString(strings.ToLower(name), "-"), "-") + ".json"
}

// Save keeps a report as the baseline of its device in a folder, which is made, and returns the file.
func (r *Report) Save(dir string) (string, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", fmt.Errorf("saving the baseline: %w", err)
	}
	path := filepath.Join(dir, r.FileName())
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a result for everybody
		return "", fmt.Errorf("saving the baseline: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil { //nolint:gosec // a result for everybody
		return "", fmt.Errorf("saving the baseline: %w", err)
	}
	return path, nil
}

// maxReport bounds the file of a baseline.
const maxReport = 1 << 20

// Load reads a baseline from a file, or this report's own from a folder.
func (r *Report) Load(path string) (*Report, string, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, r.FileName())
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, path, fmt.Errorf("reading the baseline: %w; vegad bench --save makes one", err)
	}
	if err != nil {
		return nil, path, fmt.Errorf("reading the baseline: %w", err)
	}
	base, err := Parse(data)
	if err != nil {
		return nil, path, fmt.Errorf("reading the baseline %s: %w", path, err)
	}
	return base, path, nil
}

// Parse reads a report.
func Parse(data []byte) (*Report, error) {
	if len(data) > maxReport {
		return nil, fmt.Errorf("%d bytes are more than a report has", len(data))
	}
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, err
	}
	if r.Version != ReportVersion {
		return nil, fmt.Errorf("form %d: this version reads form %d", r.Version, ReportVersion)
	}
	for _, s := range r.Stages {
		if !(s.P50Ms >= 0) || !(s.SpreadRatio >= 0) {
			return nil, fmt.Errorf("stage %s: its median or spread is negative", s.Name)
		}
	}
	return &r, nil
}
