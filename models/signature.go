package models

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// What can be wrong with a bundle's signature.
var (
	ErrUnsigned     = errors.New("the bundle is not signed")
	ErrBadSignature = errors.New("the signature fits none of the trusted keys")
)

// maxSignatureBytes bounds manifest.sig: 64 bytes in base64 and a line end.
const maxSignatureBytes = 256

// ParsePublicKey reads an ed25519 key as a file of trusted keys holds it: 32 bytes in base64, one line.
func ParsePublicKey(text []byte) (ed25519.PublicKey, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("a public key must be %d bytes in base64", ed25519.PublicKeySize)
	}
	return key, nil
}

// ParsePrivateKey reads the seed of an ed25519 key, in the same form.
func ParsePrivateKey(text []byte) (ed25519.PrivateKey, error) {
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("a private key must be a seed of %d bytes in base64", ed25519.SeedSize)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// Sign returns the content of manifest.sig for a manifest: the ed25519 signature of its bytes, in base64, one line.
// The manifest holds the digest of every other file, so it covers the whole bundle.
func Sign(manifest []byte, key ed25519.PrivateKey) []byte {
	return []byte(base64.StdEncoding.EncodeToString(ed25519.Sign(key, manifest)) + "\n")
}

// Verify checks manifest.sig of the bundle in dir against the manifest as it lies there. It returns ErrUnsigned when
// there is no signature and ErrBadSignature when none of the keys made it.
func Verify(dir string, keys []ed25519.PublicKey) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("verifying model bundle %s: %w", dir, err)
	}
	defer root.Close() //nolint:errcheck // it was only read
	manifest, err := readCapped(root, ManifestName, maxManifestBytes)
	if err != nil {
		return fmt.Errorf("verifying model bundle %s: %w", dir, err)
	}
	if err := verify(root, manifest, keys); err != nil {
		return fmt.Errorf("verifying model bundle %s: %w", dir, err)
	}
	return nil
}

// Verify checks the signature of the manifest that Open read, even if another one lies in the folder by now.
func (b *Bundle) Verify(keys []ed25519.PublicKey) error {
	root, err := os.OpenRoot(b.Dir)
	if err != nil {
		return fmt.Errorf("verifying model bundle %s: %w", b.Dir, err)
	}
	defer root.Close() //nolint:errcheck // it was only read
	if err := verify(root, b.raw, keys); err != nil {
		return fmt.Errorf("verifying model bundle %s: %w", b.Dir, err)
	}
	return nil
}

func verify(root *os.Root, manifest []byte, keys []ed25519.PublicKey) error {
	text, err := readCapped(root, SignatureName, maxSignatureBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is missing", ErrUnsigned, SignatureName)
	}
	if err != nil {
		return err
	}
	return CheckSignature(manifest, text, keys)
}

// CheckSignature holds the content of a manifest.sig against a manifest, before anything in either is believed. It
// returns ErrBadSignature when none of the keys made it.
func CheckSignature(manifest, text []byte, keys []ed25519.PublicKey) error {
	sig, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("%w: decoding %s: %w", ErrBadSignature, SignatureName, err)
	}
	for _, key := range keys {
		if len(key) == ed25519.PublicKeySize && ed25519.Verify(key, manifest, sig) {
			return nil
		}
	}
	return fmt.Errorf("%w (%d trusted)", ErrBadSignature, len(keys))
}
