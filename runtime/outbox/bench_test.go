package outbox

import (
	"fmt"
	"testing"
)

// BenchmarkStore puts messages and waits until a batch of them is on disk; ns/op is for one message.
func BenchmarkStore(b *testing.B) {
	for _, batch := range []int{1, 16, 256} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			box := open(b, Config{Dir: b.TempDir(), MaxBytes: 1 << 30})
			b.SetBytes(512)
			for n := 0; b.Loop(); n++ {
				putBig(b, box, Answers, 512)
				if n%batch == batch-1 {
					flush(b, box)
				}
			}
		})
	}
}

// BenchmarkConfirmedAtOnce is the way of a message while the receiver is there: it never sees the disk.
func BenchmarkConfirmedAtOnce(b *testing.B) {
	for name, dir := range map[string]string{"disk": b.TempDir(), "memory": ""} {
		b.Run(name, func(b *testing.B) {
			box := open(b, Config{Dir: dir})
			for b.Loop() {
				putBig(b, box, Answers, 512)
				r, ok := box.Next(true)
				if !ok {
					b.Fatal("nothing to send")
				}
				box.Done(r)
			}
		})
	}
}
