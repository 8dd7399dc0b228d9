package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/outbox"
)

// childVariable holds an order when the test binary runs as a robot in a process of its own.
const childVariable = "VEGAD_FAULTS_CHILD"

// order is what a robot is to do.
type order struct {
	Role     string // killed, full or squeezed
	URL, Dir string
	Source   int
	Rounds   int
	Messages int // in a round
}

func (o order) env() string {
	data, _ := json.Marshal(o)
	return childVariable + "=" + string(data)
}

// robot is a child's part of the way.
type robot struct {
	order
	box    *outbox.Box
	client *link.Client
	id     linktest.ID
}

func beChild(text string) error {
	r := robot{}
	if err := json.Unmarshal([]byte(text), &r.order); err != nil {
		return err
	}
	r.id.Source = r.Source
	switch r.Role {
	case "killed":
		return r.beKilled()
	case "full":
		return r.fillUp()
	case "squeezed":
		return r.squeezed()
	}
	return errors.New("nothing to do")
}

func (r *robot) open(change func(*outbox.Config)) (err error) {
	if r.box, err = openBox(r.Dir, change); err == nil {
		r.client, err = newClient(r.URL, r.box, nil)
	}
	return err
}

func (r *robot) publish(n int, padding string) error {
	for range n {
		r.id.N++
		if err := send(r.client, r.id, padding); err != nil {
			return err
		}
	}
	return nil
}

// told says that everything up to now is on the disk.
func (r *robot) told() { fmt.Println("stored", r.id.N) }

// deliver connects until the outbox is empty.
func (r *robot) deliver() error {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.client.Run(ctx) }()
	defer func() {
		cancel()
		<-done //nolint:errcheck // Run has no error when its context ends
	}()
	return until("an empty outbox", func() bool { return r.box.Stats().Records == 0 })
}

func until(what string, holds func() bool) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(3 * linktest.Patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			return errors.New("waited in vain for " + what)
		}
	}
	return nil
}

// beKilled publishes until it is killed.
func (r *robot) beKilled() error {
	if err := r.open(func(c *outbox.Config) { c.CommitDelay = time.Millisecond }); err != nil {
		return err
	}
	ctx := context.Background()
	go func() { _ = r.client.Run(ctx) }()
	for {
		if err := r.publish(1+rand.N(15), ""); err != nil {
			return err
		}
		if err := r.box.Flush(ctx); err != nil {
			return err
		}
		r.told()
	}
}

// killSender kills robots that publish. What a robot knew to be on the disk reaches the consumer, from that robot or
// from a later one.
func killSender(t *testing.T, rounds, _ int) row {
	r := newRig(t, nil)
	for source := range rounds {
		stored := 0
		child := linktest.Child{
			Env:       []string{order{Role: "killed", URL: r.cable.URL(), Dir: r.dir, Source: source}.env()},
			KillAfter: 200*time.Millisecond + time.Duration(rand.N(400))*time.Millisecond,
			Line:      func(line string) { _, _ = fmt.Sscanf(line, "stored %d", &stored) },
		}
		if err := child.Run(t); err != nil {
			t.Fatal(err)
		}
		r.owe(source, 1, stored)
		r.row.Faults++
	}
	r.open(rounds, nil, nil)
	r.run()
	r.recovered()
	return r.finish()
}

// owe enters what a child told.
func (r *rig) owe(source, from, upTo int) {
	for n := from; n <= upTo; n++ {
		id := linktest.ID{Source: source, N: n}
		r.ledger.Owe(id, classOf(id))
	}
}

// fillUp publishes to a disk of its own of eight megabytes that fills up, again and again.
func (r *robot) fillUp() error {
	if err := syscall.Mount("tmpfs", r.Dir, "tmpfs", 0, "size=8m"); err != nil {
		return err
	}
	ballast := filepath.Join(r.Dir, "ballast")
	r.Dir = filepath.Join(r.Dir, "outbox")
	if err := r.open(nil); err != nil {
		return err
	}
	for range r.Rounds {
		if err := fill(ballast); err != nil {
			return err
		}
		if err := r.untilFull(); err != nil {
			return err
		}
		fmt.Println("full")
		if err := os.Remove(ballast); err != nil {
			return err
		}
		began := time.Now()
		if err := until("the disk", func() bool { s := r.box.Stats(); return s.Durable && s.Held == 0 }); err != nil {
			return fmt.Errorf("%w: %+v", err, r.box.Stats())
		}
		r.told()
		if err := r.deliver(); err != nil {
			return err
		}
		fmt.Println("recovered", time.Since(began).Nanoseconds())
	}
	return r.box.Close()
}

