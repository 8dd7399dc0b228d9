// Package command decides which commands a robot obeys: those of a trusted key, for this robot, not expired and never
// seen before.
//
// An order is signed with ed25519 over its exact bytes. Each key counts its orders up; the last number is on disk
// before an order is obeyed, so that a recorded one is worth nothing, not even after a restart. Expiry needs a clock,
// and a robot without a battery for its clock wakes up in 1970: Clock then counts from the newest moment that is known
// to have passed.
package command

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

const (
	maxKeys      = 64
	maxKeysBytes = 64 << 10
)

// Key is a public key that is trusted to command.
type Key struct {
	ID      string // payload.ValidID
	Public  ed25519.PublicKey
	Allowed []string // names of commands; empty is all
}

// permits reports whether the key may give the command.
func (k Key) permits(name string) bool {
	return len(k.Allowed) == 0 || slices.Contains(k.Allowed, name)
}

// String returns the key's line for a file of trusted keys.
func (k Key) String() string {
	line := k.ID + " " + base64.StdEncoding.EncodeToString(k.Public)
	if len(k.Allowed) > 0 {
		line += " " + strings.Join(k.Allowed, ",")
	}
	return line
}

// ParseKeys reads a file of trusted keys: on each line an id, the 32 bytes of the key in base64 and, optionally, the
// commands that it may give, with commas between. Empty lines and those that begin with # say nothing. At least one key
// must be there; all that is wrong is reported at once.
func ParseKeys(data []byte) ([]Key, error) {
	if len(data) > maxKeysBytes {
		return nil, fmt.Errorf("the file has more than %d bytes", maxKeysBytes)
	}
	var keys []Key
	var errs []error
	number := 0
	for line := range bytes.Lines(data) {
		number++
		text := strings.TrimSpace(string(line))
		if text == "" || text[0] == '#' {
			continue
		}
		key, err := parseKey(text)
		if err == nil && slices.ContainsFunc(keys, func(k Key) bool { return k.ID == key.ID }) {
			err = fmt.Errorf("key %s is there twice", key.ID)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		keys = append(keys, key)
	}
	if len(errs) == 0 && (len(keys) == 0 || len(keys) > maxKeys) {
		errs = append(errs, fmt.Errorf("there are %d keys; 1 to %d are allowed", len(keys), maxKeys))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return keys, nil
}

func parseKey(line string) (Key, error) {
	fields := strings.Fields(line)
	if len(fields) < 2 || len(fields) > 3 {
		return Key{}, errors.New("expected ID KEY [COMMAND,COMMAND]")
	}
	if !payload.ValidID(fields[0]) {
		return Key{}, fmt.Errorf("id %.80q must be 1 to 64 of A-Z a-z 0-9 _ . : -", fields[0])
	}
	public, err := base64.StdEncoding.Strict().DecodeString(fields[1])
	if err != nil || len(public) != ed25519.PublicKeySize {
		return Key{}, fmt.Errorf("the key must be %d bytes in base64", ed25519.PublicKeySize)
	}
	key := Key{ID: fields[0], Public: public}
	if len(fields) == 3 {
		key.Allowed = strings.Split(fields[2], ",")
	}
	for _, name := range key.Allowed {
		if !payload.ValidID(name) {
			return Key{}, fmt.Errorf("%.80q is no name of a command", name)
		}
	}
	return key, nil
}

// Signer signs orders.
type Signer struct {
	id      string
	private ed25519.PrivateKey
}

// NewSigner draws a new key. An empty id becomes one that is derived from the key.
func NewSigner(id string) (Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Signer{}, fmt.Errorf("drawing a key: %w", err)
	}
	return signer(private, id)
}

// ParseSigner reads a private key as PEM writes or openssl genpkey -algorithm ed25519.
func ParseSigner(data []byte, id string) (Signer, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != pemType {
		return Signer{}, errors.New("reading the private key: it is not PEM of type " + pemType)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Signer{}, fmt.Errorf("reading the private key: %w", err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return Signer{}, fmt.Errorf("reading the private key: it is %T, not ed25519", parsed)
	}
	return signer(private, id)
}

const pemType = "PRIVATE KEY"

func signer(private ed25519.PrivateKey, id string) (Signer, error) {
	s := Signer{id: id, private: private}
	if id == "" {
		digest := sha256.Sum256(s.public())
		s.id = hex.EncodeToString(digest[:8])
	}
	if !payload.ValidID(s.id) {
		return Signer{}, fmt.Errorf("key id %.80q must be 1 to 64 of A-Z a-z 0-9 _ . : -", s.id)
	}
	return s, nil
}

func (s Signer) public() ed25519.PublicKey {
	public, _ := s.private.Public().(ed25519.PublicKey) // the standard library promises the type
	return public
}

// Key returns the public half.
func (s Signer) Key() Key { return Key{ID: s.id, Public: s.public()} }

// PEM returns the private half, PKCS #8.
func (s Signer) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(s.private)
	if err != nil {
		return nil, fmt.Errorf("writing the private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), nil
}
