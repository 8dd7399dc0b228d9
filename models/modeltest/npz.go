package modeltest

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vega-edge/vegad/models"
)

// EncodeNPZ writes tensors as NumPy's savez does: a zip with one stored .npy file each.
func EncodeNPZ(tensors map[string]models.Tensor) ([]byte, error) {
	var buf bytes.Buffer
	archive := zip.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(tensors)) {
		w, err := archive.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: zip.Store})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(EncodeNPY(tensors[name])); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// EncodeNPY writes one tensor as a .npy file of format 1.0.
func EncodeNPY(t models.Tensor) []byte {
	descr, body := "<f4", rawFloats(t.Floats)
	if t.Ints != nil {
		descr, body = "<i8", rawInts(t.Ints)
	}
	var shape strings.Builder
	for i, d := range t.Shape {
		fmt.Fprintf(&shape, "%d,", d)
		if i < len(t.Shape)-1 {
			shape.WriteByte(' ')
		}
	}
	text := shape.String()
	if len(t.Shape) > 1 {
		text = strings.TrimSuffix(text, ",")
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, text)
	header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
	out := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(out[8:], uint16(len(header)))
	return append(append(out, header...), body...)
}
