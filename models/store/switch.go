package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vega-edge/vegad/models"
)

// Prove tries a bundle before it is switched to: it builds the engines and runs the golden test, beside what runs.
type Prove func(ctx context.Context, b *models.Bundle) error

// Activate makes an installed bundle the one that is tried from the next start on. The wanted one is named by digest or
// the beginning of it, by name or by name@version; empty is the one installed last. A bundle that prove refuses, that
// is older than one that was confirmed, or that failed a trial before, is not switched to.
func (s *Store) Activate(ctx context.Context, wanted string, prove Prove) (Info, error) {
	info, err := s.find(wanted)
	if err != nil {
		return Info{}, fmt.Errorf("activating a bundle: %w", err)
	}
	b, err := s.open(info.Digest)
	if err == nil && prove != nil {
		err = prove(ctx, b) // without the lock: building engines takes minutes
	}
	if err != nil {
		return Info{}, fmt.Errorf("activating %s %s: %w", info.Name, info.Version, err)
	}
	s.step("bundle proven")
	err = s.change("activating "+info.Name+" "+info.Version, func(st *state) error {
		if why := st.Rejected[info.Digest]; why != "" {
			return fmt.Errorf("%w: %s", ErrRejected, why)
		}
		if err := st.above(info.Name, info.Version); err != nil {
			return err
		}
		if st.Current == info.Digest {
			st.Trial = nil // it runs, and has been confirmed
			return nil
		}
		st.Trial = &trial{Digest: info.Digest, Since: time.Now().UTC().Truncate(time.Second), Allowed: s.cfg.Starts}
		return nil
	})
	if err != nil {
		return Info{}, err
	}
	return s.find(info.Digest)
}

// find looks a bundle up.
func (s *Store) find(wanted string) (Info, error) {
	installed, err := s.List()
	if err != nil {
		return Info{}, err
	}
	st, err := s.read()
	if err != nil {
		return Info{}, err
	}
	var found []Info
	for _, info := range installed {
		matches := info.Digest == st.Newest
		if wanted != "" {
			matches = wanted == info.Name || wanted == info.Name+"@"+info.Version ||
				(len(wanted) >= 8 && strings.HasPrefix(info.Digest, wanted))
		}
		if matches {
			found = append(found, info)
		}
	}
	switch len(found) {
	case 0:
		return Info{}, fmt.Errorf("%w: %q", ErrNotHere, wanted)
	case 1:
		return found[0], nil
	}
	return Info{}, fmt.Errorf("%q names %d installed bundles: name it by its digest", wanted, len(found))
}

// Choice is the bundle to load at a start.
type Choice struct {
	Dir    string // empty: the bundle of the configuration
	Digest string
	Trial  bool   // it has to prove itself: see Confirm and Fail
	Reason string // why a trial was ended just now
}

// Start decides which bundle to load, and counts the attempt, durably, before it is loaded: whatever happens to the
// process afterwards, the next start knows. A trial that has used up its starts, or whose files are damaged, is ended.
// A damaged current bundle gives way to the previous one, and that to the bundle of the configuration.
func (s *Store) Start() (Choice, error) {
	var out Choice
	err := s.change("choosing a bundle", func(st *state) error {
		if t := st.Trial; t != nil {
			_, err := s.open(t.Digest)
			switch {
			case err != nil:
				out.Reason = "the bundle on trial is damaged: " + err.Error()
			case t.Starts >= max(1, t.Allowed):
				out.Reason = fmt.Sprintf("it was not confirmed in %d starts", t.Starts)
			default:
				t.Starts++
				out.Digest, out.Trial = t.Digest, true
				return nil
			}
			s.reject(st, t.Digest, out.Reason)
		}
		out.Digest = s.sound(st)
		return nil
	})
	if err != nil {
		return Choice{}, err
	}
	if out.Digest != "" {
		out.Dir = s.Path(out.Digest)
	}
	return out, nil
}

// reject ends the trial.
func (s *Store) reject(st *state, digest, reason string) {
	st.Trial = nil
	st.Rejected[digest] = reason
	s.cfg.Logger.Warn("the new bundle was given up", "component", "models", "digest", digest, "reason", reason)
}

// sound returns the current bundle if it can be loaded, else what ran before it.
func (s *Store) sound(st *state) string {
	for _, digest := range []string{st.Current, st.Previous} {
		if digest == "" {
			return ""
		}
		_, err := s.open(digest)
		if err == nil {
			return digest
		}
		s.cfg.Logger.Error("an installed bundle cannot be loaded", "component", "models", "digest", digest, "err", err)
	}
	return ""
}

// Confirm ends a trial well: the bundle is the current one, what ran before is kept as the previous one, and nothing
// older can be activated any more. Without a trial it does nothing.
func (s *Store) Confirm() error {
	var after state
	err := s.change("confirming a bundle", func(st *state) error {
		after = *st
		if st.Trial == nil {
			return nil
		}
		b, err := s.open(st.Trial.Digest)
		if err != nil {
			return err
		}
		st.Previous, st.Current, st.Trial = st.Current, st.Trial.Digest, nil
		after = *st
		return st.raise(b.Manifest.Name, b.Manifest.Version)
	})
	if err == nil {
		s.prune(after)
	}
	return err
}

// Fail ends a trial badly: the next start loads what ran before, and this bundle is not activated again. Without a
// trial it does nothing.
func (s *Store) Fail(reason string) error {
	return s.change("giving up a bundle", func(st *state) error {
		if st.Trial != nil {
			s.reject(st, st.Trial.Digest, reason)
		}
		return nil
	})
}

// Rollback goes back to what ran before, from the next start on: it ends a trial, or else puts the previous bundle in
// the place of the current one. That bundle ran here before, so its version does not matter.
func (s *Store) Rollback() error {
	return s.change("rolling back", func(st *state) error {
		switch {
		case st.Trial != nil:
			s.reject(st, st.Trial.Digest, "it was rolled back by hand")
			return nil
		case st.Current == "":
			return ErrNothingElse
		case st.Previous != "":
			if _, err := s.open(st.Previous); err != nil {
				return errors.Join(ErrNothingElse, err)
			}
		}
		st.Current, st.Previous = st.Previous, st.Current
		return nil
	})
}
