package linktest

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// NATS is a cluster of NATS servers that speak MQTT, each a process of its own with its own folder.
type NATS struct {
	tb      testing.TB
	command func(conf string) *exec.Cmd
	nodes   []*natsNode
}

// NATSNode is the configuration of a node, and what it says of its ports and its log.
type NATSNode struct {
	Conf, Log     string // files
	MQTT, Monitor string // ports
}

type natsNode struct {
	NATSNode
	cmd *exec.Cmd
}

// StartNATS starts a cluster of so many nodes and returns when every one of them takes MQTT clients. VEGAD_NATS names
// the program; without it the test is skipped.
func StartNATS(tb testing.TB, nodes int) *NATS {
	tb.Helper()
	program := os.Getenv("VEGAD_NATS")
	if program == "" {
		tb.Skip("VEGAD_NATS does not name a nats-server: type make faults, which builds one")
	}
	routes := make([]string, nodes)
	for i := range routes {
		routes[i] = FreePort(tb)
	}
	files := make([]NATSNode, nodes)
	for i := range files {
		files[i] = configure(tb, i, routes)
	}
	return StartNATSNodes(tb, files, func(conf string) *exec.Cmd { return exec.Command(program, "-c", conf) })
}

// StartNATSNodes starts nodes that are configured, by a command for the name of the file.
func StartNATSNodes(tb testing.TB, files []NATSNode, command func(conf string) *exec.Cmd) *NATS {
	tb.Helper()
	n := &NATS{tb: tb, command: command}
	for _, file := range files {
		n.nodes = append(n.nodes, &natsNode{NATSNode: file})
	}
	tb.Cleanup(func() {
		for i := range n.nodes {
			n.Kill(i)
		}
		if tb.Failed() {
			n.tell()
		}
	})
	for i := range n.nodes {
		n.start(i)
	}
	for i := range n.nodes {
		n.await(i)
	}
	return n
}

func configure(tb testing.TB, i int, routes []string) NATSNode {
	tb.Helper()
	dir := tb.TempDir()
	node := NATSNode{
		Conf: filepath.Join(dir, "nats.conf"), Log: filepath.Join(dir, "nats.log"),
		MQTT: FreePort(tb), Monitor: FreePort(tb),
	}
	urls := make([]string, len(routes))
	for j, port := range routes {
		urls[j] = "nats://127.0.0.1:" + port
	}
	text := fmt.Sprintf(`server_name: n%d
listen: "127.0.0.1:%s"
http: "127.0.0.1:%s"
log_file: %q
jetstream { store_dir: %q, max_mem: 64MB, max_file: 1GB, sync_interval: always }
mqtt { listen: "127.0.0.1:%s", ack_wait: "5s", max_ack_pending: 8000, stream_replicas: %d, consumer_replicas: %d,
  consumer_memory_storage: true }
cluster { name: hub, listen: "127.0.0.1:%s", routes: [%s] }
`, i, FreePort(tb), node.Monitor, node.Log, dir, node.MQTT, len(routes), len(routes), routes[i],
		strings.Join(urls, ", "))
	if err := os.WriteFile(node.Conf, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return node
}

func (n *NATS) start(i int) {
	n.tb.Helper()
	node := n.nodes[i]
	node.cmd = n.command(node.Conf)
	if err := node.cmd.Start(); err != nil {
		n.tb.Fatal(err)
	}
}

// await returns when a node calls itself healthy, which it does when it has caught up with the others.
func (n *NATS) await(i int) {
	n.tb.Helper()
	Within(n.tb, 2*time.Minute, fmt.Sprintf("NATS node %d", i), func() bool { return n.healthy(i) })
	awaitPort(n.tb, "NATS", n.nodes[i].MQTT)
}

// Kill ends a node as a power cut would. It may be called again.
func (n *NATS) Kill(i int) {
	if cmd := n.nodes[i].cmd; cmd != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// Restart starts a node again after Kill and returns when it has caught up.
func (n *NATS) Restart(i int) {
	n.tb.Helper()
	n.start(i)
	n.await(i)
}

// Addrs are where the nodes take MQTT clients, beginning with node first.
func (n *NATS) Addrs(first int) []string {
	out := make([]string, 0, len(n.nodes))
	for i := range n.nodes {
		out = append(out, "127.0.0.1:"+n.nodes[(first+i)%len(n.nodes)].MQTT)
	}
	return out
}

// Pids are those of the nodes' processes.
func (n *NATS) Pids() []int {
	out := make([]int, 0, len(n.nodes))
	for _, node := range n.nodes {
		out = append(out, node.cmd.Process.Pid)
	}
	return out
}

// tell prints the ends of the logs.
func (n *NATS) tell() {
	for _, node := range n.nodes {
		data, _ := os.ReadFile(node.Log)
		n.tb.Logf("%s:\n%s", node.Log, data[max(0, len(data)-3000):])
	}
}

func (n *NATS) healthy(i int) bool {
	client := http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	reply, err := client.Get("http://127.0.0.1:" + n.nodes[i].Monitor + "/healthz")
	if err != nil {
		return false
	}
	_ = reply.Body.Close()
	return reply.StatusCode == http.StatusOK
}
