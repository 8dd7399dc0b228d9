package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/fleet"
	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/web"
)

// fleetFlags say which fleet is listened to, by the long-running commands.
type fleetFlags struct {
	hubFlags
	MaxRobots int `default:"20000" help:"Most robots; further ones are counted and not shown."`
}

// Validate checks the flags that kong cannot.
func (f *fleetFlags) Validate() error {
	if f.MaxRobots < 1 {
		return fmt.Errorf("--max-robots %d: must be positive", f.MaxRobots)
	}
	return f.hubFlags.Validate()
}

// feed is a fleet that is listened to.
type feed struct {
	registry *fleet.Registry
	listener *link.Listener
}

// feed prepares to listen. The page makes a robot's link out of {manufacturer} and {serial}; empty has none.
func (f *fleetFlags) feed(page string, scenes bool, logger *slog.Logger) (*feed, error) {
	security, err := f.tls()
	if err != nil {
		return nil, err
	}
	registry := fleet.New(fleet.Config{Prefix: f.Prefix, MaxRobots: f.MaxRobots, PageURL: page})
	listener, err := link.NewListener(link.ListenerConfig{
		Broker: f.Broker, Failover: f.Failover, TLS: security, Password: f.password(), Logger: logger,
		Filters: registry.Topics(scenes), Subscribed: registry.Listen,
		Receive: func(topic string, payload []byte, retained bool) {
			_ = registry.Take(topic, payload, retained) // what is refused is counted
		},
	})
	if err != nil {
		return nil, usageError{err}
	}
	return &feed{registry, listener}, nil
}

func (f *feed) connected() bool {
	up, _ := f.listener.Connected()
	return up
}

// siteFlags say where something is served, and to whom.
type siteFlags struct {
	TokenFile string   `placeholder:"FILE" help:"Token of visitors; required beyond loopback."`
	Host      []string `placeholder:"NAME" help:"Names that browsers may use, besides localhost and addresses."`
	TLSCert   string   `name:"tls-cert" placeholder:"FILE" help:"Certificate to serve with, PEM; needs --tls-key."`
	TLSKey    string   `name:"tls-key" placeholder:"FILE" help:"Key of --tls-cert, PEM."`
}

// site prepares to serve on an address.
func (f *siteFlags) site(listen string, logger *slog.Logger) (*web.Site, error) {
	c := web.Config{Listen: listen, Hosts: f.Host, HostsSetting: "--host", Logger: logger}
	if f.TokenFile != "" {
		token, err := config.ReadSecret(f.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("reading --token-file: %w", err)
		}
		c.Token = token.Reveal()
	}
	if f.TLSCert+f.TLSKey != "" {
		pair, err := tls.LoadX509KeyPair(f.TLSCert, f.TLSKey)
		if err != nil {
			return nil, fmt.Errorf("reading --tls-cert and --tls-key: %w", err)
		}
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	}
	site, err := web.New(c)
	if err != nil {
		return nil, usageError{fmt.Errorf("--listen: %w", err)}
	}
	return site, nil
}

// together listens and serves until ctx ends.
func together(ctx context.Context, f *feed, site *web.Site, handler http.Handler) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return f.listener.Run(ctx) })
	group.Go(func() error { return site.Run(ctx, handler) })
	return group.Wait()
}

// forgetting checks how long robots that are not heard stay.
func forgetting(d time.Duration) error {
	if d < time.Minute {
		return fmt.Errorf("--forget %s: must be a minute or more", d)
	}
	return nil
}
