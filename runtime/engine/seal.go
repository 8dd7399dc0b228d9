package engine

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// ErrSeal marks an engine whose seal is absent or does not fit: it was not built by this installation, or somebody
// changed it since.
var ErrSeal = errors.New("its seal does not fit")

const (
	sealName     = "seal.json"
	maxSealBytes = 1 << 20
	maxSealed    = 256 // files in one folder
)

// seal is what the file of that name holds: the content as it was written, and its keyed digest.
type seal struct {
	Content json.RawMessage `json:"content"`
	MAC     string          `json:"mac"` // HMAC-SHA-256 of content, in hexadecimal
}

// sealed is the content of a seal.
type sealed struct {
	Recipe       recipe            `json:"recipe"`
	CreatedAt    time.Time         `json:"createdAt"`
	BuildSeconds float64           `json:"buildSeconds"`
	Files        map[string]string `json:"files"` // SHA-256 by name
}

// seal closes the folder of an engine that has just been built.
func (c *Cache) seal(r recipe, took time.Duration) error {
	dir := filepath.Join(c.dir, r.key())
	files, err := digests(dir)
	if err != nil {
		return fmt.Errorf("sealing engine %s: %w", r.key(), err)
	}
	content, err := json.Marshal(sealed{r, time.Now().UTC().Truncate(time.Second), took.Seconds(), files})
	if err != nil {
		return fmt.Errorf("sealing engine %s: %w", r.key(), err)
	}
	text, err := json.Marshal(seal{content, hex.EncodeToString(c.mac(content))})
	if err != nil {
		return fmt.Errorf("sealing engine %s: %w", r.key(), err)
	}
	if err := writeAtomic(filepath.Join(dir, sealName), text); err != nil {
		return fmt.Errorf("sealing engine %s: %w", r.key(), err)
	}
	return nil
}

func (c *Cache) mac(content []byte) []byte {
	h := hmac.New(sha256.New, c.key)
	h.Write(content)
	return h.Sum(nil)
}

// check holds the folder of an engine against its seal: nothing may be missing, added or changed.
func (c *Cache) check(key string) (*sealed, error) {
	dir := filepath.Join(c.dir, key)
	f, err := os.Open(filepath.Join(dir, sealName))
	if err != nil {
		return nil, fmt.Errorf("%w: it has none", ErrSeal)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSealBytes))
	_ = f.Close() // it was only read
	if err != nil {
		return nil, fmt.Errorf("reading the seal: %w", err)
	}
	content, err := parseSeal(text, c.mac)
	if err != nil {
		return nil, err
	}
	if content.Recipe.key() != key {
		return nil, fmt.Errorf("%w: it belongs to engine %s", ErrSeal, content.Recipe.key())
	}
	files, err := digests(dir)
	if err != nil {
		return nil, err
	}
	for name, digest := range content.Files {
		if files[name] != digest {
			return nil, fmt.Errorf("%w: %s is missing or was changed", ErrSeal, name)
		}
	}
	if len(files) != len(content.Files) {
		return nil, fmt.Errorf("%w: a file was added", ErrSeal)
	}
	return content, nil
}

// parseSeal decodes a seal after its keyed digest was found right.
func parseSeal(text []byte, mac func([]byte) []byte) (*sealed, error) {
	var s seal
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSeal, err)
	}
	got, err := hex.DecodeString(s.MAC)
	if err != nil || !hmac.Equal(got, mac(s.Content)) {
		return nil, fmt.Errorf("%w: it was not made with the key of this installation", ErrSeal)
	}
	var content sealed
	if err := json.Unmarshal(s.Content, &content); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSeal, err)
	}
	return &content, nil
}

// digests hashes every file of a folder but its seal. Anything that is no plain file is refused.
func digests(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > maxSealed {
		return nil, fmt.Errorf("%s holds %d files, at most %d are expected", dir, len(entries), maxSealed)
	}
	out := map[string]string{}
	for _, entry := range entries {
		if entry.Name() == sealName {
			continue
		}
		if !entry.Type().IsRegular() {
			return nil, fmt.Errorf("%w: %s is no plain file", ErrSeal, entry.Name())
		}
		if out[entry.Name()], err = digest(filepath.Join(dir, entry.Name())); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // it was only read
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
