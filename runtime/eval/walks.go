package eval

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vega-edge/vegad/models"
)

// Perfect is a variant of the walks: the memory is told what each picture truly shows, so that what is missing to 100
// is the memory's, the geometry's and the grammar's.
const Perfect = "perfect"

// Chance is a row of the walks: what a guess among the options scores on average. Numbers have no chance.
const Chance = "chance"

// WalkVariants returns the variants of the walks that answer questions.
func WalkVariants() []string { return []string{Gated, Perfect, Blind} }

// DefaultWalkPriors is the number of training rooms from which the blind variant of the walks learns.
const DefaultWalkPriors = 100

// priorScale is how much smaller the pictures are in which the truth about training rooms is traced.
const priorScale = 2

// Walk measures the bundle on walks of 20 to 60 seconds with VSI-Bench's eight kinds of questions. Variants are among
// WalkVariants; Priors and Progress are those of the walks. Precision and Provider of the result are the caller's to
// fill in. The dialogue has every question and every variant's answers.
func Walk(ctx context.Context, cfg Config) (*WalkResult, *Dialogue, error) {
	if len(cfg.Variants) == 0 {
		cfg.Variants = WalkVariants()
	}
	if cfg.First == 0 {
		cfg.First = cfg.Split.FirstSeed()
	}
	if err := cfg.check(WalkVariants()); err != nil {
		return nil, nil, err
	}
	d, err := cfg.walk(ctx)
	if err != nil {
		return nil, nil, err
	}
	r := Score(d)
	r.Bundle, r.FirstSeed = cfg.Manifest.Name+" "+cfg.Manifest.Version, cfg.First
	r.Split, r.Rooms = cfg.Split, cfg.Rooms
	return r, d, nil
}

// walkers makes those who answer, in the order of the variants.
func (cfg *Config) walkers(ctx context.Context) ([]walker, error) {
	out := make([]walker, len(cfg.Variants))
	for i, name := range cfg.Variants {
		switch name {
		case Gated:
			out[i] = &robot{manifest: cfg.Manifest, graph: cfg.Graph, lexicon: lexiconOf(cfg.Manifest)}
		case Perfect:
			out[i] = &seer{manifest: cfg.Manifest, lexicon: lexiconOf(cfg.Manifest)}
		case Blind:
			rooms := cfg.Priors
			if rooms == 0 {
				rooms = DefaultWalkPriors
			}
			h, err := learnHabits(ctx, cfg.sketcher(), cfg.Manifest.Labels, rooms)
			if err != nil {
				return nil, fmt.Errorf("learning the priors: %w", err)
			}
			out[i] = h
		}
	}
	return out, nil
}

// sketcher is a studio of smaller pictures, where only the truth is wanted.
func (cfg *Config) sketcher() *studio {
	small := *cfg
	m := *cfg.Manifest
	m.View = models.View{
		Width: m.View.Width / priorScale, Height: m.View.Height / priorScale, HFOVRad: m.View.HFOVRad,
	}
	small.Manifest = &m
	return small.studio()
}

// walk draws the tours and lets everybody answer.
func (cfg *Config) walk(ctx context.Context) (*Dialogue, error) {
	walkers, err := cfg.walkers(ctx)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	film := func(s *studio, i int) *tour { return s.tour(ctx, cfg.First+uint64(i), true) }
	tours, ended := drawn(ctx, cfg.Rooms, film, cfg.studio)
	d, err := cfg.converse(ctx, tours, walkers)
	stop()
	<-ended
	return d, err
}

func (cfg *Config) converse(ctx context.Context, tours <-chan *tour, walkers []walker) (*Dialogue, error) {
	d := &Dialogue{}
	done := 0
	for t := range tours {
		if ctx.Err() != nil {
			break // the tour may be incomplete
		}
		questions := examine(t, cfg.Split, cfg.Manifest.Labels)
		d.Questions = append(d.Questions, questions...)
		for _, w := range walkers {
			replies, err := w.reply(ctx, t, questions)
			if err != nil {
				return nil, fmt.Errorf("walking through room %d: %w", t.seed, err)
			}
			d.Replies = append(d.Replies, replies...)
		}
		if done++; cfg.Progress != nil {
			cfg.Progress(done)
		}
	}
	if done < cfg.Rooms {
		return nil, errors.Join(errors.New("measuring was interrupted"), context.Cause(ctx))
	}
	return d, nil
}

// drawn makes things of rooms in order, in a goroutine of its own, so that rendering and networks share the machine.
// The second channel is closed when it has ended.
func drawn[T any](
	ctx context.Context, rooms int, film func(s *studio, i int) T, open func() *studio,
) (<-chan T, <-chan struct{}) {
	out, ended := make(chan T, ahead), make(chan struct{})
	go func() {
		defer close(ended)
		defer close(out)
		s := open()
		for i := range rooms {
			select {
			case out <- film(s, i):
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, ended
}

// namedOnce refuses variants that a benchmark does not have, or that are named twice.
func namedOnce(variants, known []string) error {
	for i, v := range variants {
		if !slices.Contains(known, v) || slices.Contains(variants[:i], v) {
			return fmt.Errorf("variant %q: want each at most once, of %v", v, known)
		}
	}
	return nil
}
