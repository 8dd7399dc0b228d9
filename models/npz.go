package models

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Tensor is an array from a NumPy file, in C order. Exactly one of Floats and Ints is set.
type Tensor struct {
	Shape  []int64
	Floats []float32 // dtype <f4
	Ints   []int64   // dtype <i8
}

// npzLimits bound what an archive may claim and expand to.
type npzLimits struct {
	entries    int
	entryBytes int64
	totalBytes int64
}

func goldenLimits() npzLimits {
	return npzLimits{entries: 256, entryBytes: maxFileBytes, totalBytes: 4 * maxFileBytes}
}

// Golden reads the reference tensors. The keys are "<graph>.<tensor>", and every input and output of every graph is
// there in the shape that the manifest says.
func (b *Bundle) Golden() (map[string]Tensor, error) {
	data, err := b.readRef(b.Manifest.Golden.File)
	if err != nil {
		return nil, fmt.Errorf("reading golden tensors: %w", err)
	}
	golden, err := readNPZ(data, goldenLimits())
	if err != nil {
		return nil, fmt.Errorf("reading golden tensors: %s: %w", b.Manifest.Golden.File.Path, err)
	}
	if err := b.Manifest.checkGolden(golden); err != nil {
		return nil, fmt.Errorf("reading golden tensors: %s: %w", b.Manifest.Golden.File.Path, err)
	}
	return golden, nil
}

func (m *Manifest) checkGolden(golden map[string]Tensor) error {
	l := &problemList{}
	for _, g := range GraphNames() {
		for _, spec := range slices.Concat(m.Graphs[g].Inputs, m.Graphs[g].Outputs) {
			key := g + "." + spec.Name
			t, ok := golden[key]
			if !ok {
				l.add(key, "missing")
				continue
			}
			l.check(t.Floats != nil, key, "must be float32")
			l.check(slices.Equal(t.Shape, spec.Shape), key, "has shape %v, the manifest says %v", t.Shape, spec.Shape)
		}
	}
	return errors.Join(l.problems...)
}

// ReadNPZ reads arrays of float32 and int64 from the bytes of a NumPy .npz archive, by name. It is an error if the
// archive is larger than golden tensors may be.
func ReadNPZ(data []byte) (map[string]Tensor, error) {
	tensors, err := readNPZ(data, goldenLimits())
	if err != nil {
		return nil, fmt.Errorf("reading NumPy archive: %w", err)
	}
	return tensors, nil
}

// readNPZ reads a NumPy .npz archive: a zip of .npy files, stored or deflated.
func readNPZ(data []byte, limits npzLimits) (map[string]Tensor, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	if len(archive.File) > limits.entries {
		return nil, fmt.Errorf("has %d entries, at most %d are allowed", len(archive.File), limits.entries)
	}
	tensors := make(map[string]Tensor, len(archive.File))
	left := limits.totalBytes
	for _, f := range archive.File {
		name, isArray := strings.CutSuffix(f.Name, ".npy")
		if _, twice := tensors[name]; twice || !isArray {
			return nil, fmt.Errorf("entry %q: must be a .npy file and appear once", f.Name)
		}
		raw, err := readEntry(f, min(left, limits.entryBytes))
		if err != nil {
			return nil, fmt.Errorf("entry %q: %w", f.Name, err)
		}
		left -= int64(len(raw))
		if tensors[name], err = parseNPY(raw); err != nil {
			return nil, fmt.Errorf("entry %q: %w", f.Name, err)
		}
	}
	return tensors, nil
}

// readEntry expands one entry. The claimed size is checked first but not trusted: memory grows with real data only.
func readEntry(f *zip.File, limit int64) ([]byte, error) {
	if f.UncompressedSize64 > uint64(limit) {
		return nil, fmt.Errorf("claims %d bytes, at most %d are allowed", f.UncompressedSize64, limit)
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("expands to more than %d bytes", limit)
	}
	return raw, nil
}

// headerPattern is the dictionary as NumPy writes it: always these keys, in this order.
var headerPattern = regexp.MustCompile(
	`^\{'descr': '([^']{1,16})', 'fortran_order': (True|False), 'shape': \(([0-9, ]{0,256})\), \} *\n?$`)

// parseNPY reads a .npy file of format 1.0 or 2.0 with little-endian float32 or int64 in C order.
func parseNPY(raw []byte) (Tensor, error) {
	header, body, err := splitNPY(raw)
	if err != nil {
		return Tensor{}, err
	}
	match := headerPattern.FindSubmatch(header)
	if match == nil {
		return Tensor{}, fmt.Errorf("header %.80q is not one that NumPy writes", header)
	}
	if string(match[2]) == "True" {
		return Tensor{}, errors.New("array is in Fortran order, C order is required")
	}
	shape, elements, err := parseShape(string(match[3]))
	if err != nil {
		return Tensor{}, err
	}
	size := map[string]int64{"<f4": 4, "<i8": 8}[string(match[1])]
	if size == 0 {
		return Tensor{}, fmt.Errorf("dtype %s, only <f4 and <i8 are read", match[1])
	}
	if elements > maxFileBytes || elements*size != int64(len(body)) {
		return Tensor{}, fmt.Errorf("shape %v of %s does not fit the %d bytes of data", shape, match[1], len(body))
	}
	if size == 4 {
		return Tensor{Shape: shape, Floats: decodeFloats(body)}, nil
	}
	return Tensor{Shape: shape, Ints: decodeInts(body)}, nil
}

// splitNPY separates the header dictionary from the data.
func splitNPY(raw []byte) (header, body []byte, err error) {
	if len(raw) < 12 || string(raw[:6]) != "\x93NUMPY" {
		return nil, nil, errors.New("not a .npy file")
	}
	var start, length int
	switch raw[6] {
	case 1:
		start, length = 10, int(binary.LittleEndian.Uint16(raw[8:]))
	case 2:
		start, length = 12, int(min(binary.LittleEndian.Uint32(raw[8:]), math.MaxInt32))
	default:
		return nil, nil, fmt.Errorf(".npy format %d.%d, only 1.0 and 2.0 are read", raw[6], raw[7])
	}
	if length > len(raw)-start {
		return nil, nil, fmt.Errorf("header claims %d bytes, only %d are left", length, len(raw)-start)
	}
	return raw[start : start+length], raw[start+length:], nil
}

// parseShape reads the inside of a Python tuple of non-negative integers and returns it with its product.
func parseShape(text string) ([]int64, int64, error) {
	shape, elements := []int64{}, int64(1)
	text = strings.TrimSuffix(strings.TrimSpace(text), ",")
	if text == "" {
		return shape, elements, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		d, err := strconv.ParseInt(strings.TrimSpace(part), 10, 32)
		if err != nil {
			return nil, 0, fmt.Errorf("shape (%s): %w", text, err)
		}
		if elements *= d; elements > maxFileBytes || len(shape) >= 8 {
			return nil, 0, fmt.Errorf("shape (%s) is too large", text)
		}
		shape = append(shape, d)
	}
	return shape, elements, nil
}

func decodeFloats(body []byte) []float32 {
	out := make([]float32, len(body)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[4*i:]))
	}
	return out
}

func decodeInts(body []byte) []int64 {
	out := make([]int64, len(body)/8)
	for i := range out {
		out[i] = int64(binary.LittleEndian.Uint64(body[8*i:]))
	}
	return out
}
