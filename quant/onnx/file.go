package onnx

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Open reads a model and its weights, also those that lie in other files. Such files must be regular files in the
// model's own folder or below; names that lead out of it, through symbolic links too, are an error. Afterwards the
// model holds everything itself.
func Open(path string, limits Limits) (*Model, error) {
	m, err := open(path, limits.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("opening ONNX model %s: %w", path, err)
	}
	return m, nil
}

func open(path string, limits Limits) (*Model, error) {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // it was only read
	data, err := readCapped(path, limits.Bytes)
	if err != nil {
		return nil, err
	}
	m, err := parse(data, limits)
	if err != nil {
		return nil, err
	}
	for t := range m.Graph.tensors() {
		if !t.External() {
			continue
		}
		n, err := t.fetch(root, limits.External)
		if err != nil {
			return nil, err
		}
		limits.External -= n
		m.source = nil
	}
	return m, nil
}

// readCapped reads a regular file. Its size is looked at first but not trusted.
func readCapped(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("it has %d bytes, at most %d are allowed", info.Size(), limit)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, err
	}
	return data, nil
}

// Save writes the model. The file appears complete or not at all: it is written beside its place under another name
// and renamed. Its folder must exist.
func (m *Model) Save(path string) error {
	if err := m.save(path); err != nil {
		return fmt.Errorf("saving ONNX model %s: %w", path, err)
	}
	return nil
}

func (m *Model) save(path string) (err error) {
	e, err := m.finished()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := fill(f, e); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// fill writes a message to a file that everyone may read, and waits until the disk has it: what is renamed is complete
// even if the power goes.
func fill(f *os.File, e *encoder) error {
	w := bufio.NewWriter(f)
	if err := e.writeTo(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	return f.Sync()
}
