package faults_test

import (
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/linktest"
)

// killMosquitto kills a broker that keeps nothing, with messages that it has acknowledged and not delivered. Receipts
// bring them back, but after what followed them.
func killMosquitto(t *testing.T, rounds, messages int) row {
	r := newRig(t, func(c *linktest.Consumer) { c.Receipt = "hub" })
	r.open(0, nil, func(c *link.Config) { c.ReceiptFrom, c.ReceiptTimeout = "hub", 300*time.Millisecond })
	r.run()
	r.recovered()
	r.row.Recovery = 0
	for range rounds {
		r.publish(messages / 2)
		r.broker.Kill()
		r.publishOver(messages/2, 50*time.Millisecond)
		r.broker.Restart()
		r.recovered()
		r.row.Faults++
	}
	return r.finish()
}

// killNode kills one of three NATS servers after the other. Robot and consumer are at different nodes, each with a
// gateway that finds another node when its own is gone.
func killNode(t *testing.T, rounds, messages int) row {
	cluster := linktest.StartNATS(t, 3)
	r := &rig{
		t: t, ledger: linktest.NewLedger(), dir: t.TempDir(), cable: linktest.NewCable(t, cluster.Addrs(0)...),
	}
	gate := linktest.NewCable(t, cluster.Addrs(1)...)
	linktest.Consumer{URL: gate.URL(), Root: root, Ledger: r.ledger, Session: true}.Start(t)
	r.open(0, nil, func(c *link.Config) { c.AckTimeout = 20 * time.Second })
	r.run()
	r.recovered()
	r.row.Recovery = 0
	for round := range rounds {
		r.publish(messages / 2)
		cluster.Kill(round % 3)
		r.publishOver(messages/2, time.Second)
		r.recovered() // with two nodes
		cluster.Restart(round % 3)
		r.recovered()
		r.row.Faults++
	}
	return r.finish()
}
