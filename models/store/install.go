package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vega-edge/vegad/models"
)

// Install copies a bundle from a folder or an uncompressed tar file into the store and returns it. The signature is
// checked before anything else is read, and every file against its digest before the bundle gets its place. Installing
// it again changes nothing. What runs is not changed: see Activate.
func (s *Store) Install(ctx context.Context, from string) (Info, error) {
	info, err := s.install(ctx, from)
	if err != nil {
		return Info{}, fmt.Errorf("installing a bundle from %s: %w", from, err)
	}
	return info, nil
}

func (s *Store) install(ctx context.Context, from string) (Info, error) {
	if len(s.cfg.Keys) == 0 {
		return Info{}, ErrNoKeys
	}
	src, err := openSource(from)
	if err != nil {
		return Info{}, err
	}
	defer src.close() //nolint:errcheck // it was only read
	incoming, err := s.trust(src)
	if err != nil {
		return Info{}, err
	}
	unlock, err := s.lock()
	if err != nil {
		return Info{}, err
	}
	defer unlock()
	st, err := s.read()
	if err != nil {
		return Info{}, err
	}
	m := incoming.manifest
	if err := st.above(m.Name, m.Version); err != nil {
		return Info{}, err
	}
	if _, err := s.open(incoming.digest); err != nil {
		if err := s.place(ctx, src, incoming); err != nil {
			return Info{}, err
		}
	}
	st.Newest = incoming.digest
	if err := s.write(st); err != nil {
		return Info{}, err
	}
	s.prune(st)
	info := Info{
		Digest: incoming.digest, Name: m.Name, Version: m.Version, Dir: s.Path(incoming.digest),
		Role: st.role(incoming.digest),
	}
	s.cfg.Logger.Info("a bundle was installed", "component", "models", "bundle", m.Name, "version", m.Version,
		"digest", info.Digest)
	return info, nil
}

// incoming is a bundle whose manifest a trusted key has signed.
type incoming struct {
	raw, signature []byte
	digest         string
	manifest       *models.Manifest
}

func (s *Store) trust(src source) (incoming, error) {
	raw, err := readAll(src, models.ManifestName, maxManifest)
	if err != nil {
		return incoming{}, err
	}
	signature, err := readAll(src, models.SignatureName, maxSignature)
	if errors.Is(err, fs.ErrNotExist) {
		return incoming{}, fmt.Errorf("%w: %s is missing", models.ErrUnsigned, models.SignatureName)
	}
	if err != nil {
		return incoming{}, err
	}
	if err := models.CheckSignature(raw, signature, s.cfg.Keys); err != nil {
		return incoming{}, err
	}
	m, err := models.ParseManifest(raw)
	if err != nil {
		return incoming{}, err
	}
	sum := sha256.Sum256(raw)
	return incoming{raw, signature, hex.EncodeToString(sum[:]), m}, nil
}

// place copies the bundle beside its place, verifies the copy, and renames it.
func (s *Store) place(ctx context.Context, src source, in incoming) error {
	staging := filepath.Join(s.cfg.Dir, stagingDir)
	if err := os.RemoveAll(staging); err != nil { // of an installation that was cut off
		return err
	}
	s.step("staging removed")
	if err := os.Mkdir(staging, 0o750); err != nil {
		return err
	}
	for _, ref := range in.manifest.FileRefs() {
		if err := context.Cause(ctx); err != nil {
			return errors.Join(err, os.RemoveAll(staging))
		}
		if err := copyTo(staging, src, ref); err != nil {
			return errors.Join(err, os.RemoveAll(staging))
		}
		s.step("file copied")
	}
	if err := s.complete(staging, in); err != nil {
		return errors.Join(err, os.RemoveAll(staging))
	}
	if err := os.RemoveAll(s.Path(in.digest)); err != nil { // a damaged one, or none
		return err
	}
	s.step("old copy removed")
	if err := os.Rename(staging, s.Path(in.digest)); err != nil {
		return err
	}
	s.step("bundle renamed")
	return syncDir(filepath.Join(s.cfg.Dir, bundlesDir))
}

// complete adds manifest and signature, verifies the whole, and makes the folders durable.
func (s *Store) complete(staging string, in incoming) error {
	if err := writeDurably(filepath.Join(staging, models.SignatureName), in.signature); err != nil {
		return err
	}
	if err := writeDurably(filepath.Join(staging, models.ManifestName), in.raw); err != nil {
		return err
	}
	s.step("manifest written")
	b, err := models.Open(staging)
	if err != nil {
		return err
	}
	if err := b.Verify(s.cfg.Keys); err != nil {
		return err
	}
	return filepath.WalkDir(staging, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return syncDir(path)
	})
}

// prune removes bundles that nothing refers to: kept are what runs, what ran before, what is on trial and what was
// installed last. It runs after the state was written, so that a power cut only leaves more than is needed.
func (s *Store) prune(st state) {
	keep := map[string]bool{st.Current: true, st.Previous: true, st.Newest: true}
	if st.Trial != nil {
		keep[st.Trial.Digest] = true
	}
	folders, err := os.ReadDir(filepath.Join(s.cfg.Dir, bundlesDir))
	if err != nil {
		s.cfg.Logger.Warn("old bundles stay", "component", "models", "err", err)
		return
	}
	for _, folder := range folders {
		if keep[folder.Name()] {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.cfg.Dir, bundlesDir, folder.Name())); err != nil {
			s.cfg.Logger.Warn("an old bundle stays", "component", "models", "err", err)
			continue
		}
		s.step("old bundle removed")
		s.cfg.Logger.Info("an old bundle was removed", "component", "models", "digest", folder.Name())
	}
}
