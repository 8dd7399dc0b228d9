package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The bill of this very test program must name what it is made of, each once, and hang together.
func TestSBOM(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	got := vegad(t, "version", "--sbom", program)
	var doc spdx
	if err := json.Unmarshal([]byte(got.out), &doc); err != nil || got.code != exitDone {
		t.Fatalf("%+v, %v", got, err)
	}
	versions, ids := make(map[string]string), make(map[string]bool)
	for _, p := range doc.Packages {
		if _, twice := versions[p.Name]; twice || ids[p.SPDXID] {
			t.Errorf("%s is there twice", p.Name)
		}
		versions[p.Name], ids[p.SPDXID] = p.Version, true
	}
	for _, name := range []string{"github.com/alecthomas/kong", "go.etcd.io/bbolt", "go"} {
		if v := versions[name]; v == "" || !strings.ContainsAny(v, "0123456789") {
			t.Errorf("%s has version %q", name, v)
		}
	}
	if len(doc.Relationships) != len(doc.Packages) || doc.Relationships[0].Kind != "DESCRIBES" {
		t.Errorf("%d relationships of %d packages", len(doc.Relationships), len(doc.Packages))
	}
	for _, r := range doc.Relationships {
		if from := ids[r.From] || r.From == doc.SPDXID; !ids[r.To] || !from {
			t.Errorf("%+v names what is not there", r)
		}
	}
	if got := vegad(t, "version", "--sbom", "/dev/null"); got.code != exitFailed {
		t.Errorf("%+v", got)
	}
}
