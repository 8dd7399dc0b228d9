package store

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/vega-edge/vegad/models"
)

// Limits on what is read before a signature is known to be good.
const (
	maxManifest  = 4 << 20
	maxSignature = 256
	maxMembers   = 4096 // entries of an archive
)

// source is where a bundle comes from: a folder, or an archive on a USB stick.
type source interface {
	open(name string) (io.ReadCloser, error) // name is slash separated, inside the bundle
	close() error
}

// openSource looks at what path is.
func openSource(name string) (source, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		root, err := os.OpenRoot(name)
		if err != nil {
			return nil, err
		}
		return folder{root}, nil
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is neither a folder nor a file", name)
	}
	return openArchive(name)
}

type folder struct{ root *os.Root }

func (f folder) open(name string) (io.ReadCloser, error) {
	name = filepath.FromSlash(name)
	info, err := f.root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no plain file", name)
	}
	return f.root.Open(name)
}

func (f folder) close() error { return f.root.Close() }

// archive is a tar file whose members are read in any order.
type archive struct {
	file    *os.File
	members map[string]member
	top     string // folder in the archive that holds the manifest
}

type member struct{ at, size int64 }

func openArchive(name string) (*archive, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	a, err := index(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading archive %s: %w", name, err), f.Close())
	}
	a.file = f
	return a, nil
}

// index notes where each member of an uncompressed tar file lies. Nothing but plain files is taken.
func index(f io.ReadSeeker) (*archive, error) {
	a := &archive{members: map[string]member{}}
	reader := tar.NewReader(f)
	manifests := 0
	for entries := 0; ; entries++ {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if entries >= maxMembers {
			return nil, fmt.Errorf("it has more than %d entries", maxMembers)
		}
		if header.Typeflag != tar.TypeReg || header.Size < 0 {
			continue
		}
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		name := path.Clean(header.Name)
		a.members[name] = member{at, header.Size}
		if path.Base(name) == models.ManifestName {
			a.top = path.Dir(name)
			manifests++
		}
	}
	if manifests != 1 {
		return nil, fmt.Errorf("it holds %d files named %s, one is needed", manifests, models.ManifestName)
	}
	return a, nil
}

func (a *archive) open(name string) (io.ReadCloser, error) {
	m, ok := a.members[path.Join(a.top, name)]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return io.NopCloser(io.NewSectionReader(a.file, m.at, m.size)), nil
}

func (a *archive) close() error { return a.file.Close() }

// readAll reads a small member.
func readAll(from source, name string, limit int64) ([]byte, error) {
	r, err := from.open(name)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	return data, nil
}

// copyTo writes a member of known size below dir.
func copyTo(dir string, from source, ref models.FileRef) error {
	r, err := from.open(ref.Path)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // it was only read
	to := filepath.Join(dir, filepath.FromSlash(ref.Path))
	if !filepath.IsLocal(filepath.FromSlash(ref.Path)) || strings.Contains(ref.Path, "\\") {
		return fmt.Errorf("%s lies outside of the bundle", ref.Path)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(r, ref.Bytes+1))
	if err == nil && n != ref.Bytes {
		err = fmt.Errorf("%s: %w: it is not %d bytes long", ref.Path, models.ErrDigest, ref.Bytes)
	}
	return errors.Join(err, f.Sync(), f.Close())
}
