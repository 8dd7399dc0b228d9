// Package models reads model bundles: a folder with manifest.json, the ONNX graphs in every precision, and golden
// inputs and outputs to test an engine with.
//
// The manifest is decoded strictly. Every key of [Manifest] is required unless its field is tagged omitempty; an
// unknown, duplicate, null or misspelt key is an error that names its place, and all problems are reported at once.
// Nothing outside the folder is ever read, and no byte that does not match its digest is ever handed out.
package models

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// The names of the two files that the manifest itself does not list.
const (
	ManifestName  = "manifest.json"
	SignatureName = "manifest.sig"
)

// Limits on what is read, so that a broken or hostile bundle cannot exhaust the memory.
const (
	maxManifestBytes = 4 << 20
	maxFileBytes     = 64 << 20
)

// ErrDigest marks a file whose content does not match the manifest.
var ErrDigest = errors.New("content does not match the manifest")

// Bundle is a verified model folder. It is immutable and safe for concurrent use; Manifest must not be changed.
type Bundle struct {
	Dir      string
	Manifest Manifest

	raw []byte // manifest.json as it was read
}

// Open reads and validates the bundle in dir and checks every file it lists against its size and digest. The error
// lists everything that is wrong, each problem with its file and key.
func Open(dir string) (*Bundle, error) {
	b, err := open(dir)
	if err != nil {
		return nil, fmt.Errorf("opening model bundle %s: %w", dir, err)
	}
	return b, nil
}

func open(dir string) (*Bundle, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // it was only read
	raw, err := readCapped(root, ManifestName, maxManifestBytes)
	if err != nil {
		return nil, err
	}
	m, err := ParseManifest(raw)
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, f := range m.listed() {
		if _, err := readVerified(root, f.ref, false); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", f.key, err))
		}
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return &Bundle{Dir: dir, Manifest: *m, raw: raw}, nil
}

// Digest returns the SHA-256 of manifest.json in hexadecimal: it identifies the bundle with everything in it.
func (b *Bundle) Digest() string {
	sum := sha256.Sum256(b.raw)
	return hex.EncodeToString(sum[:])
}

// Precisions returns the precisions that the bundle carries, widest first.
func (b *Bundle) Precisions() []Precision {
	order := []Precision{FP32, FP16, INT8}
	return slices.DeleteFunc(order, func(p Precision) bool {
		_, ok := b.Manifest.Precisions[p]
		return !ok
	})
}

// ReadFile returns the ONNX model of one graph. The bytes are hashed after they were read, so what is returned is
// what the manifest names even if the file changed since Open.
func (b *Bundle) ReadFile(precision Precision, graph string) ([]byte, error) {
	files, ok := b.Manifest.Precisions[precision]
	if !ok {
		return nil, fmt.Errorf("reading graph %s: the bundle %s has no %s precision (it has %v)",
			graph, b.Manifest.Name, precision, b.Precisions())
	}
	ref, ok := files.Files[graph]
	if !ok {
		return nil, fmt.Errorf("reading graph %s: the bundle %s has no such graph (it has %v)",
			graph, b.Manifest.Name, slices.Sorted(maps.Keys(files.Files)))
	}
	data, err := b.readRef(ref)
	if err != nil {
		return nil, fmt.Errorf("reading graph %s in %s: %w", graph, precision, err)
	}
	return data, nil
}

// ReadExtra returns one of the extra files that the manifest lists under "files", verified like a graph.
func (b *Bundle) ReadExtra(name string) ([]byte, error) {
	ref, ok := b.Manifest.Files[name]
	if !ok {
		return nil, fmt.Errorf("reading %s: the manifest lists no such file", name)
	}
	data, err := b.readRef(extraRef(name, ref))
	if err != nil {
		return nil, fmt.Errorf("reading extra file %s: %w", name, err)
	}
	return data, nil
}

func (b *Bundle) readRef(ref FileRef) ([]byte, error) {
	root, err := os.OpenRoot(b.Dir)
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // it was only read
	return readVerified(root, ref, true)
}

// readVerified hashes the file that ref names and compares size and digest. It returns the hashed bytes if keep is
// set; without keep the file is streamed and nothing is returned.
func readVerified(root *os.Root, ref FileRef, keep bool) ([]byte, error) {
	f, size, err := openRegular(root, ref.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	if size != ref.Bytes {
		return nil, fmt.Errorf("%s: %w: %d bytes, the manifest says %d", ref.Path, ErrDigest, size, ref.Bytes)
	}
	var data []byte
	hash := sha256.New()
	if keep {
		data = make([]byte, ref.Bytes)
		_, err = io.ReadFull(f, data)
		hash.Write(data)
	} else {
		_, err = io.CopyN(hash, f, ref.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ref.Path, err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != ref.SHA256 {
		return nil, fmt.Errorf("%s: %w: sha256 is %s, the manifest says %s", ref.Path, ErrDigest, got, ref.SHA256)
	}
	return data, nil
}

// openRegular opens a regular file below root. Anything else is refused, because opening a pipe could block for ever.
func openRegular(root *os.Root, path string) (*os.File, int64, error) {
	path = filepath.FromSlash(path)
	info, err := root.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := root.Open(path)
	if err != nil {
		return nil, 0, err
	}
	return f, info.Size(), nil
}

func readCapped(root *os.Root, path string, limit int64) ([]byte, error) {
	f, size, err := openRegular(root, path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	if size > limit {
		return nil, fmt.Errorf("%s has %d bytes, at most %d are allowed", path, size, limit)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return data, nil
}
