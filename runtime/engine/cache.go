package engine

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/vega-edge/vegad/models"
)

// CacheOptions says where engines are kept.
type CacheOptions struct {
	Dir      string   // the folder; made if absent, for its owner only
	KeyFile  string   // of the installation; made if absent. Empty is engine.key in Dir
	Platform Platform // that engines are built for: see ThisPlatform
}

// Cache keeps TensorRT engines, each in a folder named after everything that went into it. ONNX Runtime's own key of an
// engine knows neither weights nor shapes nor options. An engine is native code, so each folder carries a seal: a
// digest of its files, keyed with a secret of this installation, without which nothing in it is loaded. It is not safe
// for concurrent use by several processes.
type Cache struct {
	dir      string
	key      []byte
	platform Platform
}

// The rights of what only the owner may touch.
const (
	privateDir  = 0o700
	privateFile = 0o600
	keyBytes    = 32
)

// OpenCache makes sure that the folder can be written and is closed to others, and reads the key.
func OpenCache(o CacheOptions) (*Cache, error) {
	c := &Cache{dir: o.Dir, platform: o.Platform}
	if err := c.open(o.KeyFile); err != nil {
		return nil, fmt.Errorf("opening engine cache %s: %w", o.Dir, err)
	}
	return c, nil
}

func (c *Cache) open(keyFile string) error {
	if c.dir == "" {
		return errNoCache
	}
	if err := os.MkdirAll(c.dir, privateDir); err != nil {
		return err
	}
	if err := ownDir(c.dir); err != nil {
		return err
	}
	probe, err := os.CreateTemp(c.dir, ".probe-")
	if err != nil {
		return fmt.Errorf("it cannot be written: %w", err)
	}
	if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		return fmt.Errorf("it cannot be written: %w", err)
	}
	if keyFile == "" {
		keyFile = filepath.Join(c.dir, "engine.key")
	}
	c.key, err = installationKey(keyFile)
	return err
}

// ownDir closes a folder of this user to all others, and refuses one of another user.
func ownDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(owner.Uid) != os.Geteuid() {
		return errors.New("it must be a folder of the user that vegad runs as: whoever writes it runs code in vegad")
	}
	if info.Mode().Perm() == privateDir {
		return nil
	}
	return os.Chmod(dir, privateDir)
}

// installationKey reads the secret of this installation, or makes it up.
func installationKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, keyBytes)
		_, _ = rand.Read(key) // it never fails
		if err := os.MkdirAll(filepath.Dir(path), privateDir); err != nil {
			return nil, err
		}
		return key, writeAtomic(path, []byte(hex.EncodeToString(key)+"\n"))
	}
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("the key %s is open to others (mode %04o): remove it, engines are built anew", path, mode)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key := make([]byte, keyBytes)
	if n, err := hex.Decode(key, []byte(firstLine(text))); err != nil || n != keyBytes {
		return nil, fmt.Errorf("the key %s is damaged: remove it, engines are built anew", path)
	}
	return key, nil
}

func firstLine(text []byte) string {
	if i := slices.Index(text, '\n'); i >= 0 {
		text = text[:i]
	}
	return string(text[:min(len(text), 2*keyBytes)])
}

// writeAtomic replaces a private file in one step, durably.
func writeAtomic(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-") // with mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error is the one to tell
		return err
	}
	return nil
}

// recipe is everything that goes into an engine.
type recipe struct {
	Graph     string            `json:"graph"`
	Precision models.Precision  `json:"precision"`
	Model     string            `json:"model"` // SHA-256 of the ONNX file
	Options   map[string]string `json:"options"`
	Platform  Platform          `json:"platform"`
}

func (c *Cache) recipe(graph string, precision models.Precision, model []byte, options map[string]string) recipe {
	sum := sha256.Sum256(model)
	return recipe{graph, precision, hex.EncodeToString(sum[:]), options, c.platform}
}

