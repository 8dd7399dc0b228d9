package onnx

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// outside says where the data of a tensor lie if not in the model.
type outside struct {
	path    string // relative to the model's folder, with slashes
	offset  int64  // bytes
	length  int64  // bytes; 0 stands for what the shape takes
	entries []byte // the fields that said so, as they were
}

func (o *outside) encode(e *encoder) {
	e.raw(o.entries)
	e.integer(tensorLocation, 1)
}

// External tells whether the data lie in another file and have not been read.
func (t *Tensor) External() bool { return len(t.outside.entries) > 0 }

// entry reads one key and value of a reference to another file. Keys that are not needed are left to Save.
func (p *parser) entry(t *Tensor, f field) error {
	data, err := f.bytes()
	if err != nil {
		return err
	}
	var key, value string
	err = p.message(data, func(f field) error {
		switch f.number {
		case 1:
			return f.text(&key)
		case 2:
			return f.text(&value)
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.outside.entries = append(t.outside.entries, f.raw...)
	switch key {
	case "location":
		t.outside.path = value
	case "offset":
		t.outside.offset, err = count(value)
	case "length":
		t.outside.length, err = count(value)
	}
	if err != nil {
		return fmt.Errorf("the %s of its data: %w", key, err)
	}
	return nil
}

func count(text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 62)
	return int64(n), err
}

func (t *Tensor) checkOutside(list *typedList) error {
	if list.hasRaw || list.number != 0 || len(t.Strings) > 0 {
		return errors.New("its data stand both in the model and in another file")
	}
	if t.Type.Bits() == 0 {
		return fmt.Errorf("elements of %s cannot lie in another file", t.Type)
	}
	parts := strings.Split(filepath.ToSlash(t.outside.path), "/")
	if !filepath.IsLocal(filepath.FromSlash(t.outside.path)) || slices.Contains(parts, "..") {
		return fmt.Errorf("its data lie in %q, which must be a file in the model's folder", t.outside.path)
	}
	n, err := Shape(t.Dims).Elements()
	if err != nil {
		return err
	}
	if want := t.Type.Bytes(n); t.outside.length != 0 && t.outside.length != want {
		return fmt.Errorf("%s%v takes %d bytes, %q holds %d of it", t.Type, t.Dims, want, t.outside.path,
			t.outside.length)
	}
	return nil
}

// fetch reads the data that lie outside, at most limit bytes, and returns how many there were.
func (t *Tensor) fetch(root *os.Root, limit int64) (int64, error) {
	want := t.Type.Bytes(t.Elements())
	if want > limit {
		return 0, fmt.Errorf("reading tensor %q: with %d bytes it exceeds the limit for weights outside the model",
			t.Name, want)
	}
	f, size, err := openRegular(root, filepath.FromSlash(t.outside.path))
	if err != nil {
		return 0, fmt.Errorf("reading tensor %q: %w", t.Name, err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	if t.outside.offset > size || want > size-t.outside.offset {
		return 0, fmt.Errorf("reading tensor %q: %s has %d bytes, %d from %d on are wanted", t.Name, t.outside.path,
			size, want, t.outside.offset)
	}
	t.Data = make([]byte, want)
	if _, err := io.ReadFull(io.NewSectionReader(f, t.outside.offset, want), t.Data); err != nil {
		return 0, fmt.Errorf("reading tensor %q: %w", t.Name, err)
	}
	t.outside = outside{}
	return want, nil
}

// openRegular opens a regular file below root. Anything else is refused, because opening a pipe could block for ever.
func openRegular(root *os.Root, path string) (*os.File, int64, error) {
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

// noExternal refuses a reference to another file anywhere in a subgraph, whose tensors are never read.
func noExternal(g *Graph) error {
	for t := range g.tensors() {
		if t.External() {
			return fmt.Errorf("tensor %q: a subgraph with weights outside the model is not supported", t.Name)
		}
	}
	return nil
}

// maxDepth bounds how deep graphs may stand in attributes of one another.
const maxDepth = 32

// subgraph reads a graph in an attribute for what it takes from outside; the graph itself is kept as bytes.
func (p *parser) subgraph(a *Attribute, f field) error {
	g, err := p.graph(f)
	if err != nil {
		return err
	}
	if err := noExternal(g); err != nil {
		return err
	}
	a.reads = append(a.reads, g.free()...)
	return nil
}

// free returns the names that a graph reads without making them, each once, in order.
func (g *Graph) free() []string {
	known := g.given()
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			known[out] = true
		}
	}
	known[""] = true
	var names []string
	take := func(name string) {
		if !known[name] {
			known[name] = true
			names = append(names, name)
		}
	}
	for _, n := range g.Nodes {
		for name := range n.reads() {
			take(name)
		}
	}
	for _, v := range g.Outputs {
		take(v.Name)
	}
	return names
}

// sparse finds the name of a sparse initialiser, which is that of its values.
func (p *parser) sparse(g *Graph, f field) error {
	data, err := f.bytes()
	if err != nil {
		return err
	}
	return p.message(data, func(f field) error {
		if f.number != 1 || f.kind != protowire.BytesType {
			return nil
		}
		t, err := p.tensor(f)
		if err != nil {
			return err
		}
		g.sparse = append(g.sparse, t.Name)
		return nil
	})
}
