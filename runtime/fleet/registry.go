// Package fleet keeps what many robots tell about themselves over MQTT, and sorts them by trouble.
//
// A Registry is fed with topics and payloads, from whatever subscription there is, and holds one Robot for each that
// was heard. Everything that comes is taken for hostile: sizes and numbers are bounded, texts are cut and freed of what
// a terminal would obey, and the topic alone, which a broker's access list guards, says whose message it is.
package fleet

import (
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// Defaults of a Config.
const (
	DefaultPrefix      = "vegad"
	DefaultMaxRobots   = 20_000
	DefaultSilentAfter = 90 * time.Second
	DefaultForgetAfter = 7 * 24 * time.Hour
)

// Config bounds a Registry. Its zero value is usable.
type Config struct {
	Prefix      string        // first levels of the topics; empty means DefaultPrefix
	MaxRobots   int           // further ones are not taken; 0 is DefaultMaxRobots
	SilentAfter time.Duration // an ONLINE robot that says nothing for so long is in trouble; 0 is DefaultSilentAfter
	ForgetAfter time.Duration // one not heard for so long makes room for another when there is none; 0 is a week
	// PageURL makes the address of a robot's page out of {manufacturer} and {serial}; empty knows none. It is the
	// operator's word: a link that a robot tells would lead wherever the robot likes.
	PageURL string
}

// Registry holds one Robot for each that was heard. Its methods may be called from any goroutine.
type Registry struct {
	cfg  Config
	root string // what every topic begins with

	mu        sync.Mutex
	robots    map[string]*entry // by manufacturer/serial
	listening time.Time         // since when messages would have been heard
	swept     time.Time         // when room was last looked for
	revision  uint64
	stats     Stats
}

// entry is a robot and what is needed to judge its next message.
type entry struct {
	robot     Robot
	headerID  uint32             // of the last connection message
	kept      bool               // all that was heard was kept by the broker
	since     time.Time          // when it was first heard here
	questions questions          // of the last statistics
	blind     string             // which camera delivers nothing, and why, by the last state
	gravest   payload.ErrorLevel // of its errors, by the last state
}

// Stats counts messages since the Registry was made.
type Stats struct {
	Robots  int    // that are known now
	Taken   uint64 // messages that told something about a robot
	Ignored uint64 // on topics that tell nothing about a robot's health, or older than what is known
	Refused uint64 // malformed, too large, or on a topic with names that no robot may have
	NoRoom  uint64 // of robots beyond MaxRobots
}

// New returns an empty Registry that listens from now on.
func New(cfg Config) *Registry {
	if cfg.Prefix == "" {
		cfg.Prefix = DefaultPrefix
	}
	if cfg.MaxRobots <= 0 {
		cfg.MaxRobots = DefaultMaxRobots
	}
	if cfg.SilentAfter <= 0 {
		cfg.SilentAfter = DefaultSilentAfter
	}
	if cfg.ForgetAfter <= 0 {
		cfg.ForgetAfter = DefaultForgetAfter
	}
	return &Registry{
		cfg: cfg, root: cfg.Prefix + "/v1/", robots: make(map[string]*entry), listening: time.Now(),
	}
}

// Topics returns the filters to subscribe, at QoS 0 or 1. With scenes, positions are as fresh as scenes are, at the
// price of by far the largest messages; without, they come with state.
func (r *Registry) Topics(scenes bool) []string {
	names := []string{connectionTopic, stateTopic, statsTopic, factsheetTopic}
	if scenes {
		names = append(names, sceneTopic)
	}
	for i, name := range names {
		names[i] = r.root + "+/+/" + name
	}
	return names
}

// Listen says that messages are heard from now on: call it whenever a subscription stands, so that nobody counts as
// silent for what was not listened to.
func (r *Registry) Listen() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listening = time.Now()
}

// Take reads one message. A retained one, which the broker had kept, is as old as it says it is. An empty connection
// message, by which an operator clears a robot from the broker, forgets the robot. What is returned says why a message
// was refused; nothing has to be done about it, since it is counted.
func (r *Registry) Take(topic string, data []byte, retained bool) error {
	id, name, err := r.split(topic)
	if err == nil && name != "" && len(data) == 0 {
		r.clear(id, name)
		return nil
	}
	var apply func(*entry)
	var at time.Time
	if err == nil {
		apply, at, err = read(name, data)
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil:
		r.stats.Refused++
		return err
	case apply == nil:
		r.stats.Ignored++
		return nil
	}
	return r.apply(id, apply, heard(now, at, retained), now)
}

