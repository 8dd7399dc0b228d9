package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestHelp(t *testing.T) {
	t.Setenv("COLUMNS", "100")
	for _, args := range [][]string{
		{},
		{"run"},
		{"demo"},
		{"ask"},
		{"check"},
		{"doctor"},
		{"bench"},
		{"eval"},
		{"cameras", "list"},
		{"cameras", "probe"},
		{"model", "show"},
		{"model", "verify"},
		{"model", "sign"},
		{"model", "install"},
		{"model", "activate"},
		{"model", "budget"},
		{"fleet", "watch"},
		{"fleet", "sim"},
		{"engine", "build"},
		{"engine", "clean"},
		{"fleet", "export"},
		{"fleet", "serve"},
		{"quantize"},
		{"room", "render"},
		{"room", "describe"},
		{"schema"},
		{"version"},
		{"completion"},
	} {
		name := strings.Join(append([]string{"help"}, args...), "-")
		t.Run(name, func(t *testing.T) {
			got := vegad(t, append(args, "--help")...)
			if got.code != exitDone || got.err != "" {
				t.Errorf("exit code %d, stderr %q", got.code, got.err)
			}
			golden := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(golden, []byte(got.out), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.out); diff != "" {
				t.Errorf("the help changed (go test ./cmd/vegad -run TestHelp -update accepts it):\n%s", diff)
			}
		})
	}
}

func TestUsageErrors(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"unknown command":     {[]string{"fly"}, "unexpected argument fly"},
		"unknown flag":        {[]string{"run", "--fast"}, "unknown flag --fast"},
		"no question":         {[]string{"ask"}, "<question>"},
		"bad scope":           {[]string{"ask", "--scope", "later", "where"}, "--scope must be one of"},
		"bad robot":           {[]string{"ask", "--robot", "acme", "where"}, "MANUFACTURER/SERIAL"},
		"wildcard robot":      {[]string{"ask", "--robot", "+/#", "where"}, "MANUFACTURER/SERIAL"},
		"no timeout":          {[]string{"ask", "--timeout", "0s", "where"}, "must lie between"},
		"bad duration":        {[]string{"run", "--for", "soon"}, "--for"},
		"negative duration":   {[]string{"run", "--for=-1s"}, "must not be negative"},
		"bad precision":       {[]string{"run", "--precision", "fp8"}, `"fp8" is none of auto, fp32, fp16, int8`},
		"bad provider":        {[]string{"run", "--provider", "tpu"}, `"tpu" is none of`},
		"bad broker":          {[]string{"run", "--broker", "http://x"}, "is no broker"},
		"bad camera":          {[]string{"run", "--camera", "video0"}, "did you mean /dev/video0"},
		"demo too short":      {[]string{"demo", "--seconds", "0.5"}, "must lie between"},
		"demo's bad camera":   {[]string{"demo", "--camera", "3", "--bundle", tinyBundle(t)}, "ambiguous"},
		"film without name":   {[]string{"room", "render"}, "--out"},
		"film of odd size":    {[]string{"room", "render", "--out", "a.mp4", "--width", "33"}, "even"},
		"endless film":        {[]string{"room", "render", "--out", "a.mp4", "--seconds", "1e300"}, "must be between 1 and"},
		"film of no length":   {[]string{"room", "render", "--out", "a.mp4", "--seconds", "NaN"}, "must be between 1 and"},
		"unknown topic":       {[]string{"schema", "weather"}, `topic "weather" has no schema`},
		"probe of a number":   {[]string{"cameras", "probe", "0"}, "did you mean /dev/video0"},
		"unknown doctor flag": {[]string{"doctor", "--broker", "x"}, "is no broker"},
	} {
		t.Run(name, func(t *testing.T) {
			got := vegad(t, c.args...)
			if got.code != exitUsage {
				t.Errorf("exit code %d, want %d", got.code, exitUsage)
			}
			wantContains(t, "stderr", got.err, c.want, "vegad --help")
		})
	}
}

func TestBareCommandShowsHelp(t *testing.T) {
	got := vegad(t)
	if got.code != exitUsage {
		t.Errorf("exit code %d, want %d", got.code, exitUsage)
	}
	wantContains(t, "stdout", got.out, "Usage: vegad <command>", "demo")
}

func TestSchema(t *testing.T) {
	topics := strings.Fields(vegad(t, "schema").out)
	if len(topics) < 9 {
		t.Fatalf("only %q have schemas", topics)
	}
	for _, topic := range topics {
		got := vegad(t, "schema", topic)
		var schema map[string]any
		if err := json.Unmarshal([]byte(got.out), &schema); err != nil || got.code != exitDone {
			t.Errorf("schema %s: exit code %d, %v", topic, got.code, err)
		}
		if schema["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
			t.Errorf("schema %s says $schema %v", topic, schema["$schema"])
		}
	}
	var listed []string
	if err := json.Unmarshal([]byte(vegad(t, "schema", "--json").out), &listed); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(topics, listed); diff != "" {
		t.Error(diff)
	}
}

func TestVersion(t *testing.T) {
	version = "v1.2.3"
	t.Cleanup(func() { version = "" })
	wantContains(t, "stdout", vegad(t, "version").out, "vegad v1.2.3 (go1.", "linux/")
	var info versionInfo
	if err := json.Unmarshal([]byte(vegad(t, "version", "--json").out), &info); err != nil {
		t.Fatal(err)
	}
	if info.Version != "v1.2.3" || info.Go == "" || info.Platform == "" {
		t.Errorf("%+v", info)
	}
}
