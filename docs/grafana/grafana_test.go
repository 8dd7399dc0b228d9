// Package grafana holds that dashboards, alerts and their documentation speak of metrics that exist.
package grafana

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/vega-edge/vegad/runtime/fleet/exporter"
	"github.com/vega-edge/vegad/runtime/metrics"
)

var (
	metric    = regexp.MustCompile(`\b(?:vegad|process|go)_[a-z0-9_]+`)
	histogram = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// process are metrics of any Go process that dashboards use.
var process = []string{"process_resident_memory_bytes", "process_cpu_seconds_total"}

// known says whether a name in a query is that of a metric, or of a part of a histogram.
func known(names []string, name string) bool {
	base := histogram.ReplaceAllString(name, "")
	return slices.Contains(names, name) || slices.Contains(process, name) ||
		(base == "vegad_stage_duration_seconds" && base != name)
}

// checkQuery holds a query against the metrics that there are, and returns how many it names.
func checkQuery(t *testing.T, names []string, where, query string) int {
	t.Helper()
	found := metric.FindAllString(query, -1)
	for _, name := range found {
		if !known(names, name) {
			t.Errorf("%s: there is no metric %s", where, name)
		}
	}
	return len(found)
}

// board is what is read of a dashboard.
type board struct {
	UID        string
	Panels     []panel
	Templating struct {
		List []struct {
			Name  string
			Query any // text, or an object with the query
		}
	}
}

type panel struct {
	ID      int
	Type    string
	Title   string
	GridPos struct{ X, Y, W, H int }
	Targets []struct{ Expr, RefID string }
}

func TestDashboards(t *testing.T) {
	for file, names := range map[string][]string{"robot.json": metrics.Names(), "fleet.json": exporter.Names()} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var b board
		if err := json.Unmarshal(data, &b); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		count := 0
		for _, v := range b.Templating.List {
			count += checkQuery(t, names, file+", variable "+v.Name, fmt.Sprint(v.Query))
		}
		for i := range b.Panels {
			count += checkPanel(t, names, file, b.Panels, i)
		}
		if count < 15 || b.UID == "" {
			t.Errorf("%s names only %d metrics, uid %q", file, count, b.UID)
		}
	}
}

// checkPanel checks one panel's queries and its place, and returns how many metrics it names.
func checkPanel(t *testing.T, names []string, file string, all []panel, i int) (count int) {
	t.Helper()
	p := all[i]
	for _, target := range p.Targets {
		n := checkQuery(t, names, file+", "+p.Title, target.Expr)
		if n == 0 {
			t.Errorf("%s, %s: %q names no metric", file, p.Title, target.Expr)
		}
		count += n
	}
	if p.Type != "row" && len(p.Targets) == 0 {
		t.Errorf("%s: the panel %s asks nothing", file, p.Title)
	}
	for _, o := range all[:i] {
		a, b := p.GridPos, o.GridPos
		if o.ID == p.ID || (a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H) {
			t.Errorf("%s: %s and %s are in each other's place", file, p.Title, o.Title)
		}
	}
	return count
}

// rules is what is read of a file of alerts.
type rules struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

// TestAlerts holds that every alert names metrics that exist, says what to do, and is tested to fire and to be quiet.
func TestAlerts(t *testing.T) {
	for which, names := range map[string][]string{"robot": metrics.Names(), "fleet": exporter.Names()} {
		tests, err := os.ReadFile(filepath.Join("..", "alerts", which+"_test.yml"))
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join("..", "alerts", which+".yml"))
		if err != nil {
			t.Fatal(err)
		}
		var r rules
		if err := yaml.Unmarshal(data, &r); err != nil {
			t.Fatal(err)
		}
		count := 0
		for _, rule := range r.Groups[0].Rules {
			count++
			if n := checkQuery(t, names, rule.Alert, rule.Expr); n == 0 && rule.Expr != `up{job="vegad"} == 0` {
				t.Errorf("%s names no metric", rule.Alert)
			}
			if rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" || rule.Annotations["action"] == "" {
				t.Errorf("%s does not say how grave it is and what to do", rule.Alert)
			}
			quiet := strings.Contains(string(tests), "alertname: "+rule.Alert+", exp_alerts: []")
			fires := strings.Contains(string(tests), "alertname: "+rule.Alert+"\n        exp_alerts:\n          - ")
			if !quiet || !fires {
				t.Errorf("%s is tested to be quiet %v, to fire %v", rule.Alert, quiet, fires)
			}
		}
		if count < 10 {
			t.Errorf("%s has only %d alerts", which, count)
		}
		checkQuery(t, names, which+"_test.yml", string(tests))
	}
}

// TestMetricsAreDocumented holds the tables of docs/metrics.md against what is declared, in both directions.
func TestMetricsAreDocumented(t *testing.T) {
	data, err := os.ReadFile("../metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	all := append(metrics.Names(), exporter.Names()...)
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9_]+)`").FindAllStringSubmatch(string(data), -1) {
		documented = append(documented, row[1])
		if !slices.Contains(all, row[1]) {
			t.Errorf("there is no metric %s", row[1])
		}
	}
	for _, name := range all {
		if !slices.Contains(documented, name) {
			t.Errorf("%s is not documented", name)
		}
	}
	slices.Sort(documented)
	if n := len(slices.Compact(documented)); n != len(all) {
		t.Errorf("%d metrics are documented, %d exist", n, len(all))
	}
}