// heard is when a message was said: now, unless the broker kept it.
func heard(now, said time.Time, retained bool) time.Time {
	if retained && said.Before(now) {
		return said
	}
	return now
}

var errNoRoom = errors.New("there is no room for another robot")

// apply enters what a message says. The lock is held.
func (r *Registry) apply(id string, change func(*entry), heard, now time.Time) error {
	e := r.robots[id]
	if e == nil {
		if !r.room(now) {
			r.stats.NoRoom++
			return errNoRoom
		}
		e = r.enter(id, now)
	}
	e.kept = e.kept && heard.Before(now)
	r.revision++
	r.stats.Taken++
	change(e)
	if heard.After(e.robot.LastHeard) {
		e.robot.LastHeard = heard
	}
	e.robot.Revision = r.revision
	return nil
}

// enter makes the entry of a robot. Its names are copied, because the topic may be part of a large buffer.
func (r *Registry) enter(id string, now time.Time) *entry {
	maker, serial, _ := strings.Cut(strings.Clone(id), "/")
	e := &entry{since: now, kept: true, robot: Robot{Manufacturer: maker, Serial: serial, PageURL: r.page(maker, serial)}}
	r.robots[e.robot.ID()] = e
	return e
}

func (r *Registry) page(maker, serial string) string {
	return strings.NewReplacer("{manufacturer}", url.PathEscape(maker), "{serial}", url.PathEscape(serial)).
		Replace(r.cfg.PageURL)
}

// sweepEvery bounds how often room is looked for: whoever invents robots must not keep the Registry busy.
const sweepEvery = time.Minute

// room makes sure that one more robot fits. The lock is held.
func (r *Registry) room(now time.Time) bool {
	if len(r.robots) < r.cfg.MaxRobots {
		return true
	}
	if now.Sub(r.swept) < sweepEvery {
		return false
	}
	r.swept = now
	for id, e := range r.robots {
		if now.Sub(e.robot.LastHeard) > r.cfg.ForgetAfter && now.Sub(e.since) > r.cfg.ForgetAfter {
			delete(r.robots, id)
		}
	}
	return len(r.robots) < r.cfg.MaxRobots
}

// clear takes an empty message, by which a retained one is deleted.
func (r *Registry) clear(id, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.robots[id]; !known || name != connectionTopic {
		r.stats.Ignored++
		return
	}
	delete(r.robots, id)
	r.revision++
	r.stats.Taken++
}

// split takes {prefix}/v1/{manufacturer}/{serial}/{name} apart. The name is empty for topics below these, which tell
// nothing here.
func (r *Registry) split(topic string) (id, name string, err error) {
	rest, ok := strings.CutPrefix(topic, r.root)
	maker, below, _ := strings.Cut(rest, "/")
	serial, name, _ := strings.Cut(below, "/")
	if !ok || name == "" || !payload.ValidID(maker) || !payload.ValidID(serial) {
		return "", "", errors.New("topic is not one of a robot")
	}
	if strings.Contains(name, "/") {
		name = ""
	}
	return rest[:len(maker)+1+len(serial)], name, nil
}

// Revision counts changes. A Robot whose Revision is larger than one that was seen before has news since.
func (r *Registry) Revision() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.revision
}

// Stats returns the counters.
func (r *Registry) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Robots = len(r.robots)
	return s
}

// Snapshot returns every robot as it is now, in an order. The caller owns the slice; what its robots point to is
// shared and never changes.
func (r *Registry) Snapshot(order Order) []Robot {
	return order.sorted(r.all(time.Now()))
}

// Robot returns one robot as it is now, and false when it was never heard.
func (r *Registry) Robot(manufacturer, serial string) (Robot, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.robots[manufacturer+"/"+serial]
	if !ok {
		return Robot{}, false
	}
	return e.judged(time.Now(), r.listening, r.cfg.SilentAfter), true
}

func (r *Registry) all(now time.Time) []Robot {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Robot, 0, len(r.robots))
	for _, e := range r.robots {
		out = append(out, e.judged(now, r.listening, r.cfg.SilentAfter))
	}
	return out
}
