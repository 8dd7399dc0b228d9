// Package broker is the MQTT broker inside vegad: for a robot, a laptop or a test that has none of its own.
//
// It knows no passwords, and so it listens on loopback, and elsewhere only over TLS and for clients with a certificate.
// Its clients may use vegad's topics and no others. It keeps nothing on disk. For anything larger run a broker of your
// own.
package broker

import (
	"context"
	"crypto/tls"
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
	Announced   string // topic on which the robot may tell another system of itself; empty for none
	Logger      *slog.Logger

	OutsideAddr string      // host and port for other machines; empty serves this one only
	OutsideTLS  *tls.Config // required with OutsideAddr; must demand and verify certificates of the clients
}

// Broker is a running broker.
type Broker struct {
	server    *mqtt.Server
	listeners []*listener // loopback first
	close     sync.Once
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
	if cfg.OutsideAddr != "" && !demandsCertificates(ctx, cfg.OutsideTLS) {
		return nil, fmt.Errorf("starting the embedded broker: on %s it needs TLS with certificates of the clients",
			cfg.OutsideAddr)
	}
	loopback, err := listen(ctx, cfg.Addr)
	if err != nil {
		return nil, err
	}
	log := cfg.Logger.With("component", "broker")
	all := []*listener{newListener(loopbackID, loopback, log)}
	if cfg.OutsideAddr != "" {
		outside, err := listen(ctx, cfg.OutsideAddr)
		if err != nil {
			return nil, errors.Join(err, loopback.Close())
		}
		all = append(all, newListener(outsideID, tls.NewListener(outside, cfg.OutsideTLS), log))
	}
	return serve(all, cfg)
}

// demandsCertificates asks the configuration as a client would.
func demandsCertificates(ctx context.Context, config *tls.Config) bool {
	if config == nil {
		return false
	}
	if config.GetConfigForClient != nil {
		fresh, err := config.GetConfigForClient(&tls.ClientHelloInfo{})
		if err != nil || ctx.Err() != nil {
			return false
		}
		config = fresh
	}
	return config.ClientAuth == tls.RequireAndVerifyClientCert && config.ClientCAs != nil
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	inner, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, busy(addr, err)
	}
	if err != nil {
		return nil, fmt.Errorf("starting the embedded broker: %w", err)
	}
	return inner, nil
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

func serve(all []*listener, cfg Config) (*Broker, error) {
	log := cfg.Logger.With("component", "broker")
	server := mqtt.New(&mqtt.Options{Capabilities: capabilities(), Logger: slog.New(quiet{log.Handler()})})
	b := &Broker{server: server, listeners: all}
	err := server.AddHook(&accessHook{
		prefix: cfg.Prefix + "/", reply: cfg.ReplyPrefix + "/", announced: cfg.Announced,
	}, nil)
	for _, l := range all {
		if err == nil {
			err = server.AddListener(l)
		}
	}
	if err == nil {
		err = server.Serve()
	}
	if err != nil {
		err = fmt.Errorf("starting the embedded broker: %w", err)
		for _, l := range all {
			l.refuse()
		}
		return nil, err
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

// Addr returns the loopback address it listens on, with the real port.
func (b *Broker) Addr() string { return b.listeners[0].Address() }

// OutsideAddr returns the address for other machines, with the real port; empty when there is none.
func (b *Broker) OutsideAddr() string {
	if len(b.listeners) < 2 {
		return ""
	}
	return b.listeners[1].Address()
}

// URL returns the address as clients want it.
func (b *Broker) URL() string { return "mqtt://" + b.Addr() }

// Close disconnects all clients and waits until their connections have ended. It is idempotent.
func (b *Broker) Close() error {
	var err error
	b.close.Do(func() {
		for _, l := range b.listeners {
			l.refuse()
		}
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
