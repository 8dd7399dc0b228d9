// Package link connects vegad to an MQTT broker: it takes questions, poses and commands in, and sends answers, state
// and scene out, on the topics and with the messages of package payload.
//
// Client is the robot's side, Asker the side of those who ask. Everything that Client sends at QoS 1 goes through an
// outbox, which keeps it until the broker has acknowledged it, except connection, factsheet and state: of these the
// newest is what matters, and every new connection begins with it.
package link

import (
	"cmp"
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
	"github.com/vega-edge/vegad/runtime/outbox"
)

// Defaults of a Config.
const (
	DefaultPrefix      = "vegad"
	DefaultReplyPrefix = "vegad-client"

	DefaultAckTimeout     = 4 * time.Second
	DefaultReplayRate     = 200
	DefaultReceiptTimeout = 30 * time.Second
)

// AskQueue is how many questions may wait for the Handler; one more is refused as busy.
const AskQueue = 64

// ErrNotConnected says that a scene or statistics were dropped, because there is no connection to the broker.
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
	// HandleCommand judges a command and obeys it. The link replies: done with the text, which may be empty, or refused
	// with the error's text.
	HandleCommand(ctx context.Context, cmd payload.Command) (string, error)
}

// Watcher takes standing questions. Its method is called from the goroutine of HandleAsk.
type Watcher interface {
	// HandleWatch begins, renews or ends a standing question. Its answers go out by PublishWatch.
	HandleWatch(ctx context.Context, watch payload.Watch)
}

// Config describes one robot's connection.
type Config struct {
	Broker       string      // mqtt://, tcp://, mqtts://, ssl:// or tls://host[:port]; ports 1883 and 8883 unless named
	Failover     []string    // further nodes of the same cluster, one of which is tried when a connection fails
	TLS          *tls.Config // for the encrypted schemes; nil verifies against the system's authorities
	Username     string      // empty takes what stands in the Broker address
	Password     string
	ClientID     string        // empty means vegad-{Manufacturer}-{Serial}; it must differ for every client of the broker
	Prefix       string        // empty means DefaultPrefix
	ReplyPrefix  string        // a replyTo must lie at least two levels below it; empty means DefaultReplyPrefix
	Manufacturer string        // payload.ValidID
	Serial       string        // payload.ValidID
	SessionID    string        // begins the sessionId of every connection; empty draws one
	KeepAlive    time.Duration // after half as much again of silence the broker calls the robot broken; 0 is 15 s
	AckTimeout   time.Duration // longest time without an acknowledgement that is owed; 0 is DefaultAckTimeout
	MaxBackoff   time.Duration // longest wait between two attempts to connect; 0 is 60 s
	// SubscribeQoS0 spares the broker what it keeps for each QoS 1 subscription: in a NATS cluster a replicated consumer.
	// A robot's sessions are clean, so that what came while it was away is not delivered either way; what is lost beside
	// that is what the broker has no room to queue.
	SubscribeQoS0 bool
	MaxPayload    int // bytes of the largest message that is read; 0 is payload.MaxMessageBytes, the most
	Logger        *slog.Logger
	Handler       Handler
	Watcher       Watcher // nil refuses standing questions

	// FreshTLS is asked before every connection, so that renewed certificates count; nil uses TLS.
	FreshTLS func() *tls.Config

	Outbox         *outbox.Box   // the caller closes it after Run; nil keeps everything in memory
	ReplayRate     float64       // replayed messages a second; 0 is DefaultReplayRate
	KeepScene      bool          // send scenes at QoS 1 through the outbox, instead of at QoS 0
	KeepStats      bool          // the same for statistics
	ReceiptFrom    string        // consumer whose receipts confirm messages; empty: the broker's word is enough
	ReceiptTimeout time.Duration // after which what has no receipt is sent again; 0 is DefaultReceiptTimeout
}

// Client is the robot's side. Its methods may be called from any goroutine, before, during and after Run.
type Client struct {
	cfg    Config
	nodes  *nodes
	topics topics
	log    *slog.Logger
	timing timing
	queue  *sendQueue
	inbox  *inbox
	box    *outbox.Box

	receipts *receipts

	running  atomic.Bool
	tasks    sync.WaitGroup // of Run, and what its connections leave behind for a while
	attempts atomic.Uint64  // connections that were tried
	sessions atomic.Uint64  // connections that came up
	refused  atomic.Uint64  // incoming messages that were not accepted

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
		connect: 5 * time.Second, write: 3 * time.Second, ack: DefaultAckTimeout,
		keepAlive: 15 * time.Second, ping: 5 * time.Second,
		flush: time.Second,
	}
}

// New checks the configuration and connects to nothing yet.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	to, err := parseNodes(cfg.Broker, cfg.Failover, cfg.TLS, cfg.FreshTLS)
	if err = errors.Join(err, cfg.check()); err != nil {
		return nil, fmt.Errorf("configuring the link: %w", err)
	}
	cfg.Username, cfg.Password = to.current().credentials(cfg.Username, cfg.Password)
	t := defaultTiming()
	t.keepAlive = cmp.Or(cfg.KeepAlive, t.keepAlive)
	t.ack, t.backoffMax = cmp.Or(cfg.AckTimeout, t.ack), cmp.Or(cfg.MaxBackoff, t.backoffMax)
	if cfg.Outbox == nil {
		if cfg.Outbox, err = outbox.Open(outbox.Config{Logger: cfg.Logger}); err != nil {
			return nil, fmt.Errorf("configuring the link: %w", err)
		}
	}
	return &Client{
		box: cfg.Outbox, receipts: newReceipts(),
		cfg: cfg, nodes: to, topics: newTopics(cfg.Prefix, cfg.Manufacturer, cfg.Serial),
		log:    cfg.Logger.With("component", "link"),
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
	cfg.ReplayRate = cmp.Or(cfg.ReplayRate, DefaultReplayRate)
	cfg.ReceiptTimeout = cmp.Or(cfg.ReceiptTimeout, DefaultReceiptTimeout)
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
	if cfg.ReceiptFrom != "" && !payload.ValidID(cfg.ReceiptFrom) {
		errs = append(errs, fmt.Errorf("consumer %q must be 1 to 64 of A-Z a-z 0-9 _ . : -", cfg.ReceiptFrom))
	}
	if cfg.ReplayRate < 0 || cfg.AckTimeout < 0 || cfg.MaxBackoff < 0 || cfg.ReceiptTimeout < 0 {
		errs = append(errs, errors.New("rates and times must not be negative"))
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
	Dropped     uint64 // given up by the outbox, for want of room or for their age
	Superseded  uint64 // scenes, stats, states and factsheets replaced by a newer one before they were sent
	Unconfirmed uint64 // sent, but the connection ended before they were acknowledged; the outbox sends them again
	Refused     uint64 // incoming messages that were malformed, too large, too many or retained
	Queue       int    // messages that wait to be sent
	InFlight    int    // messages sent and not yet acknowledged
}

// Stats returns the counters.
func (c *Client) Stats() Stats {
	s := c.queue.stats()
	kept := c.box.Stats()
	s.Dropped, s.Queue = kept.Dropped, s.Queue+kept.Records
	s.Connections, s.Refused = c.sessions.Load(), c.refused.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Connected = c.connected
	if c.lastError != nil && !c.connected {
		s.LastError = c.lastError.Error()
	}
	return s
}

// Broker returns the address of the broker, or of its node in use, without any password.
func (c *Client) Broker() *url.URL { return c.nodes.current().url() }
