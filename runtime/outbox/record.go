package outbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"
)

// A record on disk describes itself and carries its own checksum: the database has none for its values, and from a
// damaged file the records can be gathered without it.
//
//	0  magic "vgo1"     4  CRC32C of all that follows    8  length of all that follows
//	12 class            13 flags: 1 retained             14 order
//	22 Unix time, ms    30 elapsed, ns                   38 length of bootId, bootId
//	.. length of topic (2), topic                        .. payload
const (
	magic      = "vgo1"
	headBytes  = 12
	fixedBytes = headBytes + 27
	maxRecord  = fixedBytes + 255 + 2 + MaxTopic + MaxPayload
)

var errDamaged = errors.New("the record is not what was written")

func checksum(data []byte) uint32 { return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)) }

// encode writes a record.
func (r *Record) encode() []byte {
	out := make([]byte, fixedBytes, fixedBytes+len(r.BootID)+2+len(r.Topic)+len(r.Payload))
	copy(out, magic)
	out[12] = byte(r.Class)
	if r.Retained {
		out[13] = 1
	}
	binary.BigEndian.PutUint64(out[14:], r.order)
	binary.BigEndian.PutUint64(out[22:], uint64(r.Time.UnixMilli()))
	binary.BigEndian.PutUint64(out[30:], uint64(r.elapsed))
	out[38] = byte(len(r.BootID))
	out = append(out, r.BootID...)
	out = binary.BigEndian.AppendUint16(out, uint16(len(r.Topic)))
	out = append(out, r.Topic...)
	out = append(out, r.Payload...)
	binary.BigEndian.PutUint32(out[8:], uint32(len(out)-headBytes))
	binary.BigEndian.PutUint32(out[4:], checksum(out[8:]))
	return out
}

// decode reads the record that data begins with, and returns how long it is. It copies what it keeps.
func decode(data []byte) (r Record, n int, err error) {
	if len(data) < fixedBytes || string(data[:4]) != magic {
		return r, 0, errDamaged
	}
	n = headBytes + int(binary.BigEndian.Uint32(data[8:]))
	if n < fixedBytes+2 || n > maxRecord || n > len(data) ||
		checksum(data[8:n]) != binary.BigEndian.Uint32(data[4:]) {
		return r, 0, errDamaged
	}
	r.Class, r.Retained = Class(data[12]), data[13]&1 != 0
	r.order = binary.BigEndian.Uint64(data[14:])
	r.Seq = r.order & (1<<seqBits - 1)
	r.Time = time.UnixMilli(int64(binary.BigEndian.Uint64(data[22:])))
	r.elapsed = time.Duration(binary.BigEndian.Uint64(data[30:]))
	boot, rest, ok := cut(data[39:n], int(data[38]))
	if !ok || len(rest) < 2 || r.Class >= Classes {
		return Record{}, 0, errDamaged
	}
	topic, body, ok := cut(rest[2:], int(binary.BigEndian.Uint16(rest)))
	if !ok {
		return Record{}, 0, errDamaged
	}
	r.BootID, r.Topic, r.Payload = string(boot), string(topic), bytes.Clone(body)
	return r, n, nil
}

func cut(data []byte, n int) (head, tail []byte, ok bool) {
	if n > len(data) {
		return nil, nil, false
	}
	return data[:n], data[n:], true
}

func keyOf(order uint64) []byte { return binary.BigEndian.AppendUint64(nil, order) }
