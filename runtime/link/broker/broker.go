// Package broker is the MQTT broker inside vegad: for a robot, a laptop or a test that has none of its own.
//
// It knows no passwords, and so it listens on loopback only and lets its clients use only vegad's topics. It keeps
// nothing on disk. For anything larger run a broker of your own.
package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"

	mqtt "github.com/mochi-mqtt/server/v2"
)

// MaxPacketBytes bounds one MQTT packet; a client that sends a larger one is disconnected.
const MaxPacketBytes = 512 << 10

const (
	maxClients  = 64
	maxPending  = 4096 // messages that wait for one slow client; more are lost to it
	maxInflight = 4096 // of them, sent and not acknowledged
)

// Config says where the broker listens and for whom.
type Config struct {
	Addr        string // loopback host and port; port 0 takes a free one. Empty means 127.0.0.1:1883
	Prefix      string // first topic levels of vegad's messages. Empty means vegad
	ReplyPrefix string // first topic levels of its clients' own topics. Empty means vegad-client
	Logger      *slog.Logger
}

// Broker is a running broker.
type Broker struct {
	server   *mqtt.Server
	listener *listener
	close    sync.Once
}

// Start listens and serves in the background until Close. The context bounds only the start. A busy port and an
// address that others could reach are errors that say what to do.
func Start(ctx context.Context, cfg Config) (*Broker, error) {
	cfg = cfg.withDefaults()
	if cfg.Logger == nil {
		return nil, errors.New("starting the embedded broker: no logger")
	}
	if err := checkLoopback(cfg.Addr); err != nil {
		return nil, err
	}
	inner, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, busy(cfg.Addr, err)
	}
	if err != nil {
		return nil, fmt.Errorf("starting the embedded broker: %w", err)
	}
	return serve(inner, cfg)
}

func (cfg Config) withDefaults() Config {
	if cfg.Addr == "" {
		cfg.Addr = "127.0.0.1:1883"
	}
	if cfg.Prefix == "" {
		cfg.Prefix = "vegad"
	}
	if cfg.ReplyPrefix == "" {
		cfg.ReplyPrefix = "vegad-client"
	}
	return cfg
}

func serve(inner net.Listener, cfg Config) (*Broker, error) {
	log := cfg.Logger.With("component", "broker")
	server := mqtt.New(&mqtt.Options{Capabilities: capabilities(), Logger: slog.New(quiet{log.Handler()})})
	l := newListener(inner, log)
	b := &Broker{server: server, listener: l}
	err := server.AddHook(&accessHook{prefixes: []string{cfg.Prefix + "/", cfg.ReplyPrefix + "/"}}, nil)
	if err == nil {
		err = server.AddListener(l)
	}
	if err == nil {
		err = server.Serve()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the embedded broker: %w", err), inner.Close())
	}
	return b, nil
}

func capabilities() *mqtt.Capabilities {
	c := mqtt.NewDefaultServerCapabilities()
	c.MaximumClients = maxClients
	c.MaximumPacketSize = MaxPacketBytes
	c.MaximumClientWritesPending = maxPending
	c.MaximumInflight = maxInflight
	c.MaximumSessionExpiryInterval = 3600
	// The default would delete retained messages after a day, the factsheet among them.
	c.MaximumMessageExpiryInterval = 0
	return c
}

// Addr returns the address it listens on, with the real port.
func (b *Broker) Addr() string { return b.listener.Address() }

// URL returns the address as clients want it.
func (b *Broker) URL() string { return "mqtt://" + b.Addr() }

// Close disconnects all clients and waits until their connections have ended. It is idempotent.
func (b *Broker) Close() error {
	var err error
	b.close.Do(func() {
		b.listener.refuse()
		err = b.server.Close()
	})
	return err
}

func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("reading the broker address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host == "localhost" || (ip != nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("broker address %q is not loopback, and the embedded broker has no passwords: "+
		"use 127.0.0.1:1883, or run a broker of your own and type --broker mqtt://HOST:1883", addr)
}

func busy(addr string, err error) error {
	who := portOwner(addr)
	if who == "" {
		who = "another program (see which: sudo ss -ltnp)"
	}
	return fmt.Errorf("starting the embedded broker: %s is taken by %s: if that is a broker, use it with "+
		"--broker mqtt://%s, else stop it or choose another port: %w", addr, who, addr, err)
}
