package link

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/outbox"
)

// villain is a broker that misbehaves. It takes what a robot sends into a ledger, and delivers nothing.
type villain struct {
	inner  net.Listener
	ledger *ledger
	tasks  sync.WaitGroup

	dropAcks atomic.Int64 // per cent of the acknowledgements that are not sent
	silent   atomic.Bool  // takes everything and says nothing
	oversize atomic.Bool  // answers the next message by a packet that claims 256 MB
	done     atomic.Int64 // faults that were done

	mu    sync.Mutex
	conns map[net.Conn]bool
}

func startVillain(t testing.TB) *villain {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := &villain{inner: inner, ledger: newLedger(), conns: make(map[net.Conn]bool)}
	v.tasks.Go(v.accept)
	t.Cleanup(func() {
		_ = inner.Close()
		v.cut()
		v.tasks.Wait()
	})
	return v
}

func (v *villain) url() string { return "mqtt://" + v.inner.Addr().String() }

func (v *villain) accept() {
	for {
		conn, err := v.inner.Accept()
		if err != nil {
			return
		}
		v.mu.Lock()
		v.conns[conn] = true
		v.mu.Unlock()
		v.tasks.Go(func() { v.serve(conn) })
	}
}

// cut breaks every connection.
func (v *villain) cut() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for conn := range v.conns {
		_ = conn.Close()
		delete(v.conns, conn)
		v.done.Add(1)
	}
}

func (v *villain) serve(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // it is broken on purpose
	in := bufio.NewReader(conn)
	for {
		packet, err := packets.ReadPacket(in)
		if err != nil {
			return
		}
		reply := v.answer(packet)
		if v.silent.Load() {
			v.done.Add(1)
			continue
		}
		if v.oversize.CompareAndSwap(true, false) {
			v.done.Add(1)
			_, _ = conn.Write([]byte{0x30, 0xff, 0xff, 0xff, 0x7f})
			continue
		}
		if reply == nil {
			continue
		}
		if err := reply.Write(conn); err != nil {
			return
		}
	}
}

func (v *villain) answer(packet packets.ControlPacket) packets.ControlPacket {
	if p, ok := packet.(*packets.PublishPacket); ok {
		return v.take(p)
	}
	return linktest.Acknowledge(packet)
}

func (v *villain) take(p *packets.PublishPacket) packets.ControlPacket {
	name, kept := v.ledger.enter(p.TopicName, p.Payload)
	if p.Qos == 0 {
		return nil
	}
	if kept && rand.Int64N(100) < v.dropAcks.Load() {
		v.done.Add(1)
		return nil
	}
	if kept && !v.silent.Load() {
		v.ledger.confirm(name)
	}
	reply := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
	reply.MessageID = p.MessageID
	return reply
}

// torment lets a fault happen again and again until the context ends.
func torment(ctx context.Context, every time.Duration, fault func()) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			fault()
		case <-ctx.Done():
			return
		}
	}
}

// TestNothingIsLost publishes through every kind of fault and holds what came against what was sent.
func TestNothingIsLost(t *testing.T) {
	for name, scenario := range map[string]struct {
		every time.Duration
		fault func(*villain)
	}{
		"dropped acknowledgements": {300 * time.Millisecond, func(v *villain) {
			v.dropAcks.Store(30)
			v.cut()
		}},
		"flapping": {25 * time.Millisecond, func(v *villain) { v.cut() }},
		"black hole": {time.Second, func(v *villain) {
			v.silent.Store(true)
			time.AfterFunc(500*time.Millisecond, func() { v.silent.Store(false) })
		}},
		"oversize lengths": {100 * time.Millisecond, func(v *villain) { v.oversize.Store(true) }},
	} {
		t.Run(name, func(t *testing.T) {
			v := startVillain(t)
			box := durable(t)
			c := newDurable(t, v.url(), box, nil)
			stop := run(t, c)
			ctx, cancel := context.WithCancel(t.Context())
			var tasks sync.WaitGroup
			tasks.Go(func() { torment(ctx, scenario.every, func() { scenario.fault(v) }) })
			n := 3000 * scale()
			produce(t, c, n)
			linktest.Eventually(t, "some faults", func() bool { return v.done.Load() >= 3 })
			cancel()
			tasks.Wait()
			v.silent.Store(false)
			v.dropAcks.Store(0)
			v.oversize.Store(false)
			v.cut()
			linktest.Eventually(t, "an empty outbox", func() bool { return box.Stats().Records == 0 })
			stop()
			v.ledger.check(t, box.BootID(), uint64(n))
			s := c.Stats()
			if s.Dropped != 0 {
				t.Errorf("stats %+v", s)
			}
			t.Logf("%d messages, %d faults, %d connections, %d duplicates removed, 0 lost",
				n, v.done.Load(), s.Connections, v.ledger.dups)
		})
	}
}

// With the waits that robots have, and not those of a test.
func TestBlackHoleIsNoticedInTime(t *testing.T) {
	v := startVillain(t)
	c := newDurable(t, v.url(), durable(t), nil)
	c.timing.ack = DefaultAckTimeout
	runConnected(t, c)
	for _, traffic := range []bool{true, false} {
		linktest.Eventually(t, "connection", func() bool { return c.Stats().Connected })
		v.silent.Store(true)
		began := time.Now()
		if traffic {
			produce(t, c, 1)
		}
		linktest.Eventually(t, "loss noticed", func() bool { return !c.Stats().Connected })
		took := time.Since(began)
		if took > 5*time.Second {
			t.Errorf("with traffic %v: the black hole was noticed after %v", traffic, took)
		}
		t.Logf("with traffic %v: noticed after %v", traffic, took.Round(time.Millisecond))
		v.silent.Store(false)
	}
}

