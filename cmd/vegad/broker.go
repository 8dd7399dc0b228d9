package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/certificate"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// lineFlags say how to reach a broker.
type lineFlags struct {
	Broker string `default:"mqtt://127.0.0.1:1883" env:"VEGAD_BROKER" help:"The robot's broker."`
	Prefix string `default:"vegad" help:"First level of the topics."`
	CA     string `name:"ca" placeholder:"FILE" env:"VEGAD_CA" help:"Authorities of the broker's certificate, PEM."`
	Cert   string `placeholder:"FILE" env:"VEGAD_CERT" help:"Own certificate, PEM; needs --key."`
	Key    string `placeholder:"FILE" env:"VEGAD_KEY" help:"Key of the certificate, PEM."`
}

// Validate checks the flags that kong cannot.
func (f *lineFlags) Validate() error {
	if (f.Cert == "") != (f.Key == "") {
		return errors.New("--cert and --key belong together")
	}
	if f.CA+f.Cert != "" && (strings.HasPrefix(f.Broker, "mqtt:") || strings.HasPrefix(f.Broker, "tcp:")) {
		return errors.New("--ca and --cert are for encrypted links: the broker must begin with mqtts://")
	}
	return nil
}

// tls is what an encrypted link needs; nil is the system's authorities.
func (f *lineFlags) tls() (*tls.Config, error) {
	if f.CA+f.Cert == "" {
		return nil, nil //nolint:nilnil // nothing is a configuration, too
	}
	store, err := certificate.Open(certificate.Files{Authorities: f.CA, Certificate: f.Cert, Key: f.Key}, nil)
	if err != nil {
		return nil, err
	}
	return store.Client(), nil
}

// password is that of the broker.
func (f *lineFlags) password() string { return os.Getenv("VEGAD_BROKER_PASSWORD") }

// brokerFlags say how to reach a robot, for those who ask and command.
type brokerFlags struct {
	lineFlags
	Robot string `placeholder:"MAKER/SERIAL" env:"VEGAD_ROBOT" help:"Which; needless when there is one."`
}

// Validate checks the flags that kong cannot.
func (f *brokerFlags) Validate() error {
	maker, serial, ok := strings.Cut(f.Robot, "/")
	if f.Robot != "" && (!ok || !payload.ValidID(maker) || !payload.ValidID(serial)) {
		return fmt.Errorf("--robot %q: must be MANUFACTURER/SERIAL, such as acme/0001", f.Robot)
	}
	return f.lineFlags.Validate()
}

// dial connects and selects the named robot, or the only one that is there.
func (f *brokerFlags) dial(ctx context.Context) (*link.Asker, link.Robot, error) {
	security, err := f.tls()
	if err != nil {
		return nil, link.Robot{}, err
	}
	asker, err := link.Dial(ctx, link.AskerConfig{
		Broker: f.Broker, TLS: security, Password: f.password(), Prefix: f.Prefix,
	})
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
