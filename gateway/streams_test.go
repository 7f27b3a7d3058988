//go:build linux

package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
)

// eventStream is an upstream that sends one event, and nothing more until the client has gone, at /events; and 204 elsewhere.
func eventStream(t *testing.T) string {
	t.Helper()
	return newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/events" {
			w.WriteHeader(204)
			return
		}
		w.Header().Set("Content-Type", "Text/Event-Stream; charset=utf-8")
		io.WriteString(w, "data: 1\n\n")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
}

// TestStreamsTakeNoConnections: event streams and WebSockets are not of max_connections, but of max_streams.
func TestStreamsTakeNoConnections(t *testing.T) {
	events, sockets := eventStream(t), webSockets(t, echoAll)
	onEngines(t, func(t *testing.T, engine string) {
		g, address := serveOn(t, engine, fmt.Sprintf(`
			[upstream.api]
			endpoints       = [%q]
			max_connections = 1
			max_queue       = 1 # the place of a response that has just ended may not be free yet
			max_streams     = 3
			[upstream.sockets]
			endpoints       = [%q]
			max_connections = 1
			max_queue       = 1 # the place of a response that has just ended may not be free yet
			max_streams     = 2
			[route.api]
			upstream = "api"
			[route.sockets]
			path     = "/chat"
			upstream = "sockets"`, events, sockets))
		var open []net.Conn
		stream := func(want int) {
			t.Helper()
			c := dial(t, address)
			io.WriteString(c, "GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil || res.StatusCode != want || want == 503 && res.Header.Get("Retry-After") == "" {
				t.Fatalf("an event stream is answered %v, %v, want %d", res, err, want)
			}
			open = append(open, c)
		}
		plain := func() {
			t.Helper()
			c := dial(t, address)
			defer c.Close()
			io.WriteString(c, "GET /plain HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
			if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != 204 {
				t.Fatalf("beside streams a request is answered %v, %v, want 204", res, err)
			}
		}
		for range 3 {
			stream(200)
			plain()
		}
		stream(503)
		plain()
		label := fmt.Sprintf("{endpoint=%q}{upstream=\"api\"}", events)
		counted(t, g, "corsgate_upstream_streams"+label, 3)
		counted(t, g, "corsgate_upstream_in_flight"+label, 0)
		for _, c := range open {
			c.Close()
		}
		counted(t, g, "corsgate_upstream_streams"+label, 0)
		stream(200)

		for i, want := range []int{101, 101, 503} {
			c := dial(t, address)
			defer c.Close()
			io.WriteString(c, "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
			if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != want {
				t.Fatalf("WebSocket %d is answered %v, %v, want %d", i, res, err, want)
			}
		}
		counted(t, g, `corsgate_upstream_failures_total{class="streams"}{upstream="sockets"}`, 1)
	})
}

// TestIdleStreamsDoNotEject: a stream that is silent for too long ends, and that says nothing about its endpoint.
func TestIdleStreamsDoNotEject(t *testing.T) {
	url := eventStream(t)
	onEngines(t, func(t *testing.T, engine string) {
		g, address := serveOn(t, engine, fmt.Sprintf("[upstream.api]\nendpoints = [%q]\n[route.api]\nupstream = \"api\"\nidle_timeout = \"50ms\"\n", url))
		for range 8 {
			c := dial(t, address)
			io.WriteString(c, "GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(res.Body); string(got) != "data: 1\n\n" || err == nil {
				t.Errorf("the stream ends with %q, %v, want the event and a cut", got, err)
			}
			c.Close()
		}
		counted(t, g, `corsgate_ended_total{reason="idle"}`, 8)
		for _, series := range []string{fmt.Sprintf("corsgate_upstream_failing{endpoint=%q,upstream=\"api\"}", url),
			`corsgate_upstream_failures_total{class="cut",upstream="api"}`} {
			if n := sample(t, g, series); n != 0 {
				t.Errorf("%s is %v, want 0", series, n)
			}
		}
	})
}

// TestStreamBounds: whose word bounds the silence of a stream.
func TestStreamBounds(t *testing.T) {
	f := func(text, stream, tunnel string) {
		t.Helper()
		cfg, err := config.Parse("c.toml", []byte(strings.ReplaceAll(text, ";", "\n")))
		if err != nil {
			t.Fatal(err)
		}
		r := &cfg.Routes[0]
		for _, c := range []struct {
			what, want string
			got        config.Bound
		}{{"stream", stream, r.StreamIdle(&cfg.Upstreams[0])}, {"tunnel", tunnel, r.TunnelIdle(&cfg.Timeouts)}} {
			if got := fmt.Sprint(c.got.Time, " ", c.got.Key); got != c.want {
				t.Errorf("%q: a %s is bounded by %s, want %s", text, c.what, got, c.want)
			}
		}
	}
	const up, route = "[upstream.u];endpoints = ['http://127.0.0.1:1'];", "[route.r];upstream = 'u';"
	f(up+route, "5m0s route.r.idle_timeout", "5m0s route.r.idle_timeout")
	f(up+"idle_timeout = '7s';"+route, "7s upstream.u.idle_timeout", "5m0s route.r.idle_timeout")
	f(up+"idle_timeout = '0s';"+route, "0s upstream.u.idle_timeout", "5m0s route.r.idle_timeout")
	f(up+route+"[timeouts];idle = '9s'", "5m0s route.r.idle_timeout", "9s timeouts.idle")
	f(up+"idle_timeout = '7s';"+route+"idle_timeout = '1h';[timeouts];idle = '9s'", "1h0m0s route.r.idle_timeout", "1h0m0s route.r.idle_timeout")
	f(up+route+"idle_timeout = '0s';", "0s route.r.idle_timeout", "0s route.r.idle_timeout")
}

// TestAutoTimeout: a response has to begin in time, counted from the last piece of an upload, and may then take longer.
func TestAutoTimeout(t *testing.T) {
	if config.AutoTimeout != time.Minute {
		t.Errorf("timeout = \"auto\" allows %v, want a minute", config.AutoTimeout)
	}
	cfg, err := config.Parse("c.toml", []byte("[route.r]\nrespond = {}\ntimeout = \"auto\"\n"))
	if err != nil || cfg.Routes[0].Timeout != config.Auto {
		t.Errorf("%v, %v, want auto", cfg.Routes[0].Timeout, err)
	}
	if _, err := config.Parse("c.toml", []byte("[route.r]\nrespond = {}\ntimeout = \"automatic\"\n")); err == nil || !strings.Contains(err.Error(), "c.toml:3: route.r.timeout:") {
		t.Errorf("automatic: %v, want an error at c.toml:3", err)
	}
}
