package gateway_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/pkitest"
	"github.com/corsgate/corsgate/gateway/tooltest"
	"github.com/pires/go-proxyproto"
)

// TestHealthIsTold: what happens to an endpoint is told once each in the log, however many requests pass, and stands
// in the metrics.
func TestHealthIsTold(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		list, urls := wards(t, 3)
		gone := "http://" + tooltest.Refusing(t)
		urls = strings.TrimSuffix(urls, "]") + fmt.Sprintf(", %q]", gone)
		// There are no checks: they might find out the one that is gone.
		text := "[upstream.api]\nendpoints = " + urls + "\nbalance = \"round_robin\"\nretries = 1\n" +
			"[upstream.api.ejection]\nfailures = 2\nbase_time = \"1h\"\n[route.api]\nupstream = \"api\"\n"
		var log lockedBuffer
		g, address := serveLogged(t, parseFor(t, engine, text), &log)
		lines := func() (n int) { return strings.Count(log.String(), "\n") }
		want := func(parts ...string) {
			t.Helper()
			all := strings.Split(strings.TrimSpace(log.String()), "\n")
			last := all[len(all)-1]
			for _, part := range parts {
				if !strings.Contains(last, part) {
					t.Errorf("the log ends with %s, want %q", last, parts)
				}
			}
		}
		requests := func(n int) {
			t.Helper()
			for range n {
				askAlone(t, g, address, "/")
			}
		}
		healthy := func(url string) float64 {
			return sample(t, g, fmt.Sprintf(`corsgate_upstream_healthy{endpoint=%q,upstream="api"}`, url))
		}
		ejections := func(url string) float64 {
			return sample(t, g, fmt.Sprintf(`corsgate_upstream_ejections_total{endpoint=%q,upstream="api"}`, url))
		}
		retries := func() float64 { return sample(t, g, `corsgate_upstream_retries_total{upstream="api"}`) }
		before := lines()
		if retries() != 0 || healthy(gone) != 1 || ejections(gone) != 0 {
			t.Error("there was a failure before the first request")
		}
		requests(8) // two for each endpoint: those to the one that is gone are made again
		until(t, "it is ejected", func() bool { return healthy(gone) == 0 })
		requests(50)
		if n := lines() - before; n != 1 {
			t.Errorf("%d lines, want one:\n%s", n, log.String())
		}
		want("endpoint ejected", "upstream=api", "endpoint="+gone, `reason="requests failed in a row"`, "for=1h0m0s")
		if r, e := retries(), ejections(gone); r != 2 || e != 1 || healthy(list[0].url) != 1 || ejections(list[0].url) != 0 {
			t.Errorf("%v retries and %v ejections, want 2 and 1; the others' health %v", r, e, healthy(list[0].url))
		}

		// What is known stays over a reload that does not touch the upstream, and is not told again.
		if err := g.Reload(parseFor(t, engine, text+"path = \"/\"\nbody_bytes = \"1KiB\"\n")); err != nil {
			t.Fatal(err)
		}
		if healthy(gone) != 0 {
			t.Error("a reload has forgotten an ejection")
		}
		requests(20)
		if n := lines() - before; n != 2 { // the reload's
			t.Errorf("%d lines, want two:\n%s", n, log.String())
		}
		// One that changes it begins anew; here without the endpoint that is gone, and checking often.
		text = strings.Replace(strings.Replace(text, "[upstream.api.ejection]", checkedOften+"[upstream.api.ejection]", 1), fmt.Sprintf(", %q", gone), "", 1)
		if err := g.Reload(parseFor(t, engine, text)); err != nil {
			t.Fatal(err)
		}
		before = lines()
		list[1].turn(t, g, true)
		requests(50)
		if n := lines() - before; n != 1 {
			t.Errorf("%d lines, want one:\n%s", n, log.String())
		}
		want("endpoint ejected", "endpoint="+list[1].url, `reason="health check: status 503"`)
		list[1].turn(t, g, false)
		requests(50)
		if n := lines() - before; n != 2 {
			t.Errorf("%d lines, want two:\n%s", n, log.String())
		}
		want("endpoint is back in use", "endpoint="+list[1].url)
	})
}

// TestHealthOverReloads: a reload keeps what checks have found, and the checks, of an upstream that it does not
// change; of one that it changes nothing is known.
func TestHealthOverReloads(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		list, urls := wards(t, 2)
		text := "[upstream.api]\nendpoints = " + urls + "\n" + checkedOften + "[route.api]\nupstream = \"api\"\n"
		g, address := serveOn(t, engine, text)
		list[0].turn(t, g, true)
		for i := range 5 {
			if err := g.Reload(parseFor(t, engine, text+fmt.Sprintf("body_bytes = %d\n", i))); err != nil {
				t.Fatal(err)
			}
			if usable(t, g, list[0]) {
				t.Fatal("a reload has forgotten what a check had found")
			}
			if body := askAlone(t, g, address, "/"); body != "b" {
				t.Errorf("%s answers", body)
			}
		}
		n := list[0].checks.Load()
		until(t, "it is checked further", func() bool { return list[0].checks.Load() > n+3 })
		list[0].turn(t, g, false)
		// No checks, so that nothing is found out after the reload.
		list[0].turn(t, g, true)
		if err := g.Reload(parseFor(t, engine, strings.Replace(text, checkedOften, "", 1))); err != nil {
			t.Fatal(err)
		}
		if !usable(t, g, list[0]) {
			t.Error("what was known of an upstream that has changed is still believed")
		}
	})
}

