package query_test

import (
	"testing"

	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/query"
)

// TestOpenNumbers holds the benchmark's wording "chair(s)" for every label, whatever its plural is.
func TestOpenNumbers(t *testing.T) {
	lex := query.NewLexicon(room.Labels[:], room.Colors[:])
	for _, label := range room.Labels {
		q, err := query.Parse("How many "+label+"(s) are in this room?", lex)
		if err != nil || q.Kind != query.Count || q.Target == nil || q.Target.Label != label {
			t.Errorf("%s(s): %+v, %v", label, q, err)
		}
	}
}
