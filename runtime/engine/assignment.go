package engine

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// Share is what one provider ran of the graphs, as their sessions wrote it down.
type Share struct {
	Provider Provider
	Nodes    int           // a graph compiled by TensorRT counts as one
	Time     time.Duration // in the golden test, warm-up included
}

// maxProfileBytes bounds what is read of a profile. A run of a graph of a thousand nodes writes half a MiB.
const maxProfileBytes = 64 << 20

// providerNames translates ONNX Runtime's names; others stay as they are.
var providerNames = map[string]Provider{
	"TensorrtExecutionProvider": TensorRT, "CUDAExecutionProvider": CUDA, "CPUExecutionProvider": CPU,
}

func readProfile(path string) ([]Share, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading a profile: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	shares, err := parseProfile(io.LimitReader(f, maxProfileBytes))
	if err != nil {
		return nil, fmt.Errorf("reading a profile: %w", err)
	}
	return shares, nil
}

// profileEvent is one entry of a profile: a list in the format of Chrome's tracing.
type profileEvent struct {
	Category string `json:"cat"`
	Name     string `json:"name"`
	Micros   int64  `json:"dur"`
	Args     struct {
		Provider string `json:"provider"`
	} `json:"args"`
}

// parseProfile adds up the nodes that ran, the provider that took longest first.
func parseProfile(r io.Reader) ([]Share, error) {
	decoder := json.NewDecoder(r)
	if start, err := decoder.Token(); err != nil || start != json.Delim('[') {
		return nil, errors.Join(errors.New("a profile must be a list of events"), err)
	}
	nodes := map[Provider]map[string]bool{}
	spent := map[Provider]time.Duration{}
	for decoder.More() {
		var e profileEvent
		if err := decoder.Decode(&e); err != nil {
			return nil, err
		}
		name, ran := strings.CutSuffix(e.Name, "_kernel_time")
		if e.Category != "Node" || !ran || e.Args.Provider == "" {
			continue
		}
		p, known := providerNames[e.Args.Provider]
		if !known {
			p = Provider(e.Args.Provider)
		}
		if nodes[p] == nil {
			nodes[p] = map[string]bool{}
		}
		nodes[p][name] = true
		spent[p] += time.Duration(max(0, e.Micros)) * time.Microsecond
	}
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	shares := make([]Share, 0, len(nodes))
	for p, names := range nodes {
		shares = append(shares, Share{p, len(names), spent[p]})
	}
	sortShares(shares)
	return shares, nil
}

func sortShares(shares []Share) {
	slices.SortFunc(shares, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.Provider, b.Provider))
	})
}

// ranOn holds what the sessions wrote down against the provider that was asked for. It returns the sum over the
// graphs, and a remark if a graph ran wholly elsewhere. That nothing at all ran on the provider is an error.
func ranOn(asked Provider, graphs map[string][]Share) (sum []Share, remark string, err error) {
	var elsewhere []string
	total := map[Provider]Share{}
	for name, shares := range graphs {
		here := false
		for _, s := range shares {
			t := total[s.Provider]
			total[s.Provider] = Share{s.Provider, t.Nodes + s.Nodes, t.Time + s.Time}
			here = here || s.Provider == asked
		}
		if !here && len(shares) > 0 {
			elsewhere = append(elsewhere, fmt.Sprintf("%s ran on %s", name, shares[0].Provider))
		}
	}
	for _, t := range total {
		sum = append(sum, t)
	}
	sortShares(sum)
	slices.Sort(elsewhere)
	if total[asked].Nodes == 0 {
		return sum, "", fmt.Errorf("the session took %s, but ran nothing on it: %s", asked, strings.Join(elsewhere, ", "))
	}
	return sum, strings.Join(elsewhere, ", "), nil
}
