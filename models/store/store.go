// Package store keeps the model bundles that were installed on a robot and decides which one runs.
//
// A bundle is installed only if a trusted key has signed it, into a folder named after its digest. Activating it puts
// it on trial: each start that tries it is counted on the disk before it is loaded. A trial that holds is confirmed;
// one that fails, or that has used up its starts, gives way to what ran before, by itself.
//
// The state is one file that is replaced by a rename, so that a power cut at any moment leaves the old state or the new
// one. Folders are complete before the state names them.
package store

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/vega-edge/vegad/models"
)

// What a caller may want to tell apart.
var (
	ErrNoKeys      = errors.New("no trusted key is configured")
	ErrOlder       = errors.New("the bundle is older than one that was confirmed")
	ErrVersion     = errors.New("the version must be numbers with dots, such as 1.4.2")
	ErrNotHere     = errors.New("no such bundle is installed")
	ErrNothingElse = errors.New("there is nothing to go back to")
	ErrRejected    = errors.New("the bundle failed before")
	ErrBusy        = errors.New("another process is changing the store")
)

// Config says where the store is and what it trusts.
type Config struct {
	Dir    string              // made if absent
	Keys   []ed25519.PublicKey // that may sign bundles; without one nothing can be installed
	Starts int                 // starts that a trial may take until it must have been confirmed; 0 is DefaultStarts
	Logger *slog.Logger        // required
}

// DefaultStarts is how many starts a bundle on trial is given. A power cut may spoil one.
const DefaultStarts = 3

// Store is a folder of installed bundles. Its methods lock the folder against other processes; they are safe for
// concurrent use.
type Store struct {
	cfg  Config
	step func(name string) // is told of every step that changes the disk; tests end the process there
}

// Open makes the folder if there is none. What interrupted changes have left is removed by the next change.
func Open(cfg Config) (*Store, error) {
	if cfg.Starts <= 0 {
		cfg.Starts = DefaultStarts
	}
	if err := os.MkdirAll(filepath.Join(cfg.Dir, bundlesDir), 0o750); err != nil {
		return nil, fmt.Errorf("opening the model store: %w", err)
	}
	return &Store{cfg: cfg, step: func(string) {}}, nil
}

const (
	bundlesDir = "bundles"  // holds a folder for each digest
	stagingDir = "incoming" // what is being installed
	stateName  = "state.json"
	lockName   = "lock"
	maxState   = 1 << 20
)

// state is what the store remembers. Bundles are named by digest; the empty digest is the bundle of the configuration.
type state struct {
	Current  string            `json:"current"`
	Previous string            `json:"previous"`
	Newest   string            `json:"newest,omitempty"` // installed last
	Trial    *trial            `json:"trial,omitempty"`
	Floors   map[string]string `json:"floors"`   // highest confirmed version, by name
	Rejected map[string]string `json:"rejected"` // why, by digest
}

// trial is a bundle that has to prove itself.
type trial struct {
	Digest  string    `json:"digest"`
	Starts  int       `json:"starts"` // counted before the bundle is loaded
	Since   time.Time `json:"since"`
	Allowed int       `json:"allowed"`
}

var digestPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)

// parseState reads a state. Whatever names no digest is refused, for digests become paths.
func parseState(text []byte) (state, error) {
	s := state{}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, err
	}
	named := []string{s.Current, s.Previous, s.Newest}
	if s.Trial != nil {
		if !digestPattern.MatchString(s.Trial.Digest) {
			return s, fmt.Errorf("%.80q is no digest", s.Trial.Digest)
		}
	}
	for _, digest := range named {
		if digest != "" && !digestPattern.MatchString(digest) {
			return s, fmt.Errorf("%.80q is no digest", digest)
		}
	}
	if s.Floors == nil {
		s.Floors = map[string]string{}
	}
	if s.Rejected == nil {
		s.Rejected = map[string]string{}
	}
	return s, nil
}

