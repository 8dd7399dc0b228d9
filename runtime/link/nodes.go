package link

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
)

// nodes are the addresses of one broker: of a single server, or of all servers of a cluster.
type nodes struct {
	all []target

	mu sync.Mutex
	at int
}

// parseNodes reads the addresses. A cluster is encrypted as a whole or not at all, so that nobody can bring a robot to
// speak in the clear by keeping it from the encrypted nodes.
func parseNodes(first string, failover []string, config *tls.Config, fresh func() *tls.Config) (*nodes, error) {
	n := &nodes{}
	for i, broker := range append([]string{first}, failover...) {
		to, err := parseTarget(broker, config)
		if err != nil {
			return nil, err
		}
		if i > 0 && (to.tls == nil) != (n.all[0].tls == nil) {
			return nil, fmt.Errorf("broker address %q: all nodes must be encrypted, or none", to)
		}
		if i > 0 && to.address.User != nil {
			return nil, errors.New("user and password are the same for all nodes: they belong into the first address")
		}
		to.fresh = fresh
		n.all = append(n.all, to)
	}
	return n, nil
}

// current is the node to connect to.
func (n *nodes) current() target {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all[n.at]
}

// move turns to another node, drawn evenly, so that the robots of a node that failed spread over all others.
func (n *nodes) move() {
	if len(n.all) < 2 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at = (n.at + 1 + rand.IntN(len(n.all)-1)) % len(n.all)
}
