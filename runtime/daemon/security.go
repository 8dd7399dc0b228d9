package daemon

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vega-edge/vegad/runtime/command"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/link/certificate"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// secure reads keys and certificates, and what the last run knew of time and of commands.
func (d *daemon) secure() error {
	keys, err := readKeys(d.cfg.Commands)
	if err != nil {
		return err
	}
	folder := string(d.cfg.Commands.Dir)
	if folder == "" {
		folder = stateFolder()
	}
	if d.clock, err = command.OpenClock(folder, time.Now); err != nil {
		d.log.Warn("the last known time is lost", "err", err)
	}
	d.guard, err = command.Open(command.Config{
		Robot: d.cfg.Identity.Manufacturer + "/" + d.cfg.Identity.SerialNumber, Keys: keys, Folder: folder,
		MaxValidity: d.cfg.Commands.MaxValidity, Clock: d.clock,
	})
	if err != nil {
		d.log.Error("every order will be refused", "err", err)
	}
	d.identity, err = openIdentity(d.cfg, d.clock.Now)
	return err
}

// CheckSecurity reads keys and certificates as Run will, and returns what is wrong with them.
func CheckSecurity(cfg config.Config) error {
	_, keys := readKeys(cfg.Commands)
	_, certificates := openIdentity(cfg, nil)
	return errors.Join(keys, certificates)
}

// identity holds the certificates of the link and of the embedded broker; a nil store is not in use.
type identity struct{ link, broker *certificate.Store }

func openIdentity(cfg config.Config, now func() time.Time) (identity, error) {
	var out identity
	var err error
	if strings.HasPrefix(cfg.Broker.URL, "mqtts://") {
		out.link, err = LinkCertificates(cfg, now)
	}
	if e := cfg.Embedded; err == nil && e.Listen != "" {
		out.broker, err = certificate.Open(certificate.Files{
			Authorities: string(e.ClientCAFile), Certificate: string(e.CertFile), Key: string(e.KeyFile),
		}, now)
	}
	return out, err
}

// LinkCertificates reads the certificates for an encrypted broker. The robot's own must be made out to this robot. The
// clock judges them; nil is time.Now.
func LinkCertificates(cfg config.Config, now func() time.Time) (*certificate.Store, error) {
	b, id := cfg.Broker, cfg.Identity
	store, err := certificate.Open(certificate.Files{
		Authorities: string(b.CAFile), Certificate: string(b.CertFile), Key: string(b.KeyFile),
	}, now)
	if err != nil {
		return nil, fmt.Errorf("broker.caFile, certFile and keyFile: %w", err)
	}
	client := "vegad-" + id.Manufacturer + "-" + id.SerialNumber
	if name := store.CommonName(); b.CertFile != "" && name != id.SerialNumber && name != client {
		return nil, fmt.Errorf("broker.certFile %s is made out to %q: this robot is %q, or %q",
			b.CertFile, name, id.SerialNumber, client)
	}
	return store, nil
}

func (i identity) stores() []*certificate.Store {
	var out []*certificate.Store
	for _, s := range []*certificate.Store{i.link, i.broker} {
		if s != nil {
			out = append(out, s)
		}
	}
	return out
}

func (i identity) refresh() error {
	var errs []error
	for _, s := range i.stores() {
		errs = append(errs, s.Refresh())
	}
	return errors.Join(errs...)
}

// linkTLS returns the configuration for the next connection to the broker.
func (i identity) linkTLS() func() *tls.Config {
	if i.link == nil {
		return nil
	}
	return i.link.Client
}

// brokerTLS returns the configuration of the embedded broker beyond loopback, nil when it does not listen there.
func (i identity) brokerTLS() (*tls.Config, error) {
	if i.broker == nil {
		return nil, nil //nolint:nilnil // it listens on loopback only, and that is fine
	}
	return i.broker.Server()
}

// urgent is how near the end of a certificate is more than a warning.
const urgent = 7 * 24 * time.Hour

// insecurities lists what is wrong with certificates, commands and the camera's being stopped by one.
func (d *daemon) insecurities() []payload.Error {
	var out []payload.Error
	for _, store := range d.identity.stores() {
		for _, e := range store.Expiring(d.cfg.Broker.ExpiryWarning) {
			out = append(out, expiring(e, e.Ends.Sub(d.clock.Now())))
		}
		if err := store.Problem(); err != nil {
			out = append(out, payload.Error{
				ErrorType: "certificate", ErrorLevel: payload.LevelUrgent, ErrorDescription: err.Error(),
				ErrorHint: "the certificates from before stay in use; mend the files",
			})
		}
	}
	if err := d.guard.Damage(); err != nil {
		out = append(out, payload.Error{
			ErrorType: "commands", ErrorLevel: payload.LevelUrgent, ErrorDescription: err.Error(),
			ErrorHint: "every order is refused until commands.json is whole again, or removed by hand",
		})
	}
	if d.stopped.Load() {
		out = append(out, payload.Error{
			ErrorType: "captureStopped", ErrorLevel: payload.LevelWarning,
			ErrorDescription: "a command has stopped the capture: pictures are dropped unseen",
			ErrorHint:        "vegad command send capture.resume",
		})
	}
	return out
}

func expiring(e certificate.Expiry, left time.Duration) payload.Error {
	level, text := payload.LevelWarning, fmt.Sprintf("ends in %d days, at %s", e.Days, e.Ends.UTC().Format(time.RFC3339))
	switch {
	case left <= 0:
		level, text = payload.LevelCritical, "has ended at "+e.Ends.UTC().Format(time.RFC3339)
	case left < urgent:
		level = payload.LevelUrgent
	}
	return payload.Error{
		ErrorType: "certificate", ErrorLevel: level,
		ErrorDescription: fmt.Sprintf("certificate %s of %s %s", e.Subject, e.File, text),
		ErrorHint:        "put a renewed one in its place; no restart is needed",
		ErrorReferences: []payload.ErrorReference{
			{ReferenceKey: "certificate", ReferenceValue: e.File},
			{ReferenceKey: "daysLeft", ReferenceValue: strconv.Itoa(e.Days)},
		},
	}
}
