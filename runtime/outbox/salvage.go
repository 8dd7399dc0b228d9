package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// salvage provides what is whole in a file whose structure is damaged. Its free pages hold records that were delivered
// before: they are sent again, under their old names.
func (d *disk) salvage(add func(*Record) error) (epoch uint64, err error) {
	f, err := os.Open(d.path(fileName))
	if err != nil {
		return 0, fmt.Errorf("opening the damaged file: %w", err)
	}
	err = scan(f, func(r Record) error {
		epoch = max(epoch, r.order>>seqBits)
		return add(&r)
	})
	return epoch, errors.Join(err, f.Close())
}

// scan finds whole records wherever they lie in a file. It skips holes: a damaged page number may have made the file
// appear larger than any disk.
func scan(f io.ReaderAt, found func(Record) error) error {
	const block = 1 << 20
	buf := make([]byte, block+maxRecord)
	for base := int64(0); ; base += block {
		if file, ok := f.(*os.File); ok {
			next, err := unix.Seek(int(file.Fd()), base, unix.SEEK_DATA)
			if errors.Is(err, unix.ENXIO) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("looking for data: %w", err)
			}
			base = next
		}
		n, err := f.ReadAt(buf, base)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading: %w", err)
		}
		if err := scanBlock(buf[:n], block, found); err != nil {
			return err
		}
		if n <= block {
			return nil
		}
	}
}

// scanBlock finds the records that begin within the first limit bytes.
func scanBlock(data []byte, limit int, found func(Record) error) error {
	for at := 0; at < min(limit, len(data)); {
		next := bytes.Index(data[at:min(len(data), limit+len(magic)-1)], []byte(magic))
		if next < 0 {
			return nil
		}
		at += next
		r, n, err := decode(data[at:])
		if err != nil {
			at++
			continue
		}
		if err := found(r); err != nil {
			return err
		}
		at += n
	}
	return nil
}
