package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"sync"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// Cause says in a word why a command is refused.
type Cause string

// The values of Cause.
const (
	Unsigned     Cause = "unsigned"
	UnknownKey   Cause = "unknownKey"
	BadSignature Cause = "badSignature"
	OtherRobot   Cause = "otherRobot"
	Expired      Cause = "expired"
	Untimely     Cause = "untimely" // issued in the future, or valid for too long
	Replayed     Cause = "replayed"
	Forbidden    Cause = "forbidden" // the key may not give this command
	Unavailable  Cause = "unavailable"
)

// RefusedError is a command that is not obeyed. Its text is fit for the reply.
type RefusedError struct {
	Cause  Cause
	Reason string
}

// Error returns the cause and the reason.
func (e *RefusedError) Error() string { return string(e.Cause) + ": " + e.Reason }

func refuse(cause Cause, format string, args ...any) error {
	return &RefusedError{cause, fmt.Sprintf(format, args...)}
}

// Config says who may command a robot.
type Config struct {
	Robot       string        // manufacturer, a slash, serial number
	Keys        []Key         // none refuses every order
	Folder      string        // keeps the sequences; required when there are keys
	MaxValidity time.Duration // longest time between issue and expiry
	Clock       *Clock        // required
}

// Guard judges orders. Its methods may be called from many goroutines.
type Guard struct {
	cfg  Config
	path string

	mu     sync.Mutex
	keys   []Key
	last   map[string]uint64 // sequence of the last order obeyed, by key
	damage error             // why the sequences are not known; then nothing is obeyed
}

// Open reads the sequences of the last run. Where they cannot be read, the error comes with a Guard that refuses every
// order: it cannot tell a new one from a recorded one.
func Open(cfg Config) (*Guard, error) {
	g := &Guard{cfg: cfg, keys: cfg.Keys, last: make(map[string]uint64)}
	if cfg.Folder == "" {
		g.damage = errors.New("there is no folder to remember the last order in: set commands.dir")
		if len(cfg.Keys) == 0 {
			return g, nil
		}
		return g, g.damage
	}
	g.path = filepath.Join(cfg.Folder, "commands.json")
	data, err := readBounded(g.path)
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	if err == nil {
		g.last, err = parseSequences(data)
	}
	if err != nil {
		g.damage = fmt.Errorf("reading the sequences of commands: %w", err)
		return g, g.damage
	}
	return g, nil
}

func parseSequences(data []byte) (map[string]uint64, error) {
	var last map[string]uint64
	if err := json.Unmarshal(data, &last); err != nil {
		return nil, err
	}
	if last == nil {
		return nil, errors.New("the file is empty")
	}
	return last, nil
}

// SetKeys replaces the trusted keys. The sequences stay: a key that comes back begins where it ended.
func (g *Guard) SetKeys(keys []Key) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.keys = keys
}

// Damage returns why no order can be obeyed, or nil.
func (g *Guard) Damage() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.keys) == 0 {
		return nil
	}
	return g.damage
}

// Accept judges a command. Nil means: obey it, once; the same order is refused from now on, also after a restart. Any
// error is a RefusedError, and then nothing has changed.
func (g *Guard) Accept(cmd payload.Command) error {
	if cmd.Order == "" {
		return refuse(Unsigned, "%.64s must come in a signed order: see vegad command", cmd.Command)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	key, ok := g.key(cmd.KeyID)
	if !ok {
		return refuse(UnknownKey, "key %s is not trusted here", cmd.KeyID)
	}
	if !key.signed(cmd) {
		return refuse(BadSignature, "the signature is not that of key %s over this order", key.ID)
	}
	// From here on the order is what the holder of the key has written.
	order, err := payload.DecodeOrder([]byte(cmd.Order))
	if err != nil {
		return refuse(BadSignature, "the order: %v", err)
	}
	if err := g.judge(key, order); err != nil {
		return err
	}
	return g.take(key, order)
}

func (g *Guard) key(id string) (Key, bool) {
	for _, key := range g.keys {
		if key.ID == id {
			return key, true
		}
	}
	return Key{}, false
}

func (g *Guard) judge(key Key, order payload.Order) error {
	now, set := g.cfg.Clock.Tell()
	validity := order.ExpiresAt.Sub(order.IssuedAt.Time)
	switch {
	case g.damage != nil:
		return refuse(Unavailable, "%v", g.damage)
	case order.Robot != g.cfg.Robot:
		return refuse(OtherRobot, "the order is for %s, this is %s", order.Robot, g.cfg.Robot)
	case validity > g.cfg.MaxValidity:
		return refuse(Untimely, "the order is valid for %s, longer than %s", validity, g.cfg.MaxValidity)
	case !order.ExpiresAt.After(now):
		return refuse(Expired, "the order expired at %s, it is %s", stamp(order.ExpiresAt.Time), stamp(now))
	case set && order.IssuedAt.After(now.Add(skew)):
		return refuse(Untimely, "the order was issued at %s, but it is %s: one of the clocks is wrong",
			stamp(order.IssuedAt.Time), stamp(now))
	case order.Sequence <= g.last[key.ID]:
		return refuse(Replayed, "sequence %d is not above %d, the last of key %s", order.Sequence, g.last[key.ID], key.ID)
	case !key.permits(order.Command):
		return refuse(Forbidden, "key %s may not give the command %s", key.ID, order.Command)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// take keeps the order's sequence, and its time of issue as one that has passed.
func (g *Guard) take(key Key, order payload.Order) error {
	last := maps.Clone(g.last)
	last[key.ID] = order.Sequence
	data, err := json.Marshal(last)
	if err == nil {
		err = g.cfg.Clock.Passed(order.IssuedAt.Time)
	}
	if err == nil {
		err = replace(g.path, data)
	}
	if err != nil {
		return refuse(Unavailable, "the order cannot be remembered: %v", err)
	}
	g.last = last
	return nil
}
