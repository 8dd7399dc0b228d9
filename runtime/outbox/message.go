package outbox

import "time"

// Class ranks messages: when room is short, the lowest class loses its oldest first.
type Class uint8

// The classes, from the one that is dropped first to the one that is sent first.
const (
	Stats   Class = iota // how the robot does
	Scene                // what it sees
	Watches              // answers to standing questions
	Events               // what changed; a quarter of the room is theirs, whatever else comes
	Answers              // replies to somebody who waits
	Classes = 5          // how many there are
)

// String returns the word for a class.
func (c Class) String() string {
	names := [Classes]string{"stats", "scene", "watches", "events", "answers"}
	if int(c) >= len(names) {
		return "unknown"
	}
	return names[c]
}

// Message is what a caller hands over.
type Message struct {
	Class    Class
	Retained bool
	Topic    string // at most MaxTopic bytes
	Payload  []byte // at most MaxPayload bytes; belongs to the box from Put on
}

// Bounds of a Message.
const (
	MaxTopic   = 1 << 10
	MaxPayload = 512 << 10
)

// Record is a message in the box. BootID and Seq together name it for ever.
type Record struct {
	Message
	BootID   string    // of the box that took it; drawn anew by every Open
	Seq      uint64    // counts the messages of a boot over all classes, from 1
	Time     time.Time // when it was put, by the wall clock
	Replayed bool      // it was put before the last Rewind

	order   uint64        // over all boots: the number of the boot, then Seq
	elapsed time.Duration // from the opening of the box to Put, by the monotonic clock
}

// overhead is what a record costs beyond topic and payload, on disk and in memory.
const overhead = 96

func (r *Record) size() int64 { return int64(len(r.Topic)+len(r.Payload)) + overhead }

// seqBits is how much of an order counts within a boot: a million messages a second for twelve days.
const seqBits = 40

func orderOf(epoch, seq uint64) uint64 { return epoch<<seqBits | seq }

// ClassStats counts one class.
type ClassStats struct {
	Records int    // that wait for their receiver
	Bytes   int64  // of them
	Dropped uint64 // for want of room, since Open
	Expired uint64 // for their age, since Open
}

// BoxStats is a snapshot of a Box.
type BoxStats struct {
	Classes   [Classes]ClassStats
	Records   int           // that wait for their receiver, in all
	Bytes     int64         // of them
	Held      int           // of them, in memory only
	OldestAge time.Duration // of the oldest of them; 0 when there is none
	Dropped   uint64        // in all, Expired included
	Damaged   uint64        // times that the file was found damaged; records that are not whole are lost, the rest is kept
	Put       uint64        // messages taken since Open
	Settled   uint64        // of all records, those whose receiver has confirmed them since Open
	Written   uint64        // records that went to disk since Open; one confirmed at once never does
	Commits   uint64        // transactions since Open
	FileBytes int64         // size of the file
	Durable   bool          // what is put now will be on disk within the commit delay
	Failure   string        // why not, although a folder is configured; empty when all is well
}
