package broker

import (
	"strings"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// accessHook lets everybody connect, because only this machine can, and denies every topic that is not listed.
type accessHook struct {
	mqtt.HookBase
	prefixes []string // first levels of the topics that may be read and written, with a slash at the end
}

// ID names the hook in the log.
func (*accessHook) ID() string { return "access" }

// Provides says which calls of the broker the hook answers.
func (*accessHook) Provides(call byte) bool {
	return call == mqtt.OnConnectAuthenticate || call == mqtt.OnACLCheck
}

// OnConnectAuthenticate accepts.
func (*accessHook) OnConnectAuthenticate(*mqtt.Client, packets.Packet) bool { return true }

// OnACLCheck decides about a topic that is published or delivered, and about a filter that is subscribed. A filter
// must spell the prefix out: one that begins with a wildcard reaches beyond it.
func (h *accessHook) OnACLCheck(_ *mqtt.Client, topic string, write bool) bool {
	if !write && strings.HasPrefix(topic, "$SYS/") {
		return true
	}
	if shared, ok := strings.CutPrefix(topic, "$share/"); ok && !write {
		_, topic, _ = strings.Cut(shared, "/")
	}
	for _, prefix := range h.prefixes {
		if strings.HasPrefix(topic, prefix) {
			return true
		}
	}
	return false
}
