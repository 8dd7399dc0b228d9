package sensitivity_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vega-edge/vegad/quant/sensitivity"
)

// network is a loss that adds up what each int8 layer costs, above a floor.
type network struct {
	layers []sensitivity.Layer
	cost   map[string]float64
	floor  float64
	calls  int
}

func (n *network) loss(_ context.Context, kept []string) (float64, error) {
	n.calls++
	sum := n.floor
	for _, l := range n.layers {
		if !slices.Contains(kept, l.ID) {
			sum += n.cost[l.ID]
		}
	}
	return sum, nil
}

func example() *network {
	return &network{
		layers: []sensitivity.Layer{{"stem", 100}, {"body", 1000}, {"neck", 500}, {"tail", 10}},
		cost:   map[string]float64{"stem": 0.5, "body": 0.1, "neck": 0.05, "tail": 0.3},
	}
}

func TestSearchKeepsWhatHarmsMost(t *testing.T) {
	n := example()
	r, err := sensitivity.Search(t.Context(), n.layers, 0.2, n.loss)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.Kept, []string{"stem", "tail"}) || math.Abs(r.Loss-0.15) > 1e-9 ||
		math.Abs(r.FullLoss-0.95) > 1e-9 {
		t.Errorf("%+v", r)
	}
	if want := 1500. / 1610; math.Abs(r.Int8Share-want) > 1e-9 {
		t.Errorf("%v of the work in int8, want %v", r.Int8Share, want)
	}
	if r.Measured != n.calls {
		t.Errorf("%d measurements are reported of %d", r.Measured, n.calls)
	}
	harm := map[string][2]float64{}
	for _, l := range r.Layers {
		harm[l.ID] = [2]float64{l.Alone, l.LeftOut}
	}
	if h := harm["neck"]; math.Abs(h[0]-0.05) > 1e-9 || math.Abs(h[1]-0.9) > 1e-9 {
		t.Errorf("the neck alone costs %v, without it %v", h[0], h[1])
	}
}

func TestSearchWithNothingToDo(t *testing.T) {
	n := example()
	r, err := sensitivity.Search(t.Context(), n.layers, 1, n.loss)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Kept) != 0 || r.Int8Share != 1 || n.calls != 1 {
		t.Errorf("%+v after %d measurements", r, n.calls)
	}
}

// Whatever the network, the limit holds, and no kept layer could be given back.
func TestSearchIsTight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := &network{cost: map[string]float64{}}
		for i := range rapid.IntRange(1, 12).Draw(t, "layers") {
			id := string(rune('a' + i))
			n.layers = append(n.layers, sensitivity.Layer{ID: id, FLOPs: rapid.Int64Range(0, 1e9).Draw(t, "flops")})
			n.cost[id] = rapid.Float64Range(0, 1).Draw(t, "cost")
		}
		limit := rapid.Float64Range(0, 3).Draw(t, "limit")
		r, err := sensitivity.Search(t.Context(), n.layers, limit, n.loss)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := n.loss(t.Context(), r.Kept); got > limit || math.Abs(got-r.Loss) > 1e-9 {
			t.Fatalf("loss %v, reported %v, limit %v", got, r.Loss, limit)
		}
		for _, id := range r.Kept {
			fewer := slices.DeleteFunc(slices.Clone(r.Kept), func(k string) bool { return k == id })
			if got, _ := n.loss(t.Context(), fewer); got <= limit {
				t.Fatalf("%s is kept for nothing: %v of %v", id, got, limit)
			}
		}
		if len(n.layers) > 0 && r.Measured > 4*len(n.layers)+8 {
			t.Fatalf("%d measurements for %d layers", r.Measured, len(n.layers))
		}
	})
}

func TestSearchRefuses(t *testing.T) {
	n := example()
	n.floor = 0.4
	var limit *sensitivity.LimitError
	if _, err := sensitivity.Search(t.Context(), n.layers, 0.3, n.loss); !errors.As(err, &limit) || limit.Loss != 0.4 {
		t.Errorf("error %v", err)
	}
	boom := errors.New("boom")
	broken := func(context.Context, []string) (float64, error) { return 0, boom }
	if _, err := sensitivity.Search(t.Context(), n.layers, 0.3, broken); !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
	ended, end := context.WithCancelCause(t.Context())
	end(boom)
	_, err := sensitivity.Measure(ended, n.layers, n.loss)
	if !errors.Is(err, boom) || !strings.Contains(err.Error(), "stem") {
		t.Errorf("error %v", err)
	}
}

// A network whose outputs are no numbers is as bad as can be, and no choice of it is taken.
func TestLossThatIsNoNumber(t *testing.T) {
	n := example()
	nan := func(ctx context.Context, kept []string) (float64, error) {
		if slices.Contains(kept, "body") {
			return n.loss(ctx, kept)
		}
		return math.NaN(), nil
	}
	r, err := sensitivity.Search(t.Context(), n.layers, 10, nan)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.Kept, []string{"body"}) {
		t.Errorf("kept %v", r.Kept)
	}
}
