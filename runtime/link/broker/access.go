package broker

import (
	"crypto/tls"
	"slices"
	"strings"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// accessHook denies every topic that is not listed. Clients on this machine may use all of vegad's topics and their
// own. Clients from outside are named by their certificate: they may read vegad's topics, and write only what a robot
// takes in. What is retained, and by whom, is decided here too.
type accessHook struct {
	mqtt.HookBase
	prefix, reply string // first levels of vegad's topics and of its clients' own, with a slash at the end
	announced     string // the topic on which the robot may announce itself elsewhere; empty for none
}

// ID names the hook in the log.
func (*accessHook) ID() string { return "access" }

// Provides says which calls of the broker the hook answers.
func (*accessHook) Provides(call byte) bool {
	switch call {
	case mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPublish, mqtt.OnWill:
		return true
	}
	return false
}

// OnConnectAuthenticate lets in who is on this machine, or has a certificate. A client from outside gets a client id of
// its own: it cannot take over the session of another one. Its last will is held to the rules for any other message
// here, because the broker will not ask again.
func (h *accessHook) OnConnectAuthenticate(cl *mqtt.Client, pk packets.Packet) bool {
	if cl.Net.Listener != outsideID {
		return true
	}
	user := commonName(cl)
	if user == "" {
		return false
	}
	cl.Properties.Username = []byte(user)
	cl.ID = user + "/" + cl.ID
	return !pk.Connect.WillFlag || h.outside(user, pk.Connect.WillTopic, true)
}

// commonName returns the name in the certificate of a client, empty when it is not fit to be a level of a topic.
func commonName(cl *mqtt.Client) string {
	conn, ok := cl.Net.Conn.(*tls.Conn)
	if !ok {
		return ""
	}
	peers := conn.ConnectionState().PeerCertificates
	if len(peers) == 0 {
		return ""
	}
	name := peers[0].Subject.CommonName
	if len(name) > 64 || strings.ContainsAny(name, "/+#$\x00") {
		return ""
	}
	return name
}

// OnACLCheck decides about a topic that is published or delivered, and about a filter that is subscribed. A filter
// must spell the prefix out: one that begins with a wildcard reaches beyond it.
func (h *accessHook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	if shared, ok := strings.CutPrefix(topic, "$share/"); ok && !write {
		_, topic, _ = strings.Cut(shared, "/")
	}
	if cl.Net.Listener == outsideID {
		return h.outside(string(cl.Properties.Username), topic, write)
	}
	if !write && strings.HasPrefix(topic, "$SYS/") {
		return true
	}
	return strings.HasPrefix(topic, h.prefix) || strings.HasPrefix(topic, h.reply) || h.announces(topic, write)
}

// announces allows to write the announcement, and to read whatever lies below its first level.
func (h *accessHook) announces(topic string, write bool) bool {
	if h.announced == "" || write {
		return write && topic == h.announced
	}
	first, _, _ := strings.Cut(h.announced, "/")
	return strings.HasPrefix(topic, first+"/")
}

// outside decides about a client that came with a certificate.
func (h *accessHook) outside(user, topic string, write bool) bool {
	if !write {
		return strings.HasPrefix(topic, h.prefix) || strings.HasPrefix(topic, h.reply+user+"/") ||
			h.announces(topic, write)
	}
	below, ok := h.below(topic)
	if !ok {
		return false
	}
	switch below[0] {
	case "ask", "watch", "command":
		return len(below) == 1
	case "receipt":
		return len(below) == 2 && below[1] == user
	}
	return false
}

// below returns the levels of a topic below {prefix}/v1/{manufacturer}/{serialNumber}/.
func (h *accessHook) below(topic string) ([]string, bool) {
	rest, ok := strings.CutPrefix(topic, h.prefix+"v1/")
	levels := strings.Split(rest, "/")
	if !ok || len(levels) < 3 {
		return nil, false
	}
	return levels[2:], true
}

// retainable reports whether the contract has messages on the topic retained.
func (h *accessHook) retainable(topic string) bool {
	if h.announces(topic, true) {
		return true
	}
	below, ok := h.below(topic)
	if !ok {
		return false
	}
	if len(below) == 2 {
		return below[0] == "watch"
	}
	return len(below) == 1 && slices.Contains([]string{"connection", "factsheet", "state"}, below[0])
}

// OnPublish passes messages on, but keeps only those that the contract has retained.
func (h *accessHook) OnPublish(_ *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if pk.FixedHeader.Retain && !h.retainable(pk.TopicName) {
		pk.FixedHeader.Retain = false
	}
	return pk, nil
}

// OnWill does the same for a last will.
func (h *accessHook) OnWill(_ *mqtt.Client, will mqtt.Will) (mqtt.Will, error) {
	will.Retain = will.Retain && h.retainable(will.TopicName)
	return will, nil
}
