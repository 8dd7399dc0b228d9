package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/certificate"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// brokerFlags say how to reach a robot's broker, for those who ask and command.
type brokerFlags struct {
	Broker string `default:"mqtt://127.0.0.1:1883" env:"VEGAD_BROKER" help:"The robot's broker."`
	Robot  string `placeholder:"MAKER/SERIAL" env:"VEGAD_ROBOT" help:"Which; needless when there is one."`
	Prefix string `default:"vegad" help:"First level of the topics."`
	CA     string `name:"ca" placeholder:"FILE" env:"VEGAD_CA" help:"Authorities of the broker's certificate, PEM."`
	Cert   string `placeholder:"FILE" env:"VEGAD_CERT" help:"Own certificate, PEM; needs --key."`
	Key    string `placeholder:"FILE" env:"VEGAD_KEY" help:"Key of the certificate, PEM."`
}

// Validate checks the flags that kong cannot.
func (f *brokerFlags) Validate() error {
	maker, serial, ok := strings.Cut(f.Robot, "/")
	if f.Robot != "" && (!ok || !payload.ValidID(maker) || !payload.ValidID(serial)) {
		return fmt.Errorf("--robot %q: must be MANUFACTURER/SERIAL, such as acme/0001", f.Robot)
	}
	if (f.Cert == "") != (f.Key == "") {
		return errors.New("--cert and --key belong together")
	}
	if f.CA+f.Cert != "" && (strings.HasPrefix(f.Broker, "mqtt:") || strings.HasPrefix(f.Broker, "tcp:")) {
		return errors.New("--ca and --cert are for encrypted links: the broker must begin with mqtts://")
	}
	return nil
}

// dial connects and selects the named robot, or the only one that is there.
func (f *brokerFlags) dial(ctx context.Context) (*link.Asker, link.Robot, error) {
	config := link.AskerConfig{Broker: f.Broker, Password: os.Getenv("VEGAD_BROKER_PASSWORD"), Prefix: f.Prefix}
	if f.CA+f.Cert != "" {
		store, err := certificate.Open(certificate.Files{Authorities: f.CA, Certificate: f.Cert, Key: f.Key}, nil)
		if err != nil {
			return nil, link.Robot{}, err
		}
		config.TLS = store.Client()
	}
	asker, err := link.Dial(ctx, config)
	if err != nil {
		return nil, link.Robot{}, err
	}
	robot, err := f.pick(ctx, asker)
	if err == nil {
		err = asker.Select(ctx, robot)
	}
	if err != nil {
		return nil, link.Robot{}, errors.Join(err, asker.Close())
	}
	return asker, robot, nil
}

// pick is the named robot, or the only one that is there.
func (f *brokerFlags) pick(ctx context.Context, asker *link.Asker) (link.Robot, error) {
	if maker, serial, named := strings.Cut(f.Robot, "/"); named {
		return link.Robot{Manufacturer: maker, Serial: serial}, nil
	}
	var robots []link.Robot
	for _, wait := range discoveries {
		var err error
		if robots, err = asker.Robots(ctx, wait); err != nil {
			return link.Robot{}, err
		}
		if len(robots) > 0 {
			break
		}
	}
	return only(robots, f.Broker)
}
