package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Damage counts what could not be read.
type Damage struct {
	Places    int   `json:"places"`    // runs of bytes that are no whole record
	Bytes     int64 `json:"bytes"`     // in them
	Truncated bool  `json:"truncated"` // the last reaches to the end of a file: a crash, or a copy cut off
}

// Reader reads the records of a recording in order. It passes over what is damaged and goes on with the next whole
// record. It is used by one goroutine.
type Reader struct {
	paths  []string
	file   *os.File
	scan   *scanner
	damage Damage
}

// Open opens a recording: a folder of segments, a folder of such folders, of which the newest is taken, or one file.
func Open(path string) (*Reader, error) {
	paths, err := segmentsOf(path)
	if err != nil {
		return nil, fmt.Errorf("opening recording %s: %w", path, err)
	}
	return &Reader{paths: paths}, nil
}

// ErrNoSegments is returned by Open for a folder without a recording.
var ErrNoSegments = errors.New("there is no recording in it")

func segmentsOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	newest := ""
	for _, e := range entries { // sorted by name, which begins with a number or a time
		if strings.HasSuffix(e.Name(), suffix) && e.Type().IsRegular() {
			files = append(files, filepath.Join(path, e.Name()))
		}
		if inner := filepath.Join(path, e.Name()); e.IsDir() && holdsSegments(inner) {
			newest = inner
		}
	}
	if len(files) == 0 && newest != "" {
		return segmentsOf(newest)
	}
	if len(files) == 0 {
		return nil, ErrNoSegments
	}
	return files, nil
}

func holdsSegments(folder string) bool {
	entries, err := os.ReadDir(folder)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return strings.HasSuffix(e.Name(), suffix) && e.Type().IsRegular()
	})
}

// Next returns the next whole record, whose data are the caller's, or io.EOF after the last.
func (r *Reader) Next() (Record, error) {
	for {
		if r.scan == nil {
			if len(r.paths) == 0 {
				return Record{}, io.EOF
			}
			if err := r.openNext(); err != nil {
				return Record{}, err
			}
		}
		rec, err := r.scan.next()
		if err == nil {
			return rec, nil
		}
		r.add(r.scan.damage)
		closed := r.Close()
		if !errors.Is(err, io.EOF) || closed != nil {
			return Record{}, errors.Join(fmt.Errorf("reading recording: %w", err), closed)
		}
	}
}

func (r *Reader) openNext() error {
	f, err := os.Open(r.paths[0])
	if errors.Is(err, os.ErrNotExist) { // it was kept, or fell out of the ring, since the folder was read
		renamed := strings.TrimSuffix(r.paths[0], suffix) + keptSuffix
		f, err = os.Open(renamed)
	}
	if err != nil {
		return fmt.Errorf("reading recording: %w", err)
	}
	r.paths = r.paths[1:]
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("reading recording: %w", err), f.Close())
	}
	r.file, r.scan = f, &scanner{from: f, size: info.Size()}
	return nil
}

func (r *Reader) add(d Damage) {
	r.damage.Places += d.Places
	r.damage.Bytes += d.Bytes
	r.damage.Truncated = r.damage.Truncated || d.Truncated
}

// Damage tells what could not be read up to now, in files that were read to their end.
func (r *Reader) Damage() Damage { return r.damage }

// Close ends the reading. It is idempotent.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	f := r.file
	r.file, r.scan = nil, nil
	return f.Close()
}

// scanner finds the records in the bytes of one file.
type scanner struct {
	from   io.ReaderAt
	size   int64
	at     int64
	damage Damage
}

// next returns the next whole record or io.EOF.
func (s *scanner) next() (Record, error) {
	begin := s.at
	for s.at < s.size {
		rec, err := s.try()
		switch {
		case err == nil:
			s.note(begin, s.at-headerSize-int64(len(rec.Data)))
			return rec, nil
		case !errors.Is(err, errNoRecord):
			return Record{}, err
		}
		if err := s.seek(s.at + 1); err != nil {
			return Record{}, err
		}
	}
	s.note(begin, s.size)
	s.damage.Truncated = s.damage.Truncated || begin < s.size
	return Record{}, io.EOF
}

func (s *scanner) note(from, to int64) {
	if to > from {
		s.damage.Places++
		s.damage.Bytes += to - from
	}
}

// try reads the record that begins here, if one does, and moves behind it.
func (s *scanner) try() (Record, error) {
	var h [headerSize]byte
	if s.size-s.at < headerSize {
		return Record{}, errNoRecord
	}
	if _, err := s.from.ReadAt(h[:], s.at); err != nil {
		return Record{}, err
	}
	rec, length, err := parse(&h)
	if err != nil || length > s.size-s.at-headerSize {
		return Record{}, errNoRecord
	}
	rec.Data = make([]byte, length)
	if n, err := s.from.ReadAt(rec.Data, s.at+headerSize); int64(n) < length {
		return Record{}, err
	}
	if sum(&h, rec.Data) != binary.LittleEndian.Uint32(h[12:]) {
		return Record{}, errNoRecord
	}
	s.at += headerSize + length
	return rec, nil
}

// seek moves to the next magic, from an offset on, or to the end.
func (s *scanner) seek(from int64) error {
	buf := make([]byte, 64<<10)
	for at := from; at < s.size; at += int64(len(buf) - len(magic) + 1) {
		n, err := s.from.ReadAt(buf[:min(int64(len(buf)), s.size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if i := bytes.Index(buf[:n], []byte(magic)); i >= 0 {
			s.at = at + int64(i)
			return nil
		}
	}
	s.at = s.size
	return nil
}
