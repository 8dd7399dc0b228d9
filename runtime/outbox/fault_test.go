package outbox

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/link/linktest"
)

// filled makes a file with n answers of a kilobyte and closes it.
func filled(t *testing.T, n int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	b := open(t, Config{Dir: dir})
	for i := range n {
		body := fmt.Appendf(nil, `{"n":%d,"text":"%s"}`, i, strings.Repeat("x", 1000))
		if _, err := b.Put(Message{Class: Answers, Topic: "t", Payload: body}); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, b)
	closeBox(t, b)
	return dir
}

func damage(t *testing.T, dir string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(fileOf(dir))
	if err == nil {
		err = os.WriteFile(fileOf(dir), change(data), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// whole fails the test when a record is not what was written, or out of order, or twice there.
func whole(t *testing.T, records []Record) {
	t.Helper()
	last := -1
	for _, r := range records {
		var n int
		if _, err := fmt.Sscanf(string(r.Payload), `{"n":%d,`, &n); err != nil || n <= last ||
			!bytes.HasSuffix(r.Payload, []byte(`xxx"}`)) {
			t.Fatalf("after %d comes %.40s, %v", last, r.Payload, err)
		}
		last = n
	}
}

func TestFlippedBitInARecord(t *testing.T) {
	dir := filled(t, 100)
	damage(t, dir, func(data []byte) []byte {
		data[bytes.Index(data, []byte(`{"n":42,`))+20] ^= 1
		return data
	})
	b := open(t, Config{Dir: dir})
	got := drain(b)
	whole(t, got)
	if s := b.Stats(); len(got) != 99 || s.Damaged != 1 || s.Failure != "" || !s.Durable {
		t.Errorf("%d records, %+v", len(got), s)
	}
}

// The same while the box runs: the record is skipped when its turn comes.
func TestFlippedBitWhileItRuns(t *testing.T) {
	dir := filled(t, 100)
	b := open(t, Config{Dir: dir})
	damageInPlace(t, dir, []byte(`{"n":42,`))
	var got []Record
	linktest.Eventually(t, "all that is whole", func() bool {
		got = append(got, drain(b)...)
		return b.Idle()
	})
	whole(t, got)
	if len(got) != 99 {
		t.Errorf("%d records", len(got))
	}
	linktest.Eventually(t, "the damage counted", func() bool { s := b.Stats(); return s.Damaged == 1 && s.Records == 99 })
}

// damageInPlace changes a byte behind the mark without replacing the file, which is mapped.
func damageInPlace(t *testing.T, dir string, mark []byte) {
	t.Helper()
	data, err := os.ReadFile(fileOf(dir))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, mark) + 20
	f, err := os.OpenFile(fileOf(dir), os.O_RDWR, 0)
	if err == nil {
		_, err = f.WriteAt([]byte{data[at] ^ 1}, int64(at))
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestAnyFlippedBit flips bits anywhere, in the structure of the file too. Nothing wrong is delivered, the box works
// on, and at most what shared the bit is lost.
func TestAnyFlippedBit(t *testing.T) {
	const n = 60
	source := filled(t, n)
	data, err := os.ReadFile(fileOf(source))
	if err != nil {
		t.Fatal(err)
	}
	rebuilt := 0
	for range 20 * faults() {
		dir := t.TempDir()
		flipped := bytes.Clone(data)
		bit := rand.N(len(data) * 8)
		if rand.N(2) == 0 { // most of the file is payload: aim at the heads of the pages as well
			bit = rand.N(len(data)/4096)*4096*8 + rand.N(512)
		}
		flipped[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(fileOf(dir), flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		b := open(t, Config{Dir: dir})
		linktest.Eventually(t, fmt.Sprintf("a working box after bit %d of byte %d flipped", bit%8, bit/8), func() bool {
			return b.Stats().Durable
		})
		var got []Record // damage that only a read shows interrupts the first
		linktest.Eventually(t, "all that is whole", func() bool {
			got = append(got, drain(b)...)
			return b.Idle()
		})
		whole(t, got)
		s := b.Stats()
		if s.Damaged > 0 {
			rebuilt++
		}
		if len(got) < n-1 {
			t.Errorf("bit %d of byte %d costs %d records: %+v", bit%8, bit/8, n-len(got), s)
		}
		put(t, b, Events, 1)
		flush(t, b)
		closeBox(t, b)
	}
	t.Logf("%d of %d flipped bits were noticed, the others lay in unused space", rebuilt, 20*faults())
}

func TestTornFile(t *testing.T) {
	const n = 200
	source := filled(t, n)
	data, err := os.ReadFile(fileOf(source))
	if err != nil {
		t.Fatal(err)
	}
	sizes := []int{0, 1, 100, 4096, 8192, 10_000, len(data) / 2, len(data) - 4096, len(data) - 1}
	for range 4 * faults() {
		sizes = append(sizes, rand.N(len(data)))
	}
	for _, size := range sizes {
		dir := t.TempDir()
		if err := os.WriteFile(fileOf(dir), data[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		possible := 0 // records that are whole in what is left
		if err := scan(bytes.NewReader(data[:size]), func(Record) error { possible++; return nil }); err != nil {
			t.Fatal(err)
		}
		b := open(t, Config{Dir: dir})
		linktest.Eventually(t, "a working box", func() bool { return b.Stats().Durable })
		got := drain(b)
		whole(t, got)
		if len(got) < min(possible, n) {
			t.Errorf("cut to %d bytes: %d records of %d", size, len(got), possible)
		}
		put(t, b, Events, 1)
		flush(t, b)
		closeBox(t, b)
		if _, err := os.Stat(filepath.Join(dir, newName)); err == nil {
			t.Errorf("cut to %d bytes: a temporary file is left", size)
		}
	}
}

// Zeros, noise and a text in place of the file: the box begins anew.
func TestForeignFile(t *testing.T) {
	for name, data := range map[string][]byte{
		"zeros": make([]byte, 64<<10),
		"text":  []byte(strings.Repeat("this is no outbox\n", 5000)),
	} {
		dir := t.TempDir()
		if err := os.WriteFile(fileOf(dir), data, 0o600); err != nil {
			t.Fatal(err)
		}
		b := open(t, Config{Dir: dir})
		put(t, b, Answers, 1)
		flush(t, b)
		if s := b.Stats(); !s.Durable || s.Damaged == 0 {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// A new file that was not finished when the process died is nothing; the old one still holds everything.
func TestUnfinishedRenewalIsThrownAway(t *testing.T) {
	dir := filled(t, 50)
	if err := os.WriteFile(filepath.Join(dir, newName), []byte("unfinished"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, Config{Dir: dir})
	got := drain(b)
	whole(t, got)
	if s := b.Stats(); len(got) != 50 || s.Damaged != 0 {
		t.Errorf("%d records, %+v", len(got), s)
	}
}

func TestFolderThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(file, "outbox")
	b := open(t, Config{Dir: dir})
	for n := range 3 {
		put(t, b, Answers, n)
	}
	s := b.Stats()
	if s.Durable || !strings.Contains(s.Failure, "file") || s.Records != 3 {
		t.Errorf("stats %+v", s)
	}
	if err := b.Flush(t.Context()); err == nil {
		t.Error("it flushed to nowhere")
	}
	first, _ := b.Next(true)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	linktest.Eventually(t, "recovery", func() bool { s := b.Stats(); return s.Durable && s.Held == 0 })
	b.Done(first)
	closeBox(t, b)
	if got := payloads(drain(open(t, Config{Dir: dir}))); got != `a{"n":1} a{"n":2} ` {
		t.Errorf("got %s", got)
	}
}

func TestUnsavedMessagesAreToldAtTheEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, Config{Dir: filepath.Join(file, "outbox")})
	put(t, b, Answers, 1)
	if err := b.Close(); err == nil || !strings.Contains(err.Error(), "1 messages") {
		t.Errorf("got %v", err)
	}
}

// fullVariable tells the test binary that it is the process with a small disk of its own.
const fullVariable = "VEGAD_OUTBOX_FULL"

// TestFullDisk runs itself again with a file system of one megabyte, which needs a mount namespace.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(fullVariable); dir != "" {
		onFullDisk(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), fullVariable+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Skipf("this system gives a process no mounts of its own: %v", err)
	}
	if err != nil || !strings.Contains(string(out), "recovered") {
		t.Errorf("%v\n%s", err, out)
	}
}

func onFullDisk(t *testing.T, dir string) {
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 600<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, Config{Dir: filepath.Join(dir, "outbox"), MaxMemory: 300 << 10})
	stored := 0
	for b.Stats().Failure == "" {
		putBig(t, b, Answers, 5000)
		if err := b.Flush(t.Context()); err == nil {
			stored++
		}
		if stored > 1000 {
			t.Fatal("the disk does not fill")
		}
	}
	if s := b.Stats(); s.Durable || !strings.Contains(s.Failure, "no space left") {
		t.Errorf("%+v", s)
	}
	const late = 200
	began := time.Now()
	for range late {
		putBig(t, b, Answers, 5000)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("with a full disk %d puts took %v", late, took)
	}
	s := b.Stats()
	if s.Held < 40 || s.Held > 70 || s.Records+int(s.Dropped) != stored+1+late {
		t.Errorf("%+v after %d stored", s, stored)
	}
	if got := drain(b); len(got) != s.Records {
		t.Errorf("%d of %d records can be sent", len(got), s.Records)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	linktest.Eventually(t, "recovery", func() bool { s := b.Stats(); return s.Durable && s.Held == 0 })
	closeBox(t, b)
	again := open(t, Config{Dir: filepath.Join(dir, "outbox")})
	if got := drain(again); len(got) != s.Records {
		t.Errorf("%d of %d records survived", len(got), s.Records)
	}
	t.Logf("recovered: %d records on the disk when it was full, %d held, %d dropped", stored, s.Held, s.Dropped)
}
