package config

import "testing"

func TestWhereMetricsAreServed(t *testing.T) {
	for _, c := range []struct {
		listen, page string
		onPage       bool
		address      string
	}{
		{"auto", "127.0.0.1:8420", true, ""},
		{"auto", "off", false, "127.0.0.1:8421"},
		{"off", "127.0.0.1:8420", false, ""},
		{"off", "off", false, ""},
		{"localhost:9100", "127.0.0.1:8420", false, "localhost:9100"},
	} {
		cfg := Default()
		cfg.Metrics.Listen, cfg.Dashboard.Listen = c.listen, c.page
		if err := cfg.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		if cfg.MetricsOnPage() != c.onPage || cfg.MetricsAddress() != c.address {
			t.Errorf("%+v: on the page %v, at %q", c, cfg.MetricsOnPage(), cfg.MetricsAddress())
		}
	}
}
