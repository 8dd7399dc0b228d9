package outbox

import (
	"bytes"
	"reflect"
	"testing"
	"time"
)

func sample() Record {
	return Record{
		Message: Message{Class: Events, Retained: true, Topic: "a/b", Payload: []byte(`{"a":1}`)},
		BootID:  "0123456789abcdef", Seq: 7, order: orderOf(3, 7), Time: time.UnixMilli(1_700_000_000_123),
		elapsed: 5 * time.Second,
	}
}

func TestRecordRoundTrip(t *testing.T) {
	r := sample()
	data := r.encode()
	got, n, err := decode(append(data, "more"...))
	if err != nil || n != len(data) || !reflect.DeepEqual(got, r) {
		t.Errorf("%+v, %d of %d, %v", got, n, len(data), err)
	}
}

// Whatever bit flips, the record is not taken for whole.
func TestEveryFlippedBitIsNoticed(t *testing.T) {
	r := sample()
	data := r.encode()
	for bit := range len(data) * 8 {
		flipped := bytes.Clone(data)
		flipped[bit/8] ^= 1 << (bit % 8)
		if _, _, err := decode(flipped); err == nil {
			t.Errorf("bit %d", bit)
		}
	}
	for n := range data {
		if _, _, err := decode(data[:n]); err == nil {
			t.Errorf("cut to %d bytes", n)
		}
	}
}

func TestScanFindsRecordsAnywhere(t *testing.T) {
	var data []byte
	want := 0
	for i := range 3000 {
		r := sample()
		r.Payload = bytes.Repeat([]byte("x"), i)
		r.order = orderOf(3, uint64(i+1))
		r.Seq = uint64(i + 1)
		data = append(data, magic...)
		data = append(data, r.encode()...)
		want++
	}
	got := 0
	err := scan(bytes.NewReader(data), func(r Record) error {
		if got++; r.Seq != uint64(got) {
			t.Fatalf("record %d is number %d", r.Seq, got)
		}
		return nil
	})
	if err != nil || got != want {
		t.Errorf("found %d of %d in %d bytes, %v", got, want, len(data), err)
	}
}

// FuzzDecode holds that no bytes from a disk do harm, and that what is taken for a record is one.
func FuzzDecode(f *testing.F) {
	r := sample()
	f.Add(r.encode())
	r = Record{}
	f.Add(r.encode())
	f.Add([]byte(magic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, n, err := decode(data)
		if err != nil {
			return
		}
		if n > len(data) || r.Class >= Classes {
			t.Fatalf("%d bytes of %d, class %d", n, len(data), r.Class)
		}
		again, _, err := decode(r.encode())
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Fatalf("%+v became %+v, %v", r, again, err)
		}
	})
}

// FuzzScan holds that gathering from a damaged file ends, and finds nothing that does not decode.
func FuzzScan(f *testing.F) {
	r := sample()
	f.Add(append([]byte("junk"+magic), r.encode()...))
	f.Add([]byte(magic + magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := scan(bytes.NewReader(data), func(r Record) error {
			_, _, err := decode(r.encode())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