// untilFull publishes until the outbox, which has some room left in its file, cannot be written.
func (r *robot) untilFull() error {
	const most = 100
	for range most {
		if err := r.publish(r.Messages/4, strings.Repeat("x", 1000)); err != nil {
			return err
		}
		err := r.box.Flush(context.Background())
		if errors.Is(err, syscall.ENOSPC) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return errors.New("the disk does not fill up")
}

// fill writes until there is no room.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return f.Close()
}

// fillDisk needs a process with mounts of its own.
func fillDisk(t *testing.T, rounds, messages int) row {
	r := newRig(t, nil)
	stored := 0
	child := linktest.Child{
		Env: []string{order{Role: "full", URL: r.cable.URL(), Dir: r.dir, Rounds: rounds, Messages: messages}.env()},
		Line: func(line string) {
			var took time.Duration
			if line == "full" {
				r.row.Faults++
			} else if n, _ := fmt.Sscanf(line, "recovered %d", &took); n == 1 {
				r.row.Recovery = max(r.row.Recovery, took)
			} else {
				_, _ = fmt.Sscanf(line, "stored %d", &stored)
			}
		},
		System: &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		},
	}
	err := child.Run(t)
	if errors.Is(err, syscall.EPERM) {
		t.Skipf("this system gives a process no mounts of its own: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r.balance(0, stored)
}

// balance waits for what children told, and returns the row.
func (r *rig) balance(source, stored int) row {
	r.t.Helper()
	r.owe(source, 1, stored)
	linktest.Within(r.t, 3*linktest.Patience, "all that is owed", r.ledger.Settled)
	r.row.Sum = r.ledger.Sum()
	return r.row
}

// squeezed publishes more than memory holds, then delivers it.
func (r *robot) squeezed() error {
	if err := r.open(func(c *outbox.Config) { c.MaxMemory = 4 << 20 }); err != nil {
		return err
	}
	for range r.Messages / 50 {
		if err := r.publish(50, strings.Repeat("x", 4000)); err != nil {
			return err
		}
		if err := r.box.Flush(context.Background()); err != nil {
			return err
		}
	}
	r.told()
	if err := r.deliver(); err != nil {
		return err
	}
	fmt.Println("peak", peakMiB())
	return r.box.Close()
}

// peakMiB is the most memory that this process has had.
func peakMiB() int {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return int(usage.Maxrss >> 10)
}

// squeeze gives robots less memory than their messages need, and holds them to it.
func squeeze(t *testing.T, rounds, messages int) row {
	const (
		limit = "20MiB"
		most  = 80 // MiB resident, with the program and the mapped file
	)
	r := newRig(t, nil)
	for source := range rounds {
		stored, peak := 0, 0
		o := order{Role: "squeezed", URL: r.cable.URL(), Dir: t.TempDir(), Source: source, Messages: messages}
		child := linktest.Child{
			Env: []string{o.env(), "GOMEMLIMIT=" + limit},
			Line: func(line string) {
				if n, _ := fmt.Sscanf(line, "peak %d", &peak); n == 0 {
					_, _ = fmt.Sscanf(line, "stored %d", &stored)
				}
			},
		}
		if err := child.Run(t); err != nil {
			t.Fatal(err)
		}
		if peak == 0 || peak > most && !raced { // the race detector keeps books of its own
			t.Errorf("a robot had %d MiB, more than %d", peak, most)
		}
		t.Logf("%d messages of 4 kB with a limit of %s: at most %d MiB resident", stored, limit, peak)
		r.balance(source, stored)
		r.row.Faults++
	}
	return r.row
}