// TestHealthOfSecureEndpoints: checks speak to an endpoint as requests do: by TLS with the configured authority, name
// and certificate, after a PROXY header where one is to be sent. They show what requests would meet.
func TestHealthOfSecureEndpoints(t *testing.T) {
	ca, other := pkitest.NewAuthority(t, "ours"), pkitest.NewAuthority(t, "other")
	dir := t.TempDir()
	pkitest.Replace(t, filepath.Join(dir, "ca.pem"), ca.PEM)
	pkitest.Replace(t, filepath.Join(dir, "other.pem"), other.PEM)
	cert, key := ca.Issue(t, "gateway").Write(t, dir, "gateway")
	authority := fmt.Sprintf("tls_ca = %q\n", filepath.Join(dir, "ca.pem"))
	shown := fmt.Sprintf("tls_cert = %q\ntls_key = %q\n", cert, key)
	const name, proxy = "tls_server_name = \"api.internal\"\n", "send_proxy_protocol = true\n"
	f := func(well bool, speaksProxy bool, keys string) {
		t.Helper()
		asked := make(chan string, 1000)
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "ok") // the client will see
			select {
			case asked <- r.URL.Path + " of " + r.TLS.ServerName + " by " + r.TLS.PeerCertificates[0].DNSNames[0]:
			default:
			}
		}))
		if speaksProxy {
			s.Listener = &proxyproto.Listener{Listener: s.Listener, ConnPolicy: func(proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
				return proxyproto.REQUIRE, nil
			}}
		}
		s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, "api.internal").TLS(t)}, ClientCAs: ca.Pool, ClientAuth: tls.RequireAndVerifyClientCert}
		s.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail
		s.StartTLS()
		defer func() { s.CloseClientConnections(); s.Close() }()
		// Checks succeed again and again, or fail: an endpoint that they find well once more has been asked.
		text := fmt.Sprintf("[upstream.api]\nendpoints = [%q]\nretries = 0\n%s%s[route.api]\nupstream = \"api\"\n", s.URL, keys, checkedOften)
		g, address := serveOn(t, blocking, text)
		state := func() string {
			e := g.Upstreams()[0].Endpoints[0]
			return e.Unhealthy
		}
		if !well {
			until(t, "a check fails", func() bool { return state() != "" })
			if res, _ := ask(t, address, "GET", "/"); res.StatusCode != 502 { // all are out, so all are used
				t.Errorf("%s: checks fail (%s), but a request is answered %s", keys, state(), res.Status)
			}
			return
		}
		for range 3 {
			if got := <-asked; got != "/healthz of api.internal by gateway" {
				t.Errorf("%s: asked for %s", keys, got)
			}
		}
		if s := state(); s != "" {
			t.Errorf("%s: %s", keys, s)
		}
		if res, _ := ask(t, address, "GET", "/"); res.StatusCode != 200 {
			t.Errorf("%s: checks succeed, but a request is answered %s", keys, res.Status)
		}
	}
	f(true, false, authority+shown+name)
	f(true, true, authority+shown+name+proxy)
	f(false, false, authority+shown+name+proxy) // to one that expects none
	f(false, true, authority+shown+name)
	f(false, false, authority+shown) // its certificate is not for 127.0.0.1
	f(false, false, authority+name)  // it wants a certificate
	f(false, false, shown+name)      // nobody knows its authority
	f(false, false, strings.Replace(authority, "ca.pem", "other.pem", 1)+shown+name)
}

// TestCheckOfAConnection: with path = "" a connection is all that is asked for: it has to be accepted.
func TestCheckOfAConnection(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := doubleOn(t, ln, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"})
	text := fmt.Sprintf("[upstream.api]\nendpoints = [%q]\n%spath = \"\"\n[route.api]\nupstream = \"api\"\n", d.url(), checkedOften)
	g, _ := serveOn(t, looped, text)
	healthy := func() float64 {
		return sample(t, g, fmt.Sprintf(`corsgate_upstream_healthy{endpoint=%q,upstream="api"}`, d.url()))
	}
	until(t, "it is checked", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return len(d.conns) > 3 })
	if healthy() != 1 || len(d.requests()) > 0 {
		t.Errorf("healthy: %v, asked %q", healthy(), d.requests())
	}
	d.stop()
	until(t, "it is out", func() bool { return healthy() == 0 })
}

// TestSlowStartIsSeen: an endpoint that comes back gets a tenth of its share at first.
func TestSlowStartIsSeen(t *testing.T) {
	onEngines(t, func(t *testing.T, engine string) {
		list, urls := wards(t, 2)
		g, address := serveOn(t, engine, "[upstream.api]\nendpoints = "+urls+"\nbalance = \"round_robin\"\nslow_start = \"10h\"\n"+checkedOften+
			"[route.api]\nupstream = \"api\"\n")
		counts := func(n int) map[string]int {
			counts := map[string]int{}
			for range n {
				counts[askAlone(t, g, address, "/")]++
			}
			return counts
		}
		if n := counts(20); n["a"] != 10 {
			t.Errorf("at the beginning: %v", n)
		}
		list[0].turn(t, g, true)
		if n := counts(20); n["a"] != 0 {
			t.Errorf("while it is ill: %v", n)
		}
		list[0].turn(t, g, false)
		if n := counts(110); n["a"] != 10 {
			t.Errorf("when it is back: %v, want 10 of 110 at a", n)
		}
	})
}
