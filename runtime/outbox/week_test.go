package outbox

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// TestOfflineForAWeek lets a week pass without a receiver: an answer to a standing question every ten seconds, stats
// every minute, an event every five minutes; then nothing is confirmed until all has been read. With VEGAD_FAULTS=10
// there is an answer a second.
func TestOfflineForAWeek(t *testing.T) {
	const (
		step    = time.Hour
		steps   = 7 * 24
		maxRoom = 6 << 20
	)
	perStep := 360 * min(faults(), 10)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		b, err := Open(Config{Dir: dir, MaxBytes: maxRoom, MaxAge: 8 * 24 * time.Hour, Logger: discard()})
		if err != nil {
			t.Fatal(err)
		}
		put := [Classes]uint64{}
		heap := [2]uint64{}
		for n := range steps {
			for range perStep {
				putBig(t, b, Watches, 400)
				put[Watches]++
			}
			for range step / time.Minute {
				putBig(t, b, Stats, 300)
				put[Stats]++
			}
			for range 12 {
				putBig(t, b, Events, 300)
				put[Events]++
			}
			<-time.After(step)
			if n == steps/4 || n == steps-1 {
				heap[n*2/steps] = heapNow()
			}
		}
		s := b.Stats()
		for c := range Class(Classes) {
			k := s.Classes[c]
			if uint64(k.Records)+k.Dropped+k.Expired != put[c] {
				t.Errorf("%s: %d put, %d kept, %d dropped", c, put[c], k.Records, k.Dropped)
			}
		}
		if s.Classes[Events].Dropped != 0 || s.Classes[Watches].Records < maxRoom/2/500 || s.Bytes > maxRoom ||
			s.Classes[Stats].Records != 0 || s.OldestAge < 6*24*time.Hour || s.OldestAge > 8*24*time.Hour {
			t.Errorf("%+v", s)
		}
		if heap[1] > heap[0]+heap[0]/2+2<<20 {
			t.Errorf("the heap grew from %d to %d bytes", heap[0], heap[1])
		}
		if s.FileBytes > 2*maxRoom {
			t.Errorf("the file has %d bytes for %d", s.FileBytes, s.Bytes)
		}
		t.Logf("put %v, kept %d in %d bytes, file %d, dropped %d, heap %d and %d bytes",
			put, s.Records, s.Bytes, s.FileBytes, s.Dropped, heap[0], heap[1])
		checkNewest(t, b, put)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// checkNewest reads everything and holds that the newest of every class is there without a gap.
func checkNewest(t *testing.T, b *Box, put [Classes]uint64) {
	t.Helper()
	b.Rewind()
	var count [Classes]uint64
	var last [Classes]Record
	total := uint64(0)
	for {
		r, ok := b.Next(true)
		if !ok {
			break
		}
		if count[r.Class] > 0 && r.Seq <= last[r.Class].Seq {
			t.Fatalf("%s: %d after %d", r.Class, r.Seq, last[r.Class].Seq)
		}
		count[r.Class]++
		total++
		last[r.Class] = r
		b.Done(r)
	}
	if count[Events] != put[Events] || last[Watches].Seq+1+60+12 < put[Watches]+put[Stats]+put[Events] {
		t.Errorf("read %v, last watch %d of %v", count, last[Watches].Seq, put)
	}
	<-time.After(2 * time.Second)
	if s := b.Stats(); s.Records != 0 || s.FileBytes > compactFrom {
		t.Errorf("after all %d were confirmed: %+v", total, s)
	}
}

func heapNow() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
