package config

import (
	"fmt"
	"net"
	"strconv"
)

// noPage is the word for a robot without a page.
const noPage = "off"

// minToken is the least length of the page's token, in bytes.
const minToken = 16

// Served says whether there is a page at all.
func (d Dashboard) Served() bool { return d.Listen != noPage }

func (k *checker) dashboard(d Dashboard) {
	if d.Listen == "" || !d.Served() {
		return
	}
	local, ok := addressOf(d.Listen)
	if !ok {
		k.add("dashboard.listen", fmt.Sprintf("%q is no address: write host:port, or off", clip(d.Listen)))
		return
	}
	if !local && d.TokenFile == "" {
		k.add("dashboard.tokenFile", "is missing: "+clip(d.Listen)+" can be reached from outside")
	}
	if (d.CertFile == "") != (d.KeyFile == "") {
		k.add("dashboard", "certFile and keyFile belong together: one of them is missing")
	}
}

// addressOf reads host:port and says whether only this machine can reach it; ok is false for what is no address.
func addressOf(listen string) (local, ok bool) {
	host, port, err := net.SplitHostPort(listen)
	n, notNumber := strconv.Atoi(port)
	if err != nil || notNumber != nil || n < 0 || n > 65535 {
		return false, false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback()), true
}

// readToken fills in the token of the page.
func (c *Config) readToken(k *checker) {
	if c.Dashboard.TokenFile == "" || !c.Dashboard.Served() {
		return
	}
	token, err := readPrivate(string(c.Dashboard.TokenFile))
	if err != nil {
		k.add("dashboard.tokenFile", err.Error())
		return
	}
	if len(token) < minToken {
		k.add("dashboard.tokenFile", fmt.Sprintf("holds %d characters, at least %d are needed", len(token), minToken))
	}
	c.Dashboard.Token = Secret{token}
}
