package benchtest

// Bound is what a figure with a spread must keep: it fails beyond the limit by more than the spread. One whose spread
// is as wide as its limit tells nothing, and fails as well.
type Bound struct{ Limit, Spread float64 }

// AtMostBy is AtMost for a figure that is known to within a spread.
func (r *Results) AtMostBy(name string, value float64, unit string, b Bound) {
	holds := value-b.Spread <= b.Limit+slack && b.Spread < b.Limit
	r.enter(name, Figure{Value: value, Unit: unit, Bound: &b.Limit, Spread: &b.Spread, Holds: holds, side: "at most"})
}

// AtLeastBy is AtLeast for a figure that is known to within a spread.
func (r *Results) AtLeastBy(name string, value float64, unit string, b Bound) {
	holds := value+b.Spread >= b.Limit-slack && b.Spread < b.Limit
	r.enter(name, Figure{Value: value, Unit: unit, Bound: &b.Limit, Spread: &b.Spread, Holds: holds, side: "at least"})
}

// AddBy notes a figure with a spread that is bound by nothing.
func (r *Results) AddBy(name string, value float64, unit string, spread float64) {
	r.enter(name, Figure{Value: value, Unit: unit, Spread: &spread, Holds: true})
}

// slack is for sums that floating point rounds.
const slack = 1e-9
