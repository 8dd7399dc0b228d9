// Package eval measures a bundle on simulated rooms that nobody trained on.
//
// Every room is walked through once. Its pictures take the path of a live camera: perception, scene memory, query;
// the answers about the last picture are compared with the truth that the renderer knows. Other variants, such as one
// that never looks, answer the same questions and are scored by the same code.
package eval

import (
	"context"
	"errors"
	"fmt"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/perception"
)

// The variants that this version measures.
const (
	Gated = "gated" // the bundle as it is shipped
	Blind = "blind" // label priors from training rooms, no pixels
)

// Variants returns the variants that this version measures.
func Variants() []string { return []string{Gated, Blind} }

// Config says what is measured, and on which rooms.
type Config struct {
	Manifest *models.Manifest
	Graph    func(name string) perception.Graph // the loaded graphs of the bundle, used by one goroutine at a time

	Split    Split
	Rooms    int      // at least 1
	First    uint64   // seed of the first room; 0 is the split's own first
	Variants []string // among Variants; empty is all
	// Priors is how many training rooms, from seed 0 on, the blind variant learns from; 0 is DefaultPriors.
	Priors int

	Progress func(done int) // called after each room, may be nil
}

// DefaultPriors is the number of training rooms from which the blind variant learns.
const DefaultPriors = 300

// Result is what was measured. Shares are in percent.
type Result struct {
	Bundle    string             `json:"bundle"` // name and version
	Precision string             `json:"precision"`
	Provider  string             `json:"provider"`
	Split     Split              `json:"split"`
	Rooms     int                `json:"rooms"`
	FirstSeed uint64             `json:"firstSeed"`
	Variants  map[string]Variant `json:"variants"`
}

// predictor answers the benchmark's questions about the last picture of a clip.
type predictor interface {
	answer(ctx context.Context, c *clip) (*answers, error)
}

// Run measures. Precision and Provider of the result are the caller's to fill in. The same bundle, rooms and provider
// give the same figures.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if len(cfg.Variants) == 0 {
		cfg.Variants = Variants()
	}
	if cfg.First == 0 {
		cfg.First = cfg.Split.FirstSeed()
	}
	if err := cfg.check(Variants()); err != nil {
		return nil, err
	}
	found, err := cfg.measure(ctx)
	if err != nil {
		return nil, err
	}
	r := &Result{
		Bundle: cfg.Manifest.Name + " " + cfg.Manifest.Version, Split: cfg.Split, Rooms: cfg.Rooms,
		FirstSeed: cfg.First, Variants: map[string]Variant{},
	}
	for i, name := range cfg.Variants {
		r.Variants[name] = summarise(found[i])
	}
	return r, nil
}

func (cfg *Config) check(known []string) error {
	if cfg.Rooms < 1 {
		return fmt.Errorf("%d rooms: at least one is needed", cfg.Rooms)
	}
	if err := namedOnce(cfg.Variants, known); err != nil {
		return err
	}
	return cfg.Split.check(cfg.First, cfg.Rooms)
}

// measure scores every room for every variant: [variant][room].
func (cfg *Config) measure(ctx context.Context) ([][]*tally, error) {
	predictors := make([]predictor, len(cfg.Variants))
	for i, name := range cfg.Variants {
		if name == Blind {
			priors, err := learnPriors(ctx, cfg.studio(), cfg.Priors)
			if err != nil {
				return nil, fmt.Errorf("learning the priors: %w", err)
			}
			predictors[i] = priors
			continue
		}
		predictors[i] = &system{manifest: cfg.Manifest, graph: cfg.Graph}
	}
	ctx, stop := context.WithCancel(ctx)
	film := func(s *studio, i int) *clip { return s.film(cfg.First + uint64(i)) }
	clips, ended := drawn(ctx, cfg.Rooms, film, cfg.studio)
	found := make([][]*tally, len(predictors))
	err := cfg.score(ctx, clips, predictors, found)
	stop()
	<-ended
	return found, err
}

func (cfg *Config) score(ctx context.Context, clips <-chan *clip, predictors []predictor, found [][]*tally) error {
	done := 0
	for c := range clips {
		for i, p := range predictors {
			a, err := p.answer(ctx, c)
			if err != nil {
				return fmt.Errorf("answering in room %d: %w", c.seed, err)
			}
			found[i] = append(found[i], c.compare(a))
		}
		done++
		if cfg.Progress != nil {
			cfg.Progress(done)
		}
	}
	if done < cfg.Rooms {
		return errors.Join(errors.New("measuring was interrupted"), context.Cause(ctx))
	}
	return nil
}

// ahead is how many rooms are drawn before the networks ask for them.
const ahead = 2
