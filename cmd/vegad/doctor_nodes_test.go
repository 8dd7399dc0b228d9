package main

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/config"
)

func TestDoctorTriesEveryNode(t *testing.T) {
	cfg := config.Default()
	cfg.Broker.URL = startBroker(t)
	cfg.Broker.Failover = []string{startBroker(t), "mqtt://127.0.0.1:1"}
	found := tryNodes(t.Context(), cfg.Broker, &tls.Config{MinVersion: tls.VersionTLS12})
	if len(found) != 2 || found[0].Health != healthOK || found[1].Health != healthWarn {
		t.Fatalf("%+v", found)
	}
	if !strings.Contains(found[1].Detail, "127.0.0.1:1") || !strings.Contains(found[1].Fix, "fail over") {
		t.Errorf("%+v", found[1])
	}
}

func TestAnotherBrokerHasOtherNodes(t *testing.T) {
	file := writeFile(t, "vegad.yaml", "broker: {url: 'mqtt://a:1', failover: ['mqtt://b:1']}\n")
	for broker, nodes := range map[string]int{"": 1, "mqtt://c:1": 0, "embedded": 0} {
		cfg, err := settings{Config: file, Broker: broker}.load()
		if err != nil || len(cfg.Broker.Failover) != nodes {
			t.Errorf("--broker %q: %v, %v", broker, cfg.Broker.Failover, err)
		}
	}
}
