package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// ListenerConfig describes the connection of somebody who watches many robots and says nothing.
type ListenerConfig struct {
	Broker     string      // as in Config
	Failover   []string    // as in Config
	TLS        *tls.Config // as in Config
	Username   string      // as in Config
	Password   string
	ClientID   string        // empty draws one; it must differ for every client of the broker
	MaxBackoff time.Duration // as in Config
	Logger     *slog.Logger

	// Filters are subscribed at QoS 0: what gets lost is told again by the next state, and a broker's queue for one
	// client, which the retained messages of a large fleet would overflow, does not bound them.
	Filters []string
	// Receive takes messages, one after the other. Retained are those that the broker had kept. The payload belongs to
	// it. While it works, nothing else is read.
	Receive func(topic string, payload []byte, retained bool)
	// Subscribed is called whenever the filters stand, maybe after the first messages; it may be nil.
	Subscribed func()
}

// Listener keeps somebody subscribed, across losses of the connection.
type Listener struct {
	cfg    ListenerConfig
	nodes  *nodes
	timing timing
	tasks  sync.WaitGroup // what connections leave behind for a while

	mu        sync.Mutex
	connected bool
	lastError error
}

// NewListener checks the configuration and connects to nothing yet.
func NewListener(cfg ListenerConfig) (*Listener, error) {
	to, err := parseNodes(cfg.Broker, cfg.Failover, cfg.TLS, nil)
	if err == nil && (len(cfg.Filters) == 0 || cfg.Receive == nil || cfg.Logger == nil) {
		err = errors.New("filters, a receiver and a logger are required")
	}
	if err != nil {
		return nil, fmt.Errorf("configuring a listener: %w", err)
	}
	cfg.Username, cfg.Password = to.current().credentials(cfg.Username, cfg.Password)
	if cfg.ClientID == "" {
		cfg.ClientID = "vegad-listen-" + randomID(8)
	}
	l := &Listener{cfg: cfg, nodes: to, timing: defaultTiming(), lastError: errors.New("not connected yet")}
	if cfg.MaxBackoff > 0 {
		l.timing.backoffMax = cfg.MaxBackoff
	}
	return l, nil
}

// Run keeps the filters subscribed until the context ends, and returns nil when every goroutine it started has ended.
// A broker that cannot be reached, or does not allow a filter, is no error: Run tries again, ever more patiently, and
// says so in the log and in Connected.
func (l *Listener) Run(ctx context.Context) error {
	defer l.tasks.Wait()
	waits := backoff{base: l.timing.backoffBase, max: l.timing.backoffMax}
	for ctx.Err() == nil {
		began, node := time.Now(), l.nodes.current()
		err := l.session(ctx, node)
		if ctx.Err() != nil {
			break
		}
		l.set(false, err)
		l.nodes.move()
		if time.Since(began) >= l.timing.stable {
			waits.reset()
		}
		delay := waits.next()
		l.cfg.Logger.Warn("no connection to the broker", "broker", node.String(), "err", err,
			"retry_in", delay.Round(time.Millisecond))
		pause(ctx, delay)
	}
	l.set(false, errClosed)
	return nil
}

// session listens until the connection is lost, which is the error, or the context ends.
func (l *Listener) session(ctx context.Context, node target) error {
	w, err := dialWire(ctx, wireConfig{
		target: node, clientID: l.cfg.ClientID, username: l.cfg.Username, password: l.cfg.Password,
		timing: l.timing, receive: l.receive, tasks: &l.tasks,
	})
	if err != nil {
		return err
	}
	defer w.leave()
	filters := make(map[string]byte, len(l.cfg.Filters))
	for _, filter := range l.cfg.Filters {
		filters[filter] = 0
	}
	denied, err := w.subscribe(ctx, filters)
	if err != nil {
		return err
	}
	if len(denied) > 0 {
		return fmt.Errorf("the broker does not let this client subscribe %s", strings.Join(denied, ", "))
	}
	l.set(true, nil)
	if l.cfg.Subscribed != nil {
		l.cfg.Subscribed()
	}
	select {
	case <-w.lost:
		return w.cause
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *Listener) receive(_ mqtt.Client, m mqtt.Message) {
	l.cfg.Receive(m.Topic(), m.Payload(), m.Retained())
}

func (l *Listener) set(connected bool, cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.connected, l.lastError = connected, cause
}

// Connected reports whether the filters are subscribed now, and if not, why.
func (l *Listener) Connected() (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.connected, l.lastError
}

// Broker returns the address of the node in use, without user and password.
func (l *Listener) Broker() string { return l.nodes.current().String() }
