package daemon

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/vega-edge/vegad/runtime/homeassistant"
	"github.com/vega-edge/vegad/runtime/link"
)

// announcedFile, in the state directory, holds the topic on which the robot was announced to Home Assistant, so that
// the announcement can be taken back.
const announcedFile = "homeassistant"

const (
	homeEvery = time.Second // between two looks at the link
	homeAgain = time.Minute // after a broker did not take the announcement
)

// announced is the topic of the announcement, and empty when there is to be none.
func (d *daemon) announced() string {
	if !d.cfg.HomeAssistant.Announced() {
		return ""
	}
	return homeassistant.Topic(d.cfg.HomeAssistant.Prefix, d.cfg.Identity.Manufacturer, d.cfg.Identity.SerialNumber)
}

// announceHome tells Home Assistant of the robot on every new connection to the broker, which may have forgotten it,
// and takes back what was announced by an earlier configuration, until ctx ends. A broker that does not allow it is no
// reason to stop.
func (d *daemon) announceHome(ctx context.Context) error {
	topic, former := d.announced(), formerlyAnnounced()
	if former == topic {
		former = ""
	}
	if topic == "" && former == "" {
		return nil
	}
	tick := time.NewTicker(homeEvery)
	defer tick.Stop()
	var told uint64 // the connection on which it was told
	var next time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			s := d.link.Stats()
			if !s.Connected || s.Connections == told || now.Before(next) {
				continue
			}
		}
		connection := d.link.Stats().Connections
		if err := d.tellHome(ctx, topic, former); err != nil {
			d.log.Warn("Home Assistant is not told of the robot", "err", err)
			next = time.Now().Add(homeAgain)
			continue
		}
		if topic == "" {
			return nil
		}
		told, former = connection, ""
	}
}

// tellHome takes the former announcement back and makes the new one; each may be empty.
func (d *daemon) tellHome(ctx context.Context, topic, former string) error {
	if former != "" {
		if err := d.retain(ctx, former, nil); err != nil {
			return err
		}
		if err := noteAnnounced(topic); err != nil {
			return err
		}
		d.log.Info("Home Assistant's device is taken back", "topic", former)
	}
	if topic == "" {
		return nil
	}
	m := &d.bundle.Manifest
	data, err := homeassistant.Announce(homeassistant.Robot{
		Prefix: d.cfg.Broker.Prefix, Manufacturer: d.cfg.Identity.Manufacturer, Serial: d.cfg.Identity.SerialNumber,
		Version: d.o.Version, Bundle: m.Name + " " + m.Version, Cameras: d.names(),
	})
	if err != nil {
		return err
	}
	if err := noteAnnounced(topic); err != nil { // before it is there: rather one too many is taken back than one too few
		return err
	}
	return d.retain(ctx, topic, data)
}

func (d *daemon) retain(ctx context.Context, topic string, data []byte) error {
	c := link.AskerConfig{
		Broker: d.link.Broker().String(), Username: d.cfg.Broker.Username, Password: d.cfg.Broker.Password.Reveal(),
	}
	if fresh := d.identity.linkTLS(); fresh != nil {
		c.TLS = fresh()
	}
	return link.Retain(ctx, c, topic, data)
}

// formerlyAnnounced is the topic of the last announcement. Without a state directory nobody remembers it.
func formerlyAnnounced() string {
	state := stateFolder()
	if state == "" {
		return ""
	}
	topic, err := os.ReadFile(filepath.Join(state, announcedFile))
	if err != nil {
		return ""
	}
	return string(topic)
}

// noteAnnounced remembers where the announcement is; empty is nowhere.
func noteAnnounced(topic string) error {
	state := stateFolder()
	if state == "" {
		return nil
	}
	file := filepath.Join(state, announcedFile)
	if topic != "" {
		return os.WriteFile(file, []byte(topic), 0o600)
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
