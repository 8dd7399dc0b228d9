// Package link connects vegad to an MQTT broker: it takes questions, poses and commands in, and sends answers, state
// and scene out, on the topics and with the messages of package payload.
//
// Client is the robot's side, Asker the side of those who ask. Neither stores anything on disk: what Client cannot
// send while there is no connection is dropped and counted, except the newest factsheet and state, which every new
// connection begins with.
package link

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// Defaults of a Config.
const (
	DefaultPrefix      = "vegad"
	DefaultReplyPrefix = "vegad-client"
)

// AskQueue is how many questions may wait for the Handler; one more is refused as busy.
const AskQueue = 64

// ErrNotConnected says that a message was dropped, because there is no connection to the broker.
var ErrNotConnected = errors.New("no connection to the broker")

// Handler takes what comes in. Its methods are called from the goroutines of Run: HandleAsk and HandleBadAsk from
// one, HandlePose from a second, HandleCommand from a third, so that a question that takes its time delays no pose.
type Handler interface {
	// HandleAsk takes a question that arrived at received. The answer goes out by PublishAnswer, now or later. While
	// it works, questions queue up, and beyond AskQueue they are refused. The context ends with Run.
	HandleAsk(ctx context.Context, ask payload.Ask, received time.Time)
	// HandleBadAsk tells of a question that the link has already refused; nothing is left to answer. The requestID is
	// empty where none could be read.
	HandleBadAsk(requestID string, reason error)
	// HandlePose takes the newest odometry; poses that came while it worked are skipped, except the last.
	HandlePose(pose payload.Pose)
	// HandleCommand obeys a command. The link replies: done, or refused with the error's text.
	HandleCommand(ctx context.Context, cmd payload.Command) error
}

// Config describes one robot's connection.
type Config struct {
	Broker       string      // mqtt://, tcp://, mqtts://, ssl:// or tls://host[:port]; ports 1883 and 8883 unless named
	TLS          *tls.Config // for the encrypted schemes; nil verifies against the system's authorities
	Username     string      // empty takes what stands in the Broker address
	Password     string
	ClientID     string        // empty means vegad-{Manufacturer}-{Serial}; it must differ for every client of the broker
	Prefix       string        // empty means DefaultPrefix
	ReplyPrefix  string        // a replyTo must lie at least two levels below it; empty means DefaultReplyPrefix
	Manufacturer string        // payload.ValidID
	Serial       string        // payload.ValidID
	SessionID    string        // begins the sessionId of every connection; empty draws one
	KeepAlive    time.Duration // longest silence before the link is probed; 0 is 15 s
	MaxPayload   int           // bytes of the largest message that is read; 0 is payload.MaxMessageBytes, the most
	Logger       *slog.Logger
	Handler      Handler
}

// Client is the robot's side. Its methods may be called from any goroutine, before, during and after Run.
type Client struct {
	cfg    Config
	target target
	topics topics
	log    *slog.Logger
	timing timing
	queue  *sendQueue
	inbox  *inbox

	running  atomic.Bool
	attempts atomic.Uint64 // connections that were tried
	sessions atomic.Uint64 // connections that came up
	refused  atomic.Uint64 // incoming messages that were not accepted

	mu        sync.Mutex
	ids       map[string]uint32 // last headerId by topic
	connected bool
	lastError error
}

// timing gathers the waits, so that a test can shorten them.
type timing struct {
	backoffBase, backoffMax, stable time.Duration
	connect, write, ack             time.Duration
	keepAlive, ping                 time.Duration
	flush                           time.Duration
}

func defaultTiming() timing {
	return timing{
		backoffBase: time.Second, backoffMax: 60 * time.Second, stable: 60 * time.Second,
		connect: 5 * time.Second, write: 3 * time.Second, ack: 10 * time.Second,
		keepAlive: 15 * time.Second, ping: 5 * time.Second,
		flush: time.Second,
	}
}

// New checks the configuration and connects to nothing yet.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	to, err := parseTarget(cfg.Broker, cfg.TLS)
	if err = errors.Join(err, cfg.check()); err != nil {
		return nil, fmt.Errorf("configuring the link: %w", err)
	}
	cfg.Username, cfg.Password = to.credentials(cfg.Username, cfg.Password)
	t := defaultTiming()
	if cfg.KeepAlive > 0 {
		t.keepAlive = cfg.KeepAlive
	}
	return &Client{
		cfg: cfg, target: to, topics: newTopics(cfg.Prefix, cfg.Manufacturer, cfg.Serial),
		log:    cfg.Logger.With("component", "link", "broker", to.String()),
		timing: t, queue: newSendQueue(), inbox: newInbox(), ids: make(map[string]uint32),
	}, nil
}

func (cfg Config) withDefaults() Config {
	for _, field := range []struct {
		value    *string
		fallback string
	}{
		{&cfg.Prefix, DefaultPrefix},
		{&cfg.ReplyPrefix, DefaultReplyPrefix},
		{&cfg.ClientID, "vegad-" + cfg.Manufacturer + "-" + cfg.Serial},
		{&cfg.SessionID, randomID(4)},
	} {
		if *field.value == "" {
			*field.value = field.fallback
		}
	}
	return cfg
}

func (cfg Config) check() error {
	var errs []error
	if !payload.ValidID(cfg.Manufacturer) || !payload.ValidID(cfg.Serial) {
		errs = append(errs, errors.New("manufacturer and serial number must be 1 to 64 of A-Z a-z 0-9 _ . : -"))
	}
	errs = append(errs, payload.CheckTopic(cfg.Prefix), payload.CheckTopic(cfg.ReplyPrefix))
	if within(cfg.ReplyPrefix, cfg.Prefix) || within(cfg.Prefix, cfg.ReplyPrefix) {
		errs = append(errs, fmt.Errorf("prefix %q and reply prefix %q overlap", cfg.Prefix, cfg.ReplyPrefix))
	}
	if cfg.Logger == nil || cfg.Handler == nil {
		errs = append(errs, errors.New("logger and handler are required"))
	}
	return errors.Join(errs...)
}

// randomID returns n random bytes in hex.
func randomID(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: it ends the process instead
	return hex.EncodeToString(b)
}

// Stats is a snapshot of a Client's counters since it was made.
type Stats struct {
	Connected   bool
	LastError   string // why the last connection ended or did not come up; empty while connected
	Connections uint64 // that came up
	Published   uint64 // acknowledged by the broker, or written where nobody acknowledges
	Dropped     uint64 // answers and replies never sent, for want of a connection or of room in the queue
	Superseded  uint64 // scenes, states and factsheets replaced by a newer one before they were sent
	Unconfirmed uint64 // sent, but the connection ended before they were acknowledged
	Refused     uint64 // incoming messages that were malformed, too large, too many or retained
	Queue       int    // messages that wait to be sent
	InFlight    int    // messages sent and not yet acknowledged
}

// Stats returns the counters.
func (c *Client) Stats() Stats {
	s := c.queue.stats()
	s.Connections, s.Refused = c.sessions.Load(), c.refused.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Connected = c.connected
	if c.lastError != nil && !c.connected {
		s.LastError = c.lastError.Error()
	}
	return s
}

// Broker returns the broker's address without any password.
func (c *Client) Broker() *url.URL { return c.target.url() }
