// Package record keeps what a robot saw, thought and said, so that it can be shown, and told again, tomorrow.
//
// A recording is a folder of segments, files of framed records with a checksum each. Every segment begins with a Head
// and, where the robot could give one, a checkpoint of its memory, so that any of them can be opened alone and several
// may be concatenated into one file. The Recorder writes them in a goroutine of its own behind a bounded queue: nothing
// that is recorded ever waits for a disk. docs/recordings.md describes the format.
package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// Kind says what a record holds.
type Kind uint8

// The kinds of records. Unknown ones are to be skipped by readers.
const (
	HeadKind        Kind = 1  // Head, JSON; the first of each segment
	CheckpointKind  Kind = 2  // Checkpoint, binary
	PictureKind     Kind = 3  // a picture that the networks saw, binary
	FeaturesKind    Kind = 4  // Features, JSON: digests of what the encoders made of a picture
	ObservationKind Kind = 5  // Observation, JSON
	PoseKind        Kind = 6  // Pose, JSON
	SnapshotKind    Kind = 7  // Snapshot, JSON: the memory was read here
	AnswerKind      Kind = 8  // Answer, JSON
	EventKind       Kind = 9  // Event, JSON
	ForgetKind      Kind = 10 // empty: the memory was emptied
	GapKind         Kind = 11 // Gap, JSON: records are missing here
)

var kindNames = [...]string{
	HeadKind: "head", CheckpointKind: "checkpoint", PictureKind: "picture", FeaturesKind: "features",
	ObservationKind: "observation", PoseKind: "pose", SnapshotKind: "snapshot", AnswerKind: "answer",
	EventKind: "event", ForgetKind: "forget", GapKind: "gap",
}

// String names the kind as the JSON lines do.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("kind%d", uint8(k))
}

// Record is one entry of a recording.
type Record struct {
	Kind   Kind
	Number uint64        // counts the records of one recording from 1, across its segments
	Mono   time.Duration // on the robot's clock of frames, which begins with the process
	Data   []byte
}

// A record is a header of 32 bytes and its data. The header: magic, kind, version of the format, two zeros, length of
// the data, CRC-32C of everything but the magic and itself, number, mono in nanoseconds; all little endian.
const (
	magic      = "vReC"
	version    = 1
	headerSize = 32
	maxData    = 256 << 20 // bytes; a longer record is taken for damage
)

func table() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// header writes the frame of a record.
func (r *Record) header() [headerSize]byte {
	var h [headerSize]byte
	copy(h[:], magic)
	h[4], h[5] = byte(r.Kind), version
	binary.LittleEndian.PutUint32(h[8:], uint32(len(r.Data)))
	binary.LittleEndian.PutUint64(h[16:], r.Number)
	binary.LittleEndian.PutUint64(h[24:], uint64(r.Mono))
	binary.LittleEndian.PutUint32(h[12:], sum(&h, r.Data))
	return h
}

func sum(h *[headerSize]byte, data []byte) uint32 {
	crc := crc32.Update(0, table(), h[4:12])
	crc = crc32.Update(crc, table(), h[16:])
	return crc32.Update(crc, table(), data)
}

// errNoRecord is what parse says of bytes that begin no whole record.
var errNoRecord = errors.New("no record begins here")

// parse reads a header; the length of the data still has to be believed by their checksum.
func parse(h *[headerSize]byte) (r Record, length int64, err error) {
	length = int64(binary.LittleEndian.Uint32(h[8:]))
	if string(h[:4]) != magic || h[5] != version || h[4] == 0 || h[6]|h[7] != 0 || length > maxData {
		return Record{}, 0, errNoRecord
	}
	return Record{
		Kind: Kind(h[4]), Number: binary.LittleEndian.Uint64(h[16:]),
		Mono: time.Duration(binary.LittleEndian.Uint64(h[24:])),
	}, length, nil
}
