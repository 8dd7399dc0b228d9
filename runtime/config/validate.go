package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/vega-edge/vegad/camera"
)

// Validate checks everything that can be checked without files: ranges, words, and what must fit together. Its error
// is of type Problems.
func (c Config) Validate() error { return c.problems(places{}).orNil() }

func (c Config) problems(known places) Problems {
	k := checker{places: known}
	k.structure(reflect.ValueOf(c), "")
	k.cameras(c.Cameras)
	k.broker(c.Broker)
	k.embedded(c.Embedded, c.Broker)
	k.dashboard(c.Dashboard)
	k.metrics(c.Metrics)
	k.homeAssistant(c)
	return k.found
}

// checker collects problems; the places tell which file to blame.
type checker struct {
	places places
	found  Problems
}

// add reports a problem, unless the value could not even be read: that has been reported.
func (k *checker) add(path, reason string) {
	if k.places[path].unread {
		return
	}
	k.found = append(k.found, k.places.problem(path, reason))
}

// structure holds every field against the rules of its tags.
func (k *checker) structure(v reflect.Value, path string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if key := f.Tag.Get("yaml"); key != "-" {
			k.field(v.Field(i), rulesOf(f), join(path, key))
		}
	}
}

func (k *checker) field(v reflect.Value, r rules, path string) {
	switch v.Kind() {
	case reflect.Struct:
		k.structure(v, path)
		return
	case reflect.Pointer:
		if !v.IsNil() {
			k.structure(v.Elem(), path)
		}
		return
	}
	_, present := k.places[path]
	if reason := r.broken(v, present); reason != "" {
		k.add(path, reason)
		return
	}
	for i := 0; v.Kind() == reflect.Slice && i < v.Len(); i++ {
		if v.Index(i).Kind() == reflect.Struct {
			k.structure(v.Index(i), fmt.Sprintf("%s[%d]", path, i))
		}
	}
}

func (k *checker) cameras(cameras []Camera) {
	first := map[string]int{}
	for i, c := range cameras {
		path := fmt.Sprintf("cameras[%d]", i)
		if earlier, again := first[c.Name]; again && c.Name != "" {
			k.add(path+".name", fmt.Sprintf("%q is the name of cameras[%d] already", clip(c.Name), earlier))
		} else {
			first[c.Name] = i
		}
		if _, err := camera.ParseURI(c.URI); err != nil && k.sound(path+".uri") {
			k.add(path+".uri", err.Error())
		}
		if c.Calibration != nil {
			k.calibration(*c.Calibration, path+".calibration")
		}
	}
}

// calibration makes sure that either the file is named or all the numbers are there, and that they fit together.
func (k *checker) calibration(c Calibration, path string) {
	if c.File != "" {
		for _, key := range keysOf(reflect.TypeFor[Calibration]())[1:] {
			if _, present := k.places[path+"."+key]; present {
				k.add(path+"."+key, "stands beside file: give the file or the numbers, not both")
			}
		}
		return
	}
	needed := map[string]float64{"width": float64(c.Width), "height": float64(c.Height), "fx": c.Fx, "fy": c.Fy}
	for key, v := range needed {
		if v == 0 {
			k.add(path+"."+key, "must be positive, in pixels, when no file is given")
		}
	}
	if !k.sound(path) {
		return
	}
	if _, err := c.load(); err != nil {
		k.add(path, err.Error())
	}
}

// sound tells whether nothing at the path or below has been reported yet.
func (k *checker) sound(path string) bool {
	for _, p := range k.found {
		if strings.HasPrefix(p.Path, path) {
			return false
		}
	}
	for at, p := range k.places {
		if p.unread && strings.HasPrefix(at, path) {
			return false
		}
	}
	return true
}

func (k *checker) broker(b Broker) {
	if b.URL == "" {
		return // reported as missing
	}
	scheme, err := brokerScheme(b.URL)
	if err != nil {
		k.add("broker.url", err.Error())
		return
	}
	files := map[string]Path{"caFile": b.CAFile, "certFile": b.CertFile, "keyFile": b.KeyFile}
	for key, path := range files {
		if path != "" && scheme != "mqtts" {
			k.add("broker."+key, "is for encrypted links: the broker's url must begin with mqtts://")
		}
	}
	if (b.CertFile == "") != (b.KeyFile == "") {
		k.add("broker", "certFile and keyFile belong together: one of them is missing")
	}
	if b.PasswordFile != "" && b.Username == "" {
		k.add("broker.passwordFile", "needs a username beside it")
	}
	k.failover(b.Failover, scheme)
}

// failover holds that the further nodes are as the first one.
func (k *checker) failover(nodes []string, scheme string) {
	for i, node := range nodes {
		path := fmt.Sprintf("broker.failover[%d]", i)
		other, err := brokerScheme(node)
		switch {
		case err != nil:
			k.add(path, err.Error())
		case scheme == "embedded":
			k.add(path, "the embedded broker has no other nodes: the broker's url must begin with mqtt:// or mqtts://")
		case other != scheme:
			k.add(path, fmt.Sprintf("all nodes are reached as the broker's url is: it must begin with %s://", scheme))
		}
	}
}

// brokerScheme returns "embedded", "mqtt" or "mqtts".
func brokerScheme(text string) (string, error) {
	const want = "write embedded, embedded:port, mqtt://host:port or mqtts://host:port"
	if text == "embedded" {
		return text, nil
	}
	if port, ok := strings.CutPrefix(text, "embedded:"); ok {
		if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
			return "", fmt.Errorf("%q names no port: %s", clip(text), want)
		}
		return "embedded", nil
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "mqtt" && u.Scheme != "mqtts") {
		return "", fmt.Errorf("%q is no broker: %s", clip(withoutUser(text)), want)
	}
	if u.User != nil {
		return "", errors.New("secrets do not belong in the url: use username and passwordFile")
	}
	host, port, err := net.SplitHostPort(u.Host)
	n, notNumber := strconv.Atoi(port)
	if err != nil || host == "" || notNumber != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("%q names no host and port: %s", clip(text), want)
	}
	if u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%q has something after the port: %s", clip(text), want)
	}
	return u.Scheme, nil
}

// withoutUser keeps a password out of messages.
func withoutUser(text string) string {
	if i := strings.LastIndex(text, "@"); i >= 0 {
		return text[i+1:]
	}
	return text
}
