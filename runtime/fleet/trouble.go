package fleet

import (
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// Trouble is the set of what is wrong with a robot, as bits. The greater number is the worse robot: the worst trouble
// counts first, then the second worst, and so on, so that the rule of Snapshot(ByTrouble) is to compare the sets as
// numbers, and the names of those that are equal.
type Trouble uint16

// The troubles, from the mildest to the worst.
const (
	Starting    Trouble = 1 << iota // no picture has gone through its networks yet
	Stopped                         // its vegad was stopped in order
	Uneasy                          // it tells of errors that are milder than critical
	Degraded                        // its provider is not the one wanted, or its health is degraded for another reason
	Guessing                        // it abstains from half of ten questions or more: it watches, but it is not sure
	Late                            // messages wait in its outbox for a minute, or cannot be stored
	Hot                             // it throttles, is nearer than 5 K to that, or does less than its full work
	Critical                        // it tells of a critical error
	Blind                           // it has cameras, and none delivers pictures
	Failed                          // it can give no answers, or tells of a fatal error
	Silent                          // it is ONLINE, but was not heard for a while: its broker has not noticed, or lies
	Unreachable                     // its connection broke
)

// The bounds of the rule.
const (
	guessingShare     = 0.5
	guessingQuestions = 10
	lateSeconds       = 60
	hotHeadroomK      = 5
)

var troubleNames = [...]string{
	"starting", "stopped", "uneasy", "degraded", "guessing", "late", "hot", "critical", "blind", "failed", "silent",
	"unreachable",
}

// Troubles lists every single Trouble, the worst first.
func Troubles() []Trouble {
	out := make([]Trouble, 0, len(troubleNames))
	for t := Unreachable; t > 0; t >>= 1 {
		out = append(out, t)
	}
	return out
}

// Worst returns the worst single trouble, or 0.
func (t Trouble) Worst() Trouble {
	if t == 0 {
		return 0
	}
	return 1 << (bits.Len16(uint16(t)) - 1)
}

// Has reports whether one of the troubles is there.
func (t Trouble) Has(one Trouble) bool { return t&one != 0 }

// String names the troubles, the worst first, with commas between; none are "ok".
func (t Trouble) String() string {
	if t == 0 {
		return "ok"
	}
	var names []string
	for rest := t; rest != 0; rest &^= rest.Worst() {
		names = append(names, rest.Worst().name())
	}
	return strings.Join(names, ",")
}

func (t Trouble) name() string {
	if i := bits.TrailingZeros16(uint16(t)); i < len(troubleNames) {
		return troubleNames[i]
	}
	return fmt.Sprintf("Trouble(%d)", uint16(t))
}

// MarshalText writes String.
func (t Trouble) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (t *Trouble) UnmarshalText(text []byte) error {
	read, err := ParseTrouble(string(text))
	if err == nil {
		*t = read
	}
	return err
}

// ParseTrouble reads names of troubles with commas between, in any order; "ok" is none.
func ParseTrouble(text string) (Trouble, error) {
	if text == "ok" {
		return 0, nil
	}
	var out Trouble
	for name := range strings.SplitSeq(text, ",") {
		one, ok := parseOne(name)
		if !ok {
			return 0, fmt.Errorf("trouble %.40q is not one of %s", name, strings.Join(troubleNames[:], ", "))
		}
		out |= one
	}
	return out, nil
}

func parseOne(name string) (Trouble, bool) {
	for i, known := range troubleNames {
		if name == known {
			return 1 << i, true
		}
	}
	return 0, false
}

// finding gathers troubles, and says why there is the worst of them.
type finding struct {
	all, worst Trouble
	why        string
}

func (f *finding) note(holds bool, trouble Trouble, why string) {
	if !holds {
		return
	}
	f.all |= trouble
	if trouble > f.worst {
		f.worst, f.why = trouble, why
	}
}

// judged returns the robot with its troubles at a moment.
func (e *entry) judged(now, listening time.Time, silentAfter time.Duration) Robot {
	r := e.robot
	var f finding
	switch r.Connection {
	case payload.ConnectionBroken:
		f.note(true, Unreachable, "the connection broke")
	case payload.Offline:
		f.note(true, Stopped, "stopped in order")
	case payload.Online, "":
		if silent := e.silence(now, listening); silent > silentAfter {
			f.note(true, Silent, "not heard for "+silent.Round(time.Second).String())
		}
	}
	if r.Connection != payload.Offline {
		e.judgeHealth(&f)
		r.judgeHeat(&f)
		r.judgeOutbox(&f)
		r.judgeAnswers(&f)
	}
	r.Trouble, r.Why = f.all, clean(f.why)
	return r
}

// silence is for how long a robot could have been heard, and was not. A state that the broker has kept says itself when
// the robot was last heard, since a newer one would have taken its place.
func (e *entry) silence(now, listening time.Time) time.Duration {
	heard := now.Sub(e.robot.LastHeard)
	if e.kept && e.robot.Health != "" {
		return heard
	}
	return min(heard, now.Sub(e.since), now.Sub(listening))
}

func (e *entry) judgeHealth(f *finding) {
	r, level := &e.robot, e.gravest
	f.note(r.Health == payload.HealthFailed, Failed, or(r.Error, "it can give no answers"))
	f.note(level == payload.LevelFatal, Failed, r.Error)
	f.note(r.Cameras > 0 && r.CamerasRunning == 0 && r.Health != payload.HealthStarting, Blind, e.blind)
	f.note(level == payload.LevelCritical, Critical, r.Error)
	f.note(level == payload.LevelUrgent || level == payload.LevelWarning, Uneasy, r.Error)
	f.note(r.Degraded, Degraded, or(r.DegradedReason, "not on the provider that was wanted"))
	f.note(r.Health == payload.HealthDegraded, Degraded, or(r.Error, "degraded"))
	f.note(r.Health == payload.HealthStarting, Starting, "starting")
}

func (r *Robot) judgeHeat(f *finding) {
	if r.Throttled != "" {
		f.note(true, Hot, "throttled by "+r.Throttled)
	}
	f.note(r.Step != "" && r.Step != payload.StepFull, Hot, or(r.StepReason, string(r.Step)))
	if r.HeadroomK != nil && *r.HeadroomK < hotHeadroomK {
		f.note(true, Hot, fmt.Sprintf("%.0f K below throttling", *r.HeadroomK))
	}
}

func (r *Robot) judgeOutbox(f *finding) {
	f.note(r.OutboxFailure != "", Late, r.OutboxFailure)
	if r.OutboxAgeSeconds > lateSeconds {
		f.note(true, Late, fmt.Sprintf("%d messages wait, the oldest for %s", r.OutboxDepth,
			time.Duration(r.OutboxAgeSeconds)*time.Second))
	}
}

func (r *Robot) judgeAnswers(f *finding) {
	n := r.Questions.Answered + r.Questions.Abstained
	if n >= guessingQuestions && *r.AbstainedShare >= guessingShare {
		f.note(true, Guessing, fmt.Sprintf("abstains from %.0f %% of %d questions", 100**r.AbstainedShare, n))
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
