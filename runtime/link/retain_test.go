package link

import (
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/link/broker"
)

func TestRetain(t *testing.T) {
	const topic = "elsewhere/r1/config"
	b, err := broker.Start(t.Context(), broker.Config{Addr: "127.0.0.1:0", Announced: topic, Logger: discard()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	cfg := AskerConfig{Broker: b.URL()}
	_, heard := newListener(t, "vegad", b.URL())
	for _, text := range []string{"told", ""} {
		if err := Retain(t.Context(), cfg, topic, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := Retain(t.Context(), cfg, "elsewhere/r2/config", []byte("x")); err == nil {
		t.Error("what the broker does not allow is no error")
	}
	if err := Retain(t.Context(), cfg, robotTopic("state"), []byte("last")); err != nil {
		t.Fatal(err)
	}
	if got := <-heard; string(got.payload) != "last" {
		t.Errorf("%+v", got)
	}
	for want, bad := range map[string]string{"wildcards": "a/+", "1 to 256 bytes": ""} {
		if err := Retain(t.Context(), cfg, bad, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
