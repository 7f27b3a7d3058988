package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// TestSlowClientsMakeRoom: slow uploads and slow readers have all connections of an upstream only as long as no one else wants one.
// The next request is served, and one of them is ended for it, which is said.
func TestSlowClientsMakeRoom(t *testing.T) {
	const large = 64 << 20 // more than all buffers in between hold
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/plain" {
			w.WriteHeader(204)
			return
		}
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Length", strconv.Itoa(large))
		io.Copy(w, io.LimitReader(zeros{}, large))
	}))
	for name, request := range map[string]string{
		"uploads":              fmt.Sprintf("POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", large, strings.Repeat("x", 80<<10)),
		"uploads in chunks":    "POST /up HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"readers":              "GET /down HTTP/1.1\r\nHost: h\r\n\r\n",
		"readers of an upload": fmt.Sprintf("POST /down HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", 100<<10, strings.Repeat("x", 100<<10)),
	} {
		t.Run(name, func(t *testing.T) {
			onEngines(t, func(t *testing.T, engine string) {
				g, address := serveOn(t, engine, fmt.Sprintf("[limits]\nbody_bytes = \"1GiB\"\n[upstream.api]\nendpoints = [%q]\nmax_connections = 4\n"+
					"queue_timeout = \"20s\"\nretries = 0\n[route.api]\nupstream = \"api\"\n", url))
				for range 4 {
					c := dial(t, address)
					defer c.Close()
					c.(*net.TCPConn).SetReadBuffer(4 << 10)
					if _, err := io.WriteString(c, request); err != nil {
						t.Fatal(err)
					}
				}
				label := fmt.Sprintf("{endpoint=%q}{upstream=\"api\"}", url)
				counted(t, g, "corsgate_upstream_in_flight"+label, 4)
				c := dial(t, address)
				defer c.Close()
				io.WriteString(c, "GET /plain HTTP/1.1\r\nHost: h\r\n\r\n")
				if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != 204 {
					t.Fatalf("beside them a request is answered %v, %v, want 204", res, err)
				}
				counted(t, g, "corsgate_ended_total{reason=\"slow-client\"}", 1)
				counted(t, g, "corsgate_upstream_in_flight"+label, 3)
				if n := sample(t, g, fmt.Sprintf("corsgate_upstream_failing{endpoint=%q,upstream=\"api\"}", url)); n != 0 {
					t.Error("the endpoint counts as failing")
				}
			})
		})
	}
}

// TestSlowStreamsMakeRoom is TestSlowClientsMakeRoom for streams of HTTP/2: one of them is ended, and not its connection.
func TestSlowStreamsMakeRoom(t *testing.T) {
	const large = 64 << 20
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/plain" {
			w.WriteHeader(204)
			return
		}
		w.Header().Set("Content-Length", strconv.Itoa(large))
		io.Copy(w, io.LimitReader(zeros{}, large))
	}))
	for _, engine := range []string{secure, secureBlocking} {
		t.Run(engine, func(t *testing.T) {
			g, address := serveOn(t, engine, fmt.Sprintf("[upstream.api]\nendpoints = [%q]\nmax_connections = 4\n"+
				"queue_timeout = \"20s\"\nretries = 0\n[route.api]\nupstream = \"api\"\n", url))
			c := frames(t, address, http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
			for id := uint32(1); id < 8; id += 2 {
				c.ask(id, true, ":method", "GET", ":scheme", "https", ":path", "/down", ":authority", "h")
			}
			label := fmt.Sprintf("{endpoint=%q}{upstream=\"api\"}", url)
			counted(t, g, "corsgate_upstream_in_flight"+label, 4)
			c.ask(9, true, ":method", "GET", ":scheme", "https", ":path", "/plain", ":authority", "h")
			if got := c.outcome(9); got != "204" {
				t.Errorf("beside them a request is answered %s, want 204", got)
			}
			counted(t, g, "corsgate_ended_total{reason=\"slow-client\"}", 1)
			counted(t, g, "corsgate_upstream_in_flight"+label, 3)
		})
	}
}

// zeros is content without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