// TestReplayKeepsItsPace sends what waited no faster than it may, while what is new in another class passes.
func TestReplayKeepsItsPace(t *testing.T) {
	v := startVillain(t)
	box := durable(t)
	const n, rate = 60, 100
	c := newDurable(t, v.url(), box, func(cfg *Config) { cfg.ReplayRate = rate })
	for range n {
		if err := c.PublishEvent(payload.Event{Kind: payload.PathBlocked, Text: "test"}); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	runConnected(t, c)
	if err := c.PublishAnswer("r", payload.Answer{Status: payload.Refused, Reason: "test"}, ""); err != nil {
		t.Fatal(err)
	}
	live := messageName{box.BootID(), n + 1}
	seen := func(name messageName) bool {
		v.ledger.mu.Lock()
		defer v.ledger.mu.Unlock()
		return v.ledger.seen[name]
	}
	linktest.Eventually(t, "the new answer", func() bool { return seen(live) })
	if seen(messageName{box.BootID(), n}) {
		t.Error("the replay was over before the new answer came")
	}
	linktest.Eventually(t, "the replay", func() bool { return box.Stats().Records == 0 })
	if took, least := time.Since(began), time.Duration(n-rate/10-1)*time.Second/rate; took < least {
		t.Errorf("%d messages at %d a second took only %v, less than %v", n, rate, took, least)
	}
	v.ledger.check(t, box.BootID(), n+1)
	if v.ledger.replays != n {
		t.Errorf("%d of %d are called replayed", v.ledger.replays, n)
	}
}

// robotVariable holds broker and folder when the test binary runs as a robot that is killed.
const robotVariable = "VEGAD_LINK_ROBOT"

// beRobot publishes until it is killed, and tells what is on disk.
func beRobot(url, dir string) error {
	box, err := outbox.Open(outbox.Config{Dir: dir, Logger: discard(), CommitDelay: time.Millisecond})
	if err != nil {
		return err
	}
	c, err := New(Config{
		Broker: url, Manufacturer: "acme", Serial: "0001", Logger: discard(), Handler: newEcho(), Outbox: box,
		ReplayRate: 1e6,
	})
	if err != nil {
		return err
	}
	ctx := context.Background()
	go func() { _ = c.Run(ctx) }()
	fmt.Println("boot", box.BootID())
	for n := uint64(1); ; n++ {
		if err := c.PublishEvent(payload.Event{Kind: payload.PathBlocked, Text: "test"}); err != nil {
			return err
		}
		if n%7 != 0 {
			continue
		}
		if err := box.Flush(ctx); err != nil {
			return err
		}
		fmt.Println("stored", n)
	}
}

// TestRobotsKilledAtAnyMoment kills robots that publish to a broker that fails as well. What a robot knew to be on
// disk reaches the broker, from that robot or from the next.
func TestRobotsKilledAtAnyMoment(t *testing.T) {
	v := startVillain(t)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var tasks sync.WaitGroup
	v.dropAcks.Store(10)
	tasks.Go(func() { torment(ctx, 150*time.Millisecond, v.cut) })
	stored := map[string]uint64{}
	rounds := 6 * scale()
	for range rounds {
		boot, upTo := killRobot(t, v.url(), dir)
		stored[boot] = upTo
	}
	cancel()
	tasks.Wait()
	v.dropAcks.Store(0)
	box := boxIn(t, dir)
	c := newDurable(t, v.url(), box, nil)
	stop := runConnected(t, c)
	linktest.Eventually(t, "an empty outbox", func() bool { return box.Stats().Records == 0 })
	stop()
	total := uint64(0)
	for boot, upTo := range stored {
		total += upTo
		v.ledger.check(t, boot, upTo)
	}
	if total == 0 {
		t.Error("nothing was stored")
	}
	t.Logf("%d kills, %d cuts, %d messages known to be stored, %d duplicates removed, 0 lost",
		rounds, v.done.Load(), total, v.ledger.dups)
}

func killRobot(t *testing.T, url, dir string) (boot string, stored uint64) {
	t.Helper()
	robot := linktest.Child{
		Env:       []string{robotVariable + "=" + url + " " + dir},
		KillAfter: time.Duration(200+rand.N(500)) * time.Millisecond,
		Line: func(line string) {
			_, _ = fmt.Sscanf(line, "boot %s", &boot)
			_, _ = fmt.Sscanf(line, "stored %d", &stored)
		},
	}
	if err := robot.Run(t); err != nil {
		t.Fatal(err)
	}
	return boot, stored
}

// What has no receipt is sent again, and what has one is not.
func TestReceipts(t *testing.T) {
	v := startVillain(t)
	box := durable(t)
	c := newDurable(t, v.url(), box, func(cfg *Config) {
		cfg.ReceiptFrom, cfg.ReceiptTimeout = "hub", 200*time.Millisecond
	})
	runConnected(t, c)
	produce(t, c, 3)
	linktest.Eventually(t, "all sent again", func() bool {
		v.ledger.mu.Lock()
		defer v.ledger.mu.Unlock()
		return v.ledger.dups >= 3
	})
	if s := box.Stats(); s.Records != 3 {
		t.Errorf("without receipts %d messages are left", s.Records)
	}
	c.receiveReceipt([]byte(`{"bootId":"` + box.BootID() + `","seq":[1,3,99]}`))
	c.receiveReceipt([]byte(`nonsense`))
	linktest.Eventually(t, "one left", func() bool { return box.Stats().Records == 1 })
	if c.Stats().Refused != 1 {
		t.Errorf("stats %+v", c.Stats())
	}
}
