package deploy_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/tooltest"
	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"
)

// This file checks what asks for metrics: Prometheus's rules and Grafana's dashboard.

// fullName is where a prometheus.Desc shows its name.
var fullName = regexp.MustCompile(`fqName: "([^"]+)"`)

// described returns the names of all metrics that a gateway can have, whatever its configuration.
func described(t *testing.T) (names []string) {
	t.Helper()
	cfg, err := config.Parse("corsgate.toml", []byte("[route.all]\nrespond = {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	g.LogAccess(access.Destination{Out: os.Stderr})
	defer g.Shutdown(t.Context()) // there are no requests
	descs := make(chan *prometheus.Desc)
	go func() { g.Registry().Describe(descs); close(descs) }()
	for d := range descs {
		names = append(names, fullName.FindStringSubmatch(d.String())[1])
	}
	// Those of a gateway in a fleet are made by the command, where a test asks for them.
	names = append(names, "corsgate_fleet_revision", "corsgate_fleet_wanted_revision", "corsgate_fleet_kept_revision", "corsgate_fleet_connected")
	slices.Sort(names)
	return slices.Compact(names)
}

// known returns what an expression can ask for: the metrics of a gateway, with those that histograms are made of, and what
// Prometheus itself adds.
func known(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{"up": true}
	for _, name := range described(t) {
		for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
			if suffix == "" || strings.HasSuffix(name, "_seconds") && !strings.HasPrefix(name, "process_") {
				names[name+suffix] = true
			}
		}
	}
	return names
}

var metric = regexp.MustCompile(`\b(corsgate|process|go)_[a-z0-9_]+\b|\bup\b`)

// checkMetrics checks that the metrics of an expression exist.
func checkMetrics(t *testing.T, names map[string]bool, where, expr string) {
	t.Helper()
	found := metric.FindAllString(expr, -1)
	if len(found) == 0 {
		t.Errorf("%s asks for no metric: %s", where, expr)
	}
	for _, name := range found {
		if !names[name] {
			t.Errorf("%s asks for %s, which does not exist", where, name)
		}
	}
}

type rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []rule }
	}
	if err := yaml.Unmarshal([]byte(read(t, "prometheus/alerts.yml")), &file); err != nil {
		t.Fatal(err)
	}
	return file.Groups[0].Rules
}

// TestAlerts: each alert asks for what exists, says how bad it is, and has a page that tells what to do.
func TestAlerts(t *testing.T) {
	names := known(t)
	pages := map[string]bool{}
	for _, r := range rules(t) {
		checkMetrics(t, names, r.Alert, r.Expr)
		if s := r.Labels["severity"]; s != "page" && s != "ticket" || r.For == "" || r.Annotations["summary"] == "" {
			t.Errorf("%s lacks a severity, a duration or a summary", r.Alert)
		}
		if want := "deploy/runbooks/" + r.Alert + ".md"; r.Annotations["runbook"] != want {
			t.Errorf("%s: runbook %s, want %s", r.Alert, r.Annotations["runbook"], want)
		}
		page := read(t, "runbooks/"+r.Alert+".md")
		if !strings.HasPrefix(page, "# "+r.Alert+"\n") || !strings.Contains(page, "**Who is affected:**") || !strings.Contains(page, "\n1. ") {
			t.Errorf("the page of %s lacks its title, who is affected, or what to do", r.Alert)
		}
		pages[r.Alert+".md"] = true
	}
	files, err := os.ReadDir("runbooks")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !pages[f.Name()] {
			t.Errorf("runbooks/%s belongs to no alert", f.Name())
		}
	}
}

// TestPromtool: Prometheus takes the rules, and they fire when they should.
func TestPromtool(t *testing.T) {
	promtool := tooltest.Find(t, "promtool")
	run(t, promtool, "check", "config", "prometheus/prometheus.yml")
	run(t, promtool, "check", "rules", "prometheus/alerts.yml")
	run(t, promtool, "test", "rules", "prometheus/alerts_test.yml")
}

// unshown are metrics that are on no panel, with the reason.
var unshown = map[string]string{"corsgate_upstream_checked": "what the dashboard calls an endpoint of which nothing is known"}

// TestGrafana: each panel asks for what exists, none lies on another, and each metric of ours is on one.
func TestGrafana(t *testing.T) {
	var d struct {
		Title, UID string
		Panels     []struct {
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "grafana/corsgate.json")), &d); err != nil {
		t.Fatal(err)
	}
	names, taken, asked := known(t), map[[2]int]string{}, map[string]bool{}
	for _, p := range d.Panels {
		if len(p.Targets) == 0 {
			t.Errorf("panel %s shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			checkMetrics(t, names, "panel "+p.Title, target.Expr)
			for _, name := range metric.FindAllString(target.Expr, -1) {
				asked[strings.TrimSuffix(name, "_bucket")] = true
			}
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("panel %s lies on %s, or beside the page", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
	// And the other way round: nothing is counted that nobody sees.
	for _, name := range described(t) {
		_, why := unshown[name]
		if shown := asked[name]; strings.HasPrefix(name, "corsgate_") && shown == why {
			t.Errorf("%s is on a panel: %t; in the list of what need not be: %t", name, shown, why)
		}
	}
	if len(d.Panels) == 0 || d.UID != "corsgate" {
		t.Errorf("%d panels, uid %s", len(d.Panels), d.UID)
	}
}
