package payload

import "fmt"

// ConnectionState says whether the robot can be reached.
type ConnectionState string

// The states of a connection, spelled as in VDA 5050 3.0.
const (
	Online           ConnectionState = "ONLINE"
	Offline          ConnectionState = "OFFLINE"           // vegad was stopped in order
	ConnectionBroken ConnectionState = "CONNECTION_BROKEN" // the broker's last will: vegad vanished
)

// Connection is the retained message on the topic connection.
type Connection struct {
	Header
	ConnectionState ConnectionState `json:"connectionState"`
	// SessionID differs for every connection. A last will that arrives late can so be told from a new one: it carries
	// the session that broke, not the one that followed.
	SessionID string `json:"sessionId"`
}

// DecodeConnection reads a robot's connection state.
func DecodeConnection(data []byte) (Connection, error) {
	var c Connection
	if _, err := decode(data, &c); err != nil {
		return Connection{}, fmt.Errorf("reading a connection: %w", err)
	}
	switch c.ConnectionState {
	case Online, Offline, ConnectionBroken:
		return c, nil
	}
	return Connection{}, fmt.Errorf("reading a connection: state %.40q is unknown", string(c.ConnectionState))
}