func (s *Store) read() (state, error) {
	path := filepath.Join(s.cfg.Dir, stateName)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return parseState([]byte("{}"))
	}
	if err != nil {
		return state{}, err
	}
	if info.Size() > maxState {
		return state{}, fmt.Errorf("%s has %d bytes", path, info.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return state{}, err
	}
	st, err := parseState(text)
	if err != nil {
		return state{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return st, nil
}

// write replaces the state: this is the moment at which every change happens.
func (s *Store) write(st state) error {
	text, err := json.MarshalIndent(st, "", " ")
	if err != nil {
		return err
	}
	temporary := filepath.Join(s.cfg.Dir, stateName+".new")
	if err := writeDurably(temporary, text); err != nil {
		return err
	}
	s.step("state written")
	if err := os.Rename(temporary, filepath.Join(s.cfg.Dir, stateName)); err != nil {
		return err
	}
	s.step("state renamed")
	return syncDir(s.cfg.Dir)
}

func writeDurably(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir makes renames in a folder durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// change runs f on the state under the lock and writes what it returns. The doing names it in errors.
func (s *Store) change(doing string, f func(*state) error) error {
	unlock, err := s.lock()
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	defer unlock()
	st, err := s.read()
	if err == nil {
		err = f(&st)
	}
	if err == nil {
		err = s.write(st)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// lock keeps other processes out. The kernel lifts it when the process ends, however it ends.
func (s *Store) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.cfg.Dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // the first error is the one to tell
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrBusy
		}
		return nil, err
	}
	return func() { _ = f.Close() }, nil // closing lifts the lock
}

// Path returns the folder of an installed bundle.
func (s *Store) Path(digest string) string { return filepath.Join(s.cfg.Dir, bundlesDir, digest) }

// Info describes an installed bundle.
type Info struct {
	Digest    string    `json:"digest"`
	Name      string    `json:"name"`
	Version   string    `json:"version"`
	Dir       string    `json:"dir"`
	Installed time.Time `json:"installed"`
	Role      string    `json:"role"` // current, previous, trial, installed or rejected
	Problem   string    `json:"problem,omitempty"`
}

// List describes every installed bundle, the current one first.
func (s *Store) List() ([]Info, error) {
	st, err := s.read()
	if err != nil {
		return nil, fmt.Errorf("listing installed bundles: %w", err)
	}
	folders, err := os.ReadDir(filepath.Join(s.cfg.Dir, bundlesDir))
	if err != nil {
		return nil, fmt.Errorf("listing installed bundles: %w", err)
	}
	out := []Info{}
	for _, folder := range folders {
		if !digestPattern.MatchString(folder.Name()) {
			continue
		}
		info := s.describe(st, folder)
		if info.Role == "current" {
			out = append([]Info{info}, out...)
		} else {
			out = append(out, info)
		}
	}
	return out, nil
}

func (s *Store) describe(st state, folder fs.DirEntry) Info {
	info := Info{Digest: folder.Name(), Dir: s.Path(folder.Name()), Role: st.role(folder.Name())}
	if at, err := folder.Info(); err == nil {
		info.Installed = at.ModTime().UTC().Truncate(time.Second)
	}
	info.Problem = st.Rejected[info.Digest]
	b, err := s.open(info.Digest)
	if err != nil {
		info.Problem = strings.TrimSpace(info.Problem + " " + err.Error())
		return info
	}
	info.Name, info.Version = b.Manifest.Name, b.Manifest.Version
	return info
}

func (st state) role(digest string) string {
	switch {
	case st.Trial != nil && st.Trial.Digest == digest:
		return "trial"
	case st.Current == digest:
		return "current"
	case st.Rejected[digest] != "":
		return "rejected"
	case st.Previous == digest:
		return "previous"
	}
	return "installed"
}

// open verifies a bundle once more: every file, the digest that names it, and the signature.
func (s *Store) open(digest string) (*models.Bundle, error) {
	b, err := models.Open(s.Path(digest))
	if err != nil {
		return nil, err
	}
	if b.Digest() != digest {
		return nil, fmt.Errorf("the manifest has digest %s", b.Digest())
	}
	if err := b.Verify(s.cfg.Keys); err != nil {
		return nil, err
	}
	return b, nil
}
