package models

import (
	"archive/zip"
	"bytes"
	"slices"
	"strings"
	"testing"
)

// npy writes a file as NumPy does, with any header.
func npy(header string, body []byte) []byte {
	out := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	return append(append(out, header...), body...)
}

func floatHeader(shape string) string {
	return "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape + ", }   \n"
}

func TestParseNPY(t *testing.T) {
	oneTwo := []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}
	got, err := parseNPY(npy(floatHeader("(1, 2)"), oneTwo))
	if err != nil || !slices.Equal(got.Shape, []int64{1, 2}) || !slices.Equal(got.Floats, []float32{1, -2}) {
		t.Errorf("floats: %+v, %v", got, err)
	}
	ints := "{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }\n"
	got, err = parseNPY(npy(ints, []byte{0xfe, 255, 255, 255, 255, 255, 255, 255}))
	if err != nil || !slices.Equal(got.Ints, []int64{-2}) || got.Floats != nil {
		t.Errorf("ints: %+v, %v", got, err)
	}
	got, err = parseNPY(npy(floatHeader("()"), oneTwo[:4]))
	if err != nil || len(got.Shape) != 0 || !slices.Equal(got.Floats, []float32{1}) {
		t.Errorf("scalar: %+v, %v", got, err)
	}
	v2 := append([]byte("\x93NUMPY\x02\x00"), byte(len(floatHeader("(2,)"))), 0, 0, 0)
	got, err = parseNPY(append(append(v2, floatHeader("(2,)")...), oneTwo...))
	if err != nil || len(got.Floats) != 2 {
		t.Errorf("format 2.0: %+v, %v", got, err)
	}
}

func TestParseNPYRefuses(t *testing.T) {
	body := make([]byte, 8)
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"empty":        {nil, "not a .npy file"},
		"magic":        {[]byte("NUMPY..............."), "not a .npy file"},
		"format":       {[]byte("\x93NUMPY\x03\x00\x00\x00\x00\x00"), ".npy format 3.0"},
		"header claim": {[]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff"), "header claims"},
		"not a header": {npy("{'shape': (2,)}", body), "is not one that NumPy writes"},
		"code":         {npy(floatHeader("(__import__('os'))"), body), "is not one that NumPy writes"},
		"big endian":   {npy(strings.Replace(floatHeader("(2,)"), "<", ">", 1), body), "dtype >f4"},
		"objects":      {npy(strings.Replace(floatHeader("(2,)"), "<f4", "|O", 1), body), "dtype |O"},
		"fortran":      {npy(strings.Replace(floatHeader("(1, 2)"), "False", "True", 1), body), "Fortran"},
		"too short":    {npy(floatHeader("(3,)"), body), "does not fit the 8 bytes"},
		"too long":     {npy(floatHeader("(1,)"), body), "does not fit the 8 bytes"},
		"huge":         {npy(floatHeader("(2000000000, 2000000000, 2000000000)"), body), "too large"},
		"overflow":     {npy(floatHeader("(99999999999999999999,)"), body), "value out of range"},
		"rank":         {npy(floatHeader("(1, 1, 1, 1, 1, 1, 1, 1, 1, 2)"), body), "too large"},
		"commas":       {npy(floatHeader("(1,,2)"), body), "invalid syntax"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseNPY(c.raw); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// archive zips entries with the given method.
func archive(tb testing.TB, method uint16, entries ...[2]string) []byte {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, e := range entries {
		f, err := w.CreateHeader(&zip.FileHeader{Name: e[0], Method: method})
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := f.Write([]byte(e[1])); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

func TestReadNPZ(t *testing.T) {
	one := string(npy(floatHeader("(1,)"), make([]byte, 4)))
	big := string(npy(floatHeader("(16000,)"), make([]byte, 64000)))
	limits := npzLimits{entries: 3, entryBytes: 1000, totalBytes: 200}
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		got, err := readNPZ(archive(t, method, [2]string{"a.b.npy", one}, [2]string{"c.npy", one}), limits)
		if err != nil || len(got) != 2 || len(got["a.b"].Floats) != 1 {
			t.Errorf("method %d: %v, %v", method, got, err)
		}
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"not a zip":  {[]byte("PK nonsense"), "zip"},
		"other file": {archive(t, zip.Store, [2]string{"readme.txt", "x"}), "readme.txt"},
		"twice":      {archive(t, zip.Store, [2]string{"a.npy", one}, [2]string{"a.npy", one}), "appear once"},
		"bomb":       {archive(t, zip.Deflate, [2]string{"a.npy", big}), "claims 64"},
		"many": {
			archive(t, zip.Store,
				[2]string{"a.npy", one}, [2]string{"b.npy", one}, [2]string{"c.npy", one}, [2]string{"d.npy", one}),
			"has 4 entries",
		},
		"total": {
			archive(t, zip.Store, [2]string{"a.npy", one}, [2]string{"b.npy", one}, [2]string{"c.npy", one}),
			"entry \"c.npy\": claims",
		},
		"broken entry": {archive(t, zip.Store, [2]string{"a.npy", "x"}), "entry \"a.npy\": not a .npy file"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := readNPZ(c.data, limits); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestReadNPZFindsDamage(t *testing.T) {
	one := string(npy(floatHeader("(1,)"), []byte{1, 2, 3, 4}))
	data := archive(t, zip.Store, [2]string{"a.npy", one})
	data[bytes.Index(data, []byte{1, 2, 3, 4})] ^= 1
	if _, err := readNPZ(data, goldenLimits()); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("error is %v", err)
	}
}

func FuzzReadNPZ(f *testing.F) {
	one := string(npy(floatHeader("(1, 1)"), make([]byte, 4)))
	f.Add(archive(f, zip.Store, [2]string{"a.npy", one}))
	f.Add(archive(f, zip.Deflate, [2]string{"a.npy", one}, [2]string{"b.c.npy", one}))
	f.Fuzz(func(t *testing.T, data []byte) {
		tensors, err := readNPZ(data, npzLimits{entries: 8, entryBytes: 1 << 16, totalBytes: 1 << 17})
		if err != nil {
			return
		}
		for name, v := range tensors {
			checkTensor(t, name, v)
		}
	})
}

func FuzzParseNPY(f *testing.F) {
	f.Add(npy(floatHeader("(1, 2)"), make([]byte, 8)))
	f.Add(npy("{'descr': '<i8', 'fortran_order': False, 'shape': (), }\n", make([]byte, 8)))
	f.Add([]byte("\x93NUMPY\x02\x00\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if v, err := parseNPY(raw); err == nil {
			checkTensor(t, "array", v)
		}
	})
}

// checkTensor verifies what every reader of a tensor relies on.
func checkTensor(t *testing.T, name string, v Tensor) {
	n := int64(1)
	for _, d := range v.Shape {
		n *= d
	}
	if n != int64(len(v.Floats)+len(v.Ints)) || (v.Floats == nil) == (v.Ints == nil) {
		t.Errorf("%s has shape %v, %d floats and %d ints", name, v.Shape, len(v.Floats), len(v.Ints))
	}
}
