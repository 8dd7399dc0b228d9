package health

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
)

// files reads small files of a tree into one buffer.
type files struct {
	root fs.FS
	buf  [16 << 10]byte
}

// read returns the beginning of a file without white space and NULs around it. It is valid until the next read, and
// empty where the file is absent or refuses to be read, as sensors of a powered-down part do.
func (f *files) read(name string) []byte {
	file, err := f.root.Open(name)
	if err != nil {
		return nil
	}
	defer file.Close() //nolint:errcheck // nothing was written
	n := 0
	for n < len(f.buf) {
		k, err := file.Read(f.buf[n:])
		n += k
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil
		}
	}
	return bytes.Trim(f.buf[:n], " \t\r\n\x00")
}

// text is read as a string of its own.
func (f *files) text(name string) string { return string(f.read(name)) }

// number reads a whole number and multiplies it by unit.
func (f *files) number(name string, unit float64) Figure {
	value, err := strconv.ParseInt(string(f.read(name)), 10, 64)
	if err != nil {
		return Figure{}
	}
	return known(float64(value) * unit)
}

// flag reads a file that holds 0 or something else.
func (f *files) flag(name string) bool {
	v := f.number(name, 1)
	return v.Known && v.Value > 0
}

// find returns what matches the pattern, in order.
func (f *files) find(pattern string) []string {
	found, err := fs.Glob(f.root, pattern)
	if err != nil {
		return nil
	}
	slices.Sort(found)
	return found
}

// first returns the first of the files that is there.
func (f *files) first(patterns ...string) string {
	for _, p := range patterns {
		if found := f.find(p); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// field returns the number in a line "key value" of a file such as /proc/meminfo; a colon after the key is skipped.
func field(text []byte, key string, unit float64) Figure {
	for line := range bytes.Lines(text) {
		name, rest, ok := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
		if !ok || string(bytes.TrimSuffix(name, []byte(":"))) != key {
			continue
		}
		number, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
		value, err := strconv.ParseUint(string(number), 10, 64)
		if err != nil {
			return Figure{}
		}
		return known(float64(value) * unit)
	}
	return Figure{}
}

func in(folder, name string) string { return path.Join(folder, name) }
