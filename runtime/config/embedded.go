package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// embedded makes sure that the embedded broker never listens beyond this machine without knowing who comes.
func (k *checker) embedded(e Embedded, b Broker) {
	files := []struct {
		key  string
		path Path
	}{{"certFile", e.CertFile}, {"keyFile", e.KeyFile}, {"clientCAFile", e.ClientCAFile}}
	var missing []string
	for _, file := range files {
		if file.path == "" {
			missing = append(missing, "embedded."+file.key)
		} else if e.Listen == "" {
			k.add("embedded."+file.key, "does nothing without listen beside it, such as 0.0.0.0:8883")
		}
	}
	if e.Listen == "" {
		return
	}
	if scheme, err := brokerScheme(b.URL); err == nil && scheme != "embedded" {
		k.add("embedded.listen", "is for the embedded broker, but broker.url names another one")
	}
	if reason := noAddress(e.Listen); reason != "" {
		k.add("embedded.listen", reason)
		return
	}
	if len(missing) > 0 {
		k.add("embedded.listen", fmt.Sprintf("%q can be reached by others, so that the broker must know who comes: set %s",
			clip(e.Listen), strings.Join(missing, ", ")))
	}
}

// noAddress says why the text is no host:port.
func noAddress(text string) string {
	_, port, err := net.SplitHostPort(text)
	n, notNumber := strconv.Atoi(port)
	if err != nil || notNumber != nil || n < 0 || n > 65535 || strings.ContainsAny(text, " /") {
		return fmt.Sprintf("%q is no address: write host:port, such as 0.0.0.0:8883", clip(text))
	}
	return ""
}