// key names the folder of an engine. JSON writes the keys of a map in order, so it is stable.
func (r recipe) key() string {
	text, err := json.Marshal(r)
	if err != nil {
		return "" // strings and maps of strings can always be written
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// timing is the recipe of the folder with TensorRT's timings of kernels, which all engines of a platform share.
func (c *Cache) timing() recipe { return recipe{Graph: "timings", Platform: c.platform} }

// prepare returns the folder of an engine. It exists when prepare returns; cached tells whether it holds a sealed
// engine. What is there without a seal that fits is removed, and why is returned.
func (c *Cache) prepare(r recipe) (dir string, cached bool, removed, err error) {
	dir = filepath.Join(c.dir, r.key())
	_, err = os.Lstat(dir)
	if err == nil {
		entry, bad := c.check(r.key())
		if bad == nil && entry.Recipe.key() == r.key() {
			return dir, true, nil, nil
		}
		removed = fmt.Errorf("engine %s of graph %s was removed: %w", r.key(), r.Graph, cmp.Or(bad, ErrSeal))
		err = os.RemoveAll(dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false, removed, fmt.Errorf("preparing the folder of an engine: %w", err)
	}
	if err := os.Mkdir(dir, privateDir); err != nil {
		return "", false, removed, fmt.Errorf("preparing the folder of an engine: %w", err)
	}
	return dir, false, removed, nil
}

// has tells whether a sealed engine is there, without touching anything.
func (c *Cache) has(r recipe) bool {
	entry, err := c.check(r.key())
	return err == nil && entry.Recipe.key() == r.key()
}

// Entry is one folder of the cache.
type Entry struct {
	Key       string           `json:"key"`
	Graph     string           `json:"graph,omitempty"`
	Precision models.Precision `json:"precision,omitempty"`
	Model     string           `json:"model,omitempty"` // SHA-256 of the ONNX file
	Platform  Platform         `json:"platform,omitzero"`
	CreatedAt time.Time        `json:"createdAt,omitzero"`
	BuildTime time.Duration    `json:"buildNanos,omitempty"`
	Bytes     int64            `json:"bytes"`
	Stale     bool             `json:"stale"`             // for another platform, or not to be loaded at all
	Problem   string           `json:"problem,omitempty"` // why it is stale
}

// List describes every folder of the cache, checking each file.
func (c *Cache) List() ([]Entry, error) {
	folders, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, fmt.Errorf("listing engine cache %s: %w", c.dir, err)
	}
	var out []Entry
	for _, folder := range folders {
		if folder.IsDir() {
			out = append(out, c.entry(folder.Name()))
		}
	}
	return out, nil
}

func (c *Cache) entry(key string) Entry {
	e := Entry{Key: key, Bytes: folderBytes(filepath.Join(c.dir, key))}
	s, err := c.check(key)
	if err != nil {
		e.Stale, e.Problem = true, err.Error()
		return e
	}
	e.Graph, e.Precision, e.Model, e.Platform = s.Recipe.Graph, s.Recipe.Precision, s.Recipe.Model, s.Recipe.Platform
	e.CreatedAt, e.BuildTime = s.CreatedAt, time.Duration(s.BuildSeconds*float64(time.Second))
	if e.Platform != c.platform {
		e.Stale, e.Problem = true, "it was built for "+e.Platform.String()
	}
	return e
}

// Clean removes stale folders, or all of them, and returns those that it removed.
func (c *Cache) Clean(all bool) ([]Entry, error) {
	entries, err := c.List()
	if err != nil {
		return nil, err
	}
	var removed []Entry
	for _, e := range entries {
		if !all && !e.Stale {
			continue
		}
		if err := os.RemoveAll(filepath.Join(c.dir, e.Key)); err != nil {
			return removed, fmt.Errorf("cleaning engine cache %s: %w", c.dir, err)
		}
		removed = append(removed, e)
	}
	return removed, nil
}

func folderBytes(dir string) int64 {
	var total int64
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			total += info.Size()
		}
	}
	return total
}
