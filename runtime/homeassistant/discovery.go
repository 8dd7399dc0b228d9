// Package homeassistant tells Home Assistant what a robot's messages mean, so that the robot appears there as a device
// without anybody writing YAML.
//
// It is MQTT discovery as Home Assistant has it since 2024.11: one retained message describes the device and all its
// entities, and every entity reads the messages that the robot sends anyway.
package homeassistant

import (
	"encoding/json"
	"fmt"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// DefaultPrefix is the discovery prefix of a Home Assistant that nobody has set up otherwise.
const DefaultPrefix = "homeassistant"

// Robot is what is announced.
type Robot struct {
	Prefix       string // first level of the robot's own topics
	Manufacturer string
	Serial       string
	Version      string   // of vegad
	Bundle       string   // name and version
	Cameras      []string // their names
	PageURL      string   // of its page; empty tells none
}

// Topic is where the announcement belongs, below a discovery prefix. Manufacturer and serial number may hold only
// letters, digits, _ and - there, which is less than vegad allows.
func Topic(prefix, manufacturer, serial string) string {
	return prefix + "/device/vegad_" + manufacturer + "/" + serial + "/config"
}

// announcement is the message, in Home Assistant's words.
type announcement struct {
	Device       device            `json:"device"`
	Origin       origin            `json:"origin"`
	Availability []availability    `json:"availability"`
	Components   map[string]entity `json:"components"`
}

type device struct {
	Identifiers  []string `json:"identifiers"`
	Name         string   `json:"name"`
	Manufacturer string   `json:"manufacturer"`
	Model        string   `json:"model"`
	SerialNumber string   `json:"serial_number"`
	Version      string   `json:"sw_version"`
	PageURL      string   `json:"configuration_url,omitempty"`
}

type origin struct {
	Name    string `json:"name"`
	Version string `json:"sw_version"`
	URL     string `json:"support_url"`
}

// availability maps the robot's word to Home Assistant's: everything but ONLINE is offline there, a broken connection
// too.
type availability struct {
	Topic    string `json:"topic"`
	Template string `json:"value_template"`
}

// entity is a sensor.
type entity struct {
	Platform   string   `json:"platform"`
	UniqueID   string   `json:"unique_id"`
	Name       string   `json:"name"`
	Class      string   `json:"device_class,omitempty"`
	Category   string   `json:"entity_category,omitempty"`
	StateClass string   `json:"state_class,omitempty"`
	Unit       string   `json:"unit_of_measurement,omitempty"`
	Precision  int      `json:"suggested_display_precision,omitempty"`
	Icon       string   `json:"icon,omitempty"`
	Options    []string `json:"options,omitempty"`
	Topic      string   `json:"state_topic"`
	Template   string   `json:"value_template"`
	Attributes string   `json:"json_attributes_topic,omitempty"`
	Picked     string   `json:"json_attributes_template,omitempty"`
}

// Announce writes the message for a robot.
func Announce(r Robot) ([]byte, error) {
	id := "vegad_" + r.Manufacturer + "_" + r.Serial
	root := r.Prefix + "/v1/" + r.Manufacturer + "/" + r.Serial + "/"
	a := announcement{
		Device: device{
			Identifiers: []string{id}, Name: r.Manufacturer + " " + r.Serial, Manufacturer: r.Manufacturer,
			Model: "vegad " + r.Bundle, SerialNumber: r.Serial, Version: r.Version, PageURL: r.PageURL,
		},
		Origin: origin{Name: "vegad", Version: r.Version, URL: "https://github.com/vega-edge/vegad"},
		Availability: []availability{{
			Topic:    root + "connection",
			Template: "{{ 'online' if value_json.connectionState == '" + string(payload.Online) + "' else 'offline' }}",
		}},
		Components: make(map[string]entity),
	}
	for key, e := range entities(r.Cameras) {
		e.UniqueID, e.Topic = id+"_"+key, root+e.Topic
		if e.Attributes != "" {
			e.Attributes = root + e.Attributes
		}
		a.Components[key] = e
	}
	data, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("writing the announcement for Home Assistant: %w", err)
	}
	return data, nil
}
