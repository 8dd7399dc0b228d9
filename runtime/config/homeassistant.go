package config

import "regexp"

// HomeAssistant has Home Assistant, from 2024.11 on, find the robot by itself.
type HomeAssistant struct {
	// Whether the robot is announced: off or on. Turned off, the announcement is taken back.
	Discovery string `yaml:"discovery" default:"off" oneof:"off on"`
	// First level of the announcement's topic, which Home Assistant calls its discovery prefix.
	Prefix string `yaml:"prefix" default:"homeassistant" required:"true" pattern:"[A-Za-z0-9_-]{1,64}"`
}

// Announced says whether Home Assistant is told of the robot.
func (h HomeAssistant) Announced() bool { return h.Discovery == "on" }

// announceable is what Home Assistant allows in the topics of announcements.
var announceable = regexp.MustCompile(`^[A-Za-z0-9_-]*$`)

// homeAssistant holds names that are announced against what a discovery topic allows.
func (k *checker) homeAssistant(c Config) {
	if !c.HomeAssistant.Announced() {
		return
	}
	for _, name := range []struct{ key, text string }{
		{"identity.manufacturer", c.Identity.Manufacturer}, {"identity.serialNumber", c.Identity.SerialNumber},
	} {
		if !announceable.MatchString(name.text) {
			k.add(name.key, "may hold only letters, digits, _ and - while homeAssistant.discovery is on")
		}
	}
}
