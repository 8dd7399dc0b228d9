package faults_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

const (
	wireWindow = 64  // messages that direct publishing has under way, as many as the link has
	underWay   = 256 // messages that a robot has given to its outbox and that are not confirmed yet
	costRounds = 5
	mostCost   = 5 // per cent of the throughput
)

// TestCost holds publishing through the outbox against publishing by the MQTT library alone, on the same disk and with
// the same messages of a kilobyte: to a broker that acknowledges at once, where hardly anything has to be written, and
// to one that takes 20 ms, where every message is.
func TestCost(t *testing.T) {
	out := benchtest.New("faults-cost")
	for _, c := range []struct {
		name     string
		delay    time.Duration
		messages int
		written  float64 // least share in per cent
	}{
		{"acknowledged at once", 0, 20_000, 0},
		{"acknowledged after 20 ms", 20 * time.Millisecond, 12_000, 99},
	} {
		n := c.messages
		if linktest.Scale() == 0 {
			n /= 10
		}
		var direct, memory, disk []float64
		var written float64
		for range costRounds {
			url := startSink(t, c.delay)
			direct = append(direct, publishDirectly(t, url, n))
			rate, _ := publishThrough(t, url, "", n)
			memory = append(memory, rate)
			rate, written = publishThrough(t, url, t.TempDir(), n)
			disk = append(disk, rate)
		}
		for _, rates := range [][]float64{direct, memory, disk} {
			slices.Sort(rates)
		}
		middle := costRounds / 2
		out.Add(c.name+": directly", direct[middle], "1/s")
		out.Add(c.name+": outbox in memory", memory[middle], "1/s")
		out.Add(c.name+": outbox on disk", disk[middle], "1/s")
		out.AtLeast(c.name+": written to disk", written, "%", c.written)
		cost := 100 * (1 - disk[middle]/direct[middle])
		if linktest.Scale() > 0 {
			out.AtMost(c.name+": cost of the outbox", cost, "%", mostCost)
		} else {
			out.Add(c.name+": cost of the outbox (too short to judge)", cost, "%")
		}
	}
	out.Report(t, resultsFolder(t))
}

func someAnswer() payload.Answer {
	return payload.Answer{RequestID: "r", Status: payload.Refused, Reason: strings.Repeat("x", 800)}
}

// publishDirectly returns the messages a second that the MQTT library alone has acknowledged.
func publishDirectly(t *testing.T, url string, n int) float64 {
	t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(url).SetClientID("direct").SetProtocolVersion(4).
		SetAutoReconnect(false).SetWriteTimeout(3 * time.Second))
	if token := c.Connect(); token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	defer c.Disconnect(100)
	tokens, acked := make(chan mqtt.Token, wireWindow), make(chan error, 1)
	go func() {
		for token := range tokens {
			if token.Wait() && token.Error() != nil {
				acked <- token.Error()
				return
			}
		}
		acked <- nil
	}()
	began := time.Now()
	for i := range n {
		answer := someAnswer()
		answer.Stamp(payload.Header{
			HeaderID: uint32(i), Timestamp: payload.Time{Time: time.Now()}, Version: payload.Version,
			Manufacturer: "acme", SerialNumber: "0001",
		})
		data, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		tokens <- c.Publish(root+"answer/r", 1, false, data)
	}
	close(tokens)
	if err := <-acked; err != nil {
		t.Fatal(err)
	}
	return float64(n) / time.Since(began).Seconds()
}

// publishThrough returns the messages a second that left the outbox for good, and how many per cent were written to
// disk.
func publishThrough(t *testing.T, url, dir string, n int) (rate, written float64) {
	t.Helper()
	box, err := openBox(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := newClient(url, box, func(c *link.Config) { c.AckTimeout = link.DefaultAckTimeout })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	linktest.Eventually(t, "a connection", func() bool { return client.Stats().Connected })
	slack := time.NewTicker(200 * time.Microsecond)
	defer slack.Stop()
	began := time.Now()
	for range n {
		if err := client.PublishAnswer("r", someAnswer(), ""); err != nil {
			t.Fatal(err)
		}
		for box.Stats().Records >= underWay {
			<-slack.C
		}
	}
	for box.Stats().Records > 0 {
		<-slack.C
	}
	rate = float64(n) / time.Since(began).Seconds()
	written = 100 * float64(box.Stats().Written) / float64(n)
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := box.Close(); err != nil {
		t.Fatal(err)
	}
	return rate, written
}

// startSink starts a broker that delivers nothing, and acknowledges everything in order after a while.
func startSink(t *testing.T, delay time.Duration) (url string) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var tasks sync.WaitGroup
	t.Cleanup(func() {
		_ = inner.Close()
		tasks.Wait()
	})
	tasks.Go(func() {
		for {
			conn, err := inner.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() { sink(conn, delay) })
		}
	})
	return fmt.Sprint("mqtt://", inner.Addr())
}

// reply is what a sink will send.
type reply struct {
	packet packets.ControlPacket
	due    time.Time
}

func sink(conn net.Conn, delay time.Duration) {
	defer conn.Close() //nolint:errcheck // the client has ended it
	replies := make(chan reply, 1000)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer close(replies)
	tasks.Go(func() {
		for r := range replies {
			if wait := time.Until(r.due); wait > 0 {
				<-time.After(wait)
			}
			_ = r.packet.Write(conn)
		}
	})
	in := bufio.NewReaderSize(conn, 64<<10)
	for {
		packet, err := packets.ReadPacket(in)
		if err != nil {
			return
		}
		if answer := linktest.Acknowledge(packet); answer != nil {
			replies <- reply{answer, time.Now().Add(delay)}
		}
	}
}
