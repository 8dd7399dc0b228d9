package record

import (
	"bytes"
	"testing"
)

// FuzzReader reads whatever comes: no bytes may bring the reader down, and what it returns stands in them as it is.
func FuzzReader(f *testing.F) {
	data := segmentFile(f)
	f.Add([]byte{})
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add(append([]byte("vReCvReC"), data...))
	u := unpacker(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		all, damage := scanAll(t, data)
		size := damage.Bytes
		for _, rec := range all {
			size += headerSize + int64(len(rec.Data))
			head := rec.header()
			if !bytes.Contains(data, append(head[:], rec.Data...)) {
				t.Fatalf("record %d does not stand in the file", rec.Number)
			}
			lineOf(rec)
			interpret(t, u, rec)
		}
		if size != int64(len(data)) {
			t.Fatalf("%d of %d bytes are accounted for", size, len(data))
		}
	})
}

// FuzzData reads what stands in a record whose checksum is right.
func FuzzData(f *testing.F) {
	whole, _ := scanAll(f, segmentFile(f))
	for _, rec := range whole {
		f.Add(uint8(rec.Kind), rec.Data)
	}
	u := unpacker(f)
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		interpret(t, u, Record{Kind: Kind(kind), Data: data})
	})
}

func interpret(t *testing.T, u *Unpacker, rec Record) {
	t.Helper()
	switch rec.Kind {
	case PictureKind:
		if p, err := u.Picture(rec); err == nil && len(p.Pix) != 3*p.Width*p.Height {
			t.Fatalf("a picture of %dx%d has %d bytes", p.Width, p.Height, len(p.Pix))
		}
	case CheckpointKind:
		_, _ = u.Checkpoint(rec)
	case HeadKind:
		_, _ = Message[Head](rec)
	case ObservationKind:
		_, _ = Message[Observation](rec)
	}
}
