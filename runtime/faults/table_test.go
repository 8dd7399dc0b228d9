package faults_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
	"github.com/vega-edge/vegad/runtime/link/linktest"
)

// The bounds of the whole, at full size.
const (
	leastMessages = 100_000
	leastFaults   = 500
	mostRecovery  = 2*time.Second + maxBackoff
)

// row is what came of a scenario.
type row struct {
	linktest.Sum
	Scenario  string
	Faults    int
	Destroyed int           // messages that the fault itself made unreadable on the disk
	Recovery  time.Duration // the longest, from the end of a cause until a new message was at the consumer
}

// scenario is one kind of fault.
type scenario struct {
	name     string
	rounds   int // at full size
	messages int // in a round
	run      func(t *testing.T, rounds, messages int) row
	recovery time.Duration // bound; 0 is mostRecovery

	lossy      bool // the broker loses what it has acknowledged: what is sent again comes late
	redelivers bool // the broker itself delivers out of order what it has to deliver again
}

func scenarios() []scenario {
	return []scenario{
		{name: "acknowledgements dropped", rounds: 50, messages: 300, run: dropAcks},
		{name: "connection flaps", rounds: 100, messages: 150, run: flap},
		{name: "black hole", rounds: 40, messages: 300, run: blackHole},
		{name: "oversize length", rounds: 100, messages: 100, run: oversize},
		{name: "thousand reconnects", rounds: 1000, messages: 4, run: reconnect},
		{name: "slow consumer", rounds: 8, messages: 1000, run: slowConsumer},
		{name: "sender killed", rounds: 60, messages: 0, run: killSender},
		{name: "mosquitto killed", rounds: 40, messages: 250, run: killMosquitto, lossy: true},
		{name: "disk full", rounds: 20, messages: 300, run: fillDisk},
		{name: "outbox torn", rounds: 40, messages: 150, run: tear},
		{name: "outbox bit flipped", rounds: 40, messages: 150, run: flip},
		{name: "wall clock jumps", rounds: 40, messages: 150, run: jumpClock},
		{name: "memory short", rounds: 4, messages: 4000, run: squeeze},
		{name: "NATS node killed", rounds: 6, messages: 1000, run: killNode, redelivers: true, recovery: time.Minute},
	}
}

// size is how many rounds a scenario has.
func (s scenario) size() int {
	if scale := linktest.Scale(); scale > 0 {
		return s.rounds * scale
	}
	return max(1, s.rounds/25)
}

// TestFaults runs every scenario and holds the account.
func TestFaults(t *testing.T) {
	var rows []row
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) {
			out := s.run(t, s.size(), s.messages)
			out.Scenario = s.name
			rows = append(rows, out)
			s.hold(t, out)
		})
	}
	if linktest.Scale() > 0 {
		report(t, rows)
	}
}

func (s scenario) hold(t *testing.T, r row) {
	t.Helper()
	if r.Lost > 0 || r.Twice > 0 || r.Forged > 0 || r.Late > 0 && !s.lossy && !s.redelivers {
		t.Errorf("the account does not balance: %+v", r.Sum)
	}
	if r.Faults < s.size() || r.Messages == 0 {
		t.Errorf("%d faults and %d messages prove nothing", r.Faults, r.Messages)
	}
	t.Log(r)
}

// report prints the table and writes it for machines and for people.
func report(t *testing.T, rows []row) {
	t.Helper()
	out := benchtest.New("faults")
	total := row{Scenario: "**in all**"}
	text := "| scenario | faults | messages | lost | accepted twice | late | duplicates removed | longest recovery |\n" +
		"|---|--:|--:|--:|--:|--:|--:|--:|\n"
	for i, s := range scenarios() {
		if i >= len(rows) || rows[i].Scenario != s.name {
			t.Fatalf("%s did not run", s.name)
		}
		r := rows[i]
		total.add(r)
		text += r.line()
		bound := max(s.recovery, mostRecovery)
		out.AtMost(s.name+": longest recovery", r.Recovery.Seconds(), "s", bound.Seconds())
		out.Add(s.name+": faults", float64(r.Faults), "")
		out.Add(s.name+": messages", float64(r.Messages), "")
		out.Add(s.name+": late", float64(r.Late), "messages")
	}
	text += total.line()
	out.AtLeast("faults in all", float64(total.Faults), "", leastFaults)
	out.AtLeast("messages in all", float64(total.Messages), "", leastMessages)
	out.AtMost("messages lost", float64(total.Lost), "", 0)
	out.AtMost("messages accepted twice", float64(total.Twice+total.Forged), "", 0)
	out.Add("duplicates removed", float64(total.Duplicates), "")
	out.Add("messages destroyed on the disk by the fault itself", float64(total.Destroyed), "")
	out.Report(t, resultsFolder(t))
	fmt.Printf("\n%s\n", strings.TrimSuffix(text, "\n"))
	out.Write(t, resultsFolder(t), "faults.md", text)
}

// resultsFolder is the checkout at full size; the short form must not replace its results.
func resultsFolder(t *testing.T) string {
	t.Helper()
	if linktest.Scale() == 0 {
		return t.TempDir()
	}
	return benchtest.Root(t)
}

func (r *row) add(o row) {
	r.Faults += o.Faults
	r.Destroyed += o.Destroyed
	r.Recovery = max(r.Recovery, o.Recovery)
	r.Messages += o.Messages
	r.Lost += o.Lost
	r.Twice += o.Twice
	r.Forged += o.Forged
	r.Late += o.Late
	r.Duplicates += o.Duplicates
}

func (r *row) line() string {
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %d | %d | %.2f s |\n",
		r.Scenario, r.Faults, r.Messages, r.Lost, r.Twice+r.Forged, r.Late, r.Duplicates, r.Recovery.Seconds())
}

// String tells it in a line of the test's log.
func (r row) String() string {
	return fmt.Sprintf("%d faults, %d messages, %d lost, %d accepted twice, %d late, %d duplicates removed, "+
		"%d destroyed, longest recovery %v", r.Faults, r.Messages, r.Lost, r.Twice+r.Forged, r.Late, r.Duplicates,
		r.Destroyed, r.Recovery.Round(time.Millisecond))
}
