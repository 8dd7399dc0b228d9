package config

import "fmt"

// Metrics tell Prometheus how the robot does, on the path /metrics. Beyond loopback they go with the page, which has
// the token and the certificate.
type Metrics struct {
	// Where they are served: auto is on the page and, without a page, on 127.0.0.1:8421; host:port is an address of their
	// own, on loopback; off.
	Listen string `yaml:"listen" default:"auto" required:"true"`
}

// withoutPage is where metrics are served when there is no page.
const withoutPage = "127.0.0.1:8421"

// MetricsOnPage says whether the page serves the metrics.
func (c Config) MetricsOnPage() bool { return c.Metrics.Listen == "auto" && c.Dashboard.Served() }

// MetricsAddress is the address where the metrics are served beside the page, and empty if they are not.
func (c Config) MetricsAddress() string {
	switch {
	case c.Metrics.Listen == "off", c.MetricsOnPage():
		return ""
	case c.Metrics.Listen == "auto":
		return withoutPage
	}
	return c.Metrics.Listen
}

func (k *checker) metrics(m Metrics) {
	if m.Listen == "" || m.Listen == "auto" || m.Listen == "off" {
		return
	}
	local, ok := addressOf(m.Listen)
	switch {
	case !ok:
		k.add("metrics.listen", fmt.Sprintf("%q is no address: write host:port, auto or off", clip(m.Listen)))
	case !local:
		k.add("metrics.listen", clip(m.Listen)+" can be reached from outside: write auto and set dashboard.listen, "+
			"tokenFile and certFile")
	}
}
