package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/tooltest"
)

// TestRetries: an exchange that failed is made again at another endpoint if nobody can tell the difference; else the
// client is told that it failed. Nothing is answered for an endpoint that has answered.
func TestRetries(t *testing.T) {
	gone := "http://" + tooltest.Refusing(t)
	const get, put = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
	post := strings.Replace(put, "PUT", "POST", 1)
	large := fmt.Sprintf("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", 100<<10, strings.Repeat("x", 100<<10))
	says := func(octets string) func(c *net.TCPConn, r *bufio.Reader) {
		return func(c *net.TCPConn, r *bufio.Reader) {
			if readRequest(r) {
				io.WriteString(c, octets) // the gateway will see
			}
		}
	}
	onEngines(t, func(t *testing.T, engine string) {
		f := func(what, request string, bad func(c *net.TCPConn, r *bufio.Reader), keys string, want int) {
			t.Helper()
			url := gone
			if bad != nil {
				url = conversing(t, bad)
			}
			good := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"})
			g, address := serveOn(t, engine, fmt.Sprintf("[upstream.api]\nendpoints = [%q, %q]\nbalance = \"round_robin\"\nretries = 1\n%s\n"+
				"[upstream.api.ejection]\nfailures = 0\n[route.api]\nupstream = \"api\"\n", url, good.url(), keys))
			var got []int
			for range 2 { // one is for either endpoint
				c := dial(t, address)
				io.WriteString(c, request) // the response shows
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				got = append(got, res.StatusCode)
				c.Close()
			}
			slices.Sort(got)
			retried := 0
			if want == 200 {
				retried = 1
			}
			if n := sample(t, g, `corsgate_upstream_retries_total{upstream="api"}`); !slices.Equal(got, []int{200, want}) || n != float64(retried) || len(good.requests()) != 1+retried {
				t.Errorf("%s: %d, %v retries, %d requests at the good endpoint, want 200 and %d", what, got, n, len(good.requests()), want)
			}
		}
		f("no connection", get, nil, "", 200)
		f("no connection, POST", post, nil, "", 200)
		f("no answer", get, says(""), "", 200)
		f("no answer, PUT", put, says(""), "", 200)
		f("no answer, POST", post, says(""), "", 502) // it may have done what it was asked for
		f("no answer, content that is gone", large, says(""), "", 502)
		f("part of an answer", get, says("HTTP/1.1 20"), "", 502)
		f("nonsense", get, says("NONSENSE\r\n\r\n"), "", 502)
		f("an answer", get, says("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), "", 503)
		f("late", get, func(_ *net.TCPConn, r *bufio.Reader) { io.Copy(io.Discard, r) }, "first_byte_timeout = \"2s\"", 504)
	})
}

// TestRetryBudget: when everything fails, retries do not double the load: of the requests of ten seconds a share may be
// made again, and some few.
func TestRetryBudget(t *testing.T) {
	gone := "http://" + tooltest.Refusing(t)
	onEngines(t, func(t *testing.T, engine string) {
		good := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"})
		g, address := serveOn(t, engine, fmt.Sprintf("[upstream.api]\nendpoints = [%q, %q]\nbalance = \"round_robin\"\nretries = 1\nretry_budget = \"0%%\"\n"+
			"[upstream.api.ejection]\nfailures = 0\n[route.api]\nupstream = \"api\"\n", gone, good.url()))
		counts, start := map[int]int{}, time.Now()
		for range 100 {
			res, _ := ask(t, address, "GET", "/")
			counts[res.StatusCode]++
		}
		if n := sample(t, g, `corsgate_upstream_retries_total{upstream="api"}`); n < 30 || n > float64(30*(1+time.Since(start)/(10*time.Second))) || counts[200] != 50+int(n) || counts[502] != 50-int(n) {
			t.Errorf("%v, %v retries in %v, want 80 times 200, 20 times 502 and 30 retries in each ten seconds", counts, n, time.Since(start))
		}
	})
}

// TestUnixUpstream: a server at a socket of this host is asked like any other, by requests of either engine and by
// checks; if it restarts, what it was asked before does not matter.
func TestUnixUpstream(t *testing.T) {
	dir, err := os.MkdirTemp("", "corsgate") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "api.sock")
	start := func() *double {
		ln, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		return doubleOn(t, ln, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"})
	}
	onEngines(t, func(t *testing.T, engine string) {
		d := start()
		_, address := serveOn(t, engine, "[upstream.api]\nendpoints = [\"unix:"+path+"\"]\nretries = 0\n[upstream.api.ejection]\nfailures = 0\n[route.api]\nupstream = \"api\"\n")
		for range 3 {
			if res, body := ask(t, address, "GET", "/a?b"); res.StatusCode != 200 || body != "ok" {
				t.Errorf("%s %q", res.Status, body)
			}
		}
		c := dial(t, address)
		fmt.Fprintf(c, "POST /old HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", 100<<10, strings.Repeat("x", 100<<10))
		if answer, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(answer), "\r\n\r\nok") {
			t.Errorf("%q, %v", answer, err)
		}
		c.Close()
		seen := d.requests()
		if !strings.HasPrefix(seen[0], "GET /a?b HTTP/1.1\r\nHost: api.example.com\r\n") || !strings.HasPrefix(seen[3], "POST /old HTTP/1.1\r\nHost: localhost\r\n") {
			t.Errorf("it sees %.200q", seen)
		}
		d.stop()
		if res, _ := ask(t, address, "GET", "/"); res.StatusCode != 502 {
			t.Errorf("%s while nobody is there, want 502", res.Status)
		}
		d = start()
		if res, _ := ask(t, address, "GET", "/"); res.StatusCode != 200 {
			t.Errorf("%s when it is back", res.Status)
		}
		d.stop()
	})
	d := start()
	g, _ := serveOn(t, looped, "[upstream.api]\nendpoints = [\"unix:"+path+"\"]\n"+checkedOften+"[route.api]\nupstream = \"api\"\n")
	until(t, "it is checked", func() bool { return len(d.requests()) > 3 })
	if e := g.Upstreams()[0].Endpoints[0]; !e.Usable || !strings.HasPrefix(d.requests()[0], "GET /healthz HTTP/1.1\r\nHost: localhost\r\n") {
		t.Errorf("%+v, asked %q", e, d.requests()[0])
	}
}
