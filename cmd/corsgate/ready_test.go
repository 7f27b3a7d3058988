//go:build unix

package main

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
)

const (
	anywhere = `[listener.http]
address = "127.0.0.1:0"
ready_path = "/ready"
`
	onlyHere = "[route.all]\nhosts = [\"api.example.com\"]\nrespond = { body = \"here\" }\n"
)

// TestReadiness: who may not come to the admin listener learns at two other addresses whether the gateway is ready, and so does
// a container's health check.
func TestReadiness(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	path := write(t, fmt.Sprintf("%s[admin]\naddress = \"unix:%s\"\nmetrics_address = \"127.0.0.1:0\"\n[timeouts]\nlame_duck = \"10m\"\n%s", anywhere, socket, onlyHere))
	check := func(want int, part string) {
		t.Helper()
		if status, out, errs := command("healthcheck", "--config", path); status != want || !strings.Contains(out+errs, part) {
			t.Errorf("healthcheck: %d %q %q, want %d with %q", status, out, errs, want, part)
		}
	}
	check(1, socket+"/readyz")
	c := begin(t, path)
	c.gateway = "http://" + c.await("listening").Address
	c.await("listening") // admin
	metrics := c.await("listening")
	if metrics.Listener != "metrics" {
		t.Fatalf("%+v, want the listener for metrics", metrics)
	}
	url := "http://" + metrics.Address
	c.want("GET", c.gateway+"/ready", 200, "ready")
	c.want("GET", url+"/readyz", 200, "ready")
	c.want("GET", url+"/healthz", 200, "ok")
	c.want("GET", url+"/metrics", 200, "corsgate_config_generation 1")
	c.want("GET", url+"/config", 404, "")
	c.want("POST", url+"/reload", 404, "")
	check(0, socket+"/readyz: ready")
	// A file that was edited and not loaded is no news of the gateway.
	rewrite(t, path, strings.Replace(string(must(config.Read(path)).Text), "[timeouts]", "[timeout]", 1))
	check(0, "ready")
	c.signal(syscall.SIGTERM)
	c.await("draining")
	until(t, "the gateway is not ready", func() bool { status, _ := c.fetch("GET", c.gateway+"/ready"); return status == 503 })
	c.want("GET", c.gateway+"/ready", 503, "not ready")
	c.want("GET", url+"/readyz", 503, "not ready")
	c.want("GET", url+"/healthz", 200, "ok")
	check(1, "503: not ready")
	c.signal(syscall.SIGTERM)
	c.await("stopping at once")
	c.ends(1)
	check(1, "")
}

func must(s config.Source, err error) config.Source {
	if err != nil {
		panic(err)
	}
	return s
}

// TestMetricsAllow: a reload changes who may ask, and where is for a restart.
func TestMetricsAllow(t *testing.T) {
	text := anywhere + "[admin]\naddress = \"127.0.0.1:0\"\nmetrics_address = \"127.0.0.1:0\"\n" + onlyHere
	path := write(t, text)
	c := spawn(t, path)
	url := "http://" + c.await("listening").Address
	c.want("GET", url+"/readyz", 200, "")
	rewrite(t, path, strings.Replace(text, "metrics_address", "metrics_allow = [\"192.0.2.0/24\"]\nmetrics_address", 1))
	c.want("POST", c.admin+"/reload", 200, "")
	c.want("GET", url+"/readyz", 403, "metrics_allow")
	rewrite(t, path, strings.Replace(text, "metrics_address = \"127.0.0.1:0\"\n", "", 1))
	c.want("POST", c.admin+"/reload", 422, path+":4: admin.metrics_address: ")
	c.signal(syscall.SIGTERM)
	c.ends(0)
}

// TestUpgradeMetrics: a successor answers at the same addresses.
func TestUpgradeMetrics(t *testing.T) {
	u := newUpgrading(t, anywhere+"[admin]\naddress = \"127.0.0.1:0\"\nmetrics_address = \"127.0.0.1:0\"\n"+onlyHere)
	u.listens()
	url := "http://" + u.await("listening").Address
	u.upgrades()
	u.await("stopped")
	u.want("GET", url+"/readyz", 200, "ready")
	u.want("GET", u.admin+"/readyz", 200, "ready")
	u.want("GET", u.gateway+"/ready", 200, "ready")
	u.finish()
}

// TestDashboardIsNamed: what starts says where the dashboard is.
func TestDashboardIsNamed(t *testing.T) {
	c := begin(t, write(t, saying("here")))
	c.await("listening")
	r := c.await("listening")
	if want := "http://" + r.Address + "/"; r.Listener != "admin" || r.Dashboard != want {
		t.Errorf("%+v, want the dashboard %s", r, want)
	}
	c.want("GET", r.Dashboard, 200, "<title>")
	c.signal(syscall.SIGTERM)
	c.ends(0)
}

// TestHealthcheckTimeout: a gateway that does not answer is not waited for.
func TestHealthcheckTimeout(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	path := write(t, fmt.Sprintf("[admin]\naddress = %q\n%s", silent.Addr(), onlyHere))
	if status, _, errs := command("healthcheck", "-c", path, "--timeout", "50ms"); status != 1 || !strings.Contains(errs, "no answer in time") {
		t.Errorf("%d %s", status, errs)
	}
}
