package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
)

const overloadConfig = `
[limits]
in_flight = 20

[cors.app]
origins = ["https://myapp.com"]
methods = ["PUT"]

[upstream.api]
endpoints = ["UPSTREAM"]
max_connections = 100

[route.low]
path     = "/low"
cors     = "app"
upstream = "api"
priority = "low"

[route.normal]
path     = "/normal"
upstream = "api"

[route.high]
path     = "/high"
upstream = "api"
priority = "high"

[route.fixed]
path    = "/fixed"
respond = { status = 200, body = "fixed" }
priority = "low"
`

// sample returns the value of one series.
func sample(t testing.TB, g *gateway.Gateway, series string) float64 {
	t.Helper()
	for _, line := range metric(g, series) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("there is no %s", series)
	return 0
}

// A slowServer keeps every request to /…/wait waiting until it is told.
type slowServer struct {
	*httptest.Server
	arrived, release chan struct{}
}

func newSlowServer(t *testing.T) *slowServer {
	s := &slowServer{arrived: make(chan struct{}, 100), release: make(chan struct{})}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/wait") {
			s.arrived <- struct{}{}
			<-s.release
		}
		io.WriteString(w, "ok")
	}))
	t.Cleanup(s.Close)
	return s
}

// TestShed: the less a route matters the earlier it is shed, by what is in flight in all. What the
// gateway answers by itself is answered.
func TestShed(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			s := newSlowServer(t)
			g, address := serveOn(t, engine, strings.ReplaceAll(overloadConfig, "UPSTREAM", s.URL))
			held := 0.0
			waiting := func(path string, n int) (all []clientConn) {
				held += float64(n)
				for range n {
					c := dial(t, address)
					fmt.Fprintf(c, "GET %s/wait HTTP/1.1\r\nHost: h\r\n\r\n", path)
					<-s.arrived
					all = append(all, c)
				}
				return all
			}
			status := func(text string, want int) {
				t.Helper()
				c := dial(t, address)
				defer c.Close()
				io.WriteString(c, text)
				res, err := http.ReadResponse(bufio.NewReader(c), nil)
				if err != nil {
					t.Fatalf("%q: %v", text, err)
				}
				if res.StatusCode != want {
					t.Errorf("%q: %d, want %d", text, res.StatusCode, want)
				}
				if after := res.Header.Get("Retry-After"); (after != "") != (want == 503) {
					t.Errorf("%q: Retry-After: %q", text, after)
				}
				// A response may be here before its request has left.
				until(t, "the request has left", func() bool { return sample(t, g, `corsgate_in_flight`) == held })
			}
			const low, normal, high = "GET /low HTTP/1.1\r\nHost: h\r\nOrigin: https://myapp.com\r\n\r\n", "GET /normal HTTP/1.1\r\nHost: h\r\n\r\n", "GET /high HTTP/1.1\r\nHost: h\r\n\r\n"
			all := waiting("/low", 12)
			status(low, 503)
			status(normal, 200)
			// A client may have its response before the exchange is over.
			left := func() { counted(t, g, `corsgate_in_flight`, len(all)) }
			left()
			all = append(all, waiting("/normal", 4)...)
			status(normal, 503)
			status(high, 200)
			left()
			all = append(all, waiting("/high", 4)...)
			status(high, 503)
			status("GET /fixed HTTP/1.1\r\nHost: h\r\n\r\n", 200)
			status("GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n", 404)
			status("OPTIONS /low HTTP/1.1\r\nHost: h\r\nOrigin: https://myapp.com\r\nAccess-Control-Request-Method: PUT\r\n\r\n", 204)
			counted(t, g, `corsgate_shed_total{reason="in-flight"}`, 3)
			if got := sample(t, g, `corsgate_in_flight`); got != 20 {
				t.Errorf("%v are in flight, want 20", got)
			}
			// A page can read that it was shed.
			c := dial(t, address)
			io.WriteString(c, low)
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil || res.Header.Get("Access-Control-Allow-Origin") != "https://myapp.com" {
				t.Errorf("%v, %v", res, err)
			}
			close(s.release)
			for _, c := range all {
				if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != 200 {
					t.Errorf("what was accepted: %v, %v", res, err)
				}
			}
			until(t, "nothing is in flight", func() bool { return sample(t, g, `corsgate_in_flight`) == 0 })
			held = 0
			status(low, 200)
		})
	}
}

// TestShedCounts: whatever becomes of a request, it is not in flight after that.
func TestShedCounts(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			d := newDouble(t, reply{octets: "nonsense\r\n\r\n", closes: true})
			g, address := serveOn(t, engine, strings.ReplaceAll(overloadConfig, "UPSTREAM", d.url()))
			for _, text := range []string{
				"GET /low HTTP/1.1\r\nHost: h\r\n\r\n",                                   // 502
				"POST /low HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nbad", // content
				"POST /low HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab",           // cut
				"POST /low HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\nab", // 413
				"GET /low HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
			} {
				c := dial(t, address)
				io.WriteString(c, text)
				c.CloseWrite()
				io.Copy(io.Discard, c)
				c.Close()
			}
			until(t, "nothing is in flight", func() bool { return sample(t, g, `corsgate_in_flight`) == 0 })
		})
	}
}

// TestShedMemory: with hardly any memory left as GOMEMLIMIT says, only high priority passes.
func TestShedMemory(t *testing.T) {
	s := newSlowServer(t)
	kept := make([]byte, 8<<20)
	runtime.GC()
	before := debug.SetMemoryLimit(8 << 20)
	defer debug.SetMemoryLimit(before)
	g, address := serveOn(t, looped, strings.ReplaceAll(overloadConfig, "UPSTREAM", s.URL))
	f := func(path string, want int) {
		t.Helper()
		c := dial(t, address)
		defer c.Close()
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
		if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != want {
			t.Errorf("%s: %v, %v, want %d", path, res, err, want)
		}
	}
	until(t, "memory is short", func() bool {
		c := dial(t, address)
		defer c.Close()
		io.WriteString(c, "GET /normal HTTP/1.1\r\nHost: h\r\n\r\n")
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		return err == nil && res.StatusCode == 503
	})
	f("/low", 503)
	f("/normal", 503)
	f("/high", 200)
	f("/fixed", 200)
	if sample(t, g, `corsgate_shed_total{reason="memory"}`) < 3 {
		t.Error("it was not counted")
	}
	runtime.KeepAlive(kept)
}

// TestFailuresAreSaid: that an upstream fails is in the log, and not once for each request.
func TestFailuresAreSaid(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		var out safeBuffer
		_, address := serveLogged(t, parseFor(t, engine, "[upstream.down]\nendpoints = [\"http://127.0.0.1:1\"]\n[route.a]\nupstream = \"down\"\n"), &out)
		c := dial(t, address)
		r := bufio.NewReader(c)
		start := time.Now()
		const requests = 50
		for range requests {
			io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			if res, err := http.ReadResponse(r, nil); err != nil || res.StatusCode != 502 && res.StatusCode != 503 {
				t.Fatalf("%v, %v", res, err)
			} else {
				io.Copy(io.Discard, res.Body)
			}
		}
		if n := strings.Count(out.String(), `"upstream failed"`); n == 0 || n > 1+int(time.Since(start)/time.Second) {
			t.Errorf("%s: %d lines for %d requests:\n%s", engine, n, requests, out.String())
		}
	}
}

// TestShedMultiplexed: a request of HTTP/2 or HTTP/3 is shed as another is.
func TestShedMultiplexed(t *testing.T) {
	multiplexed(t, func(t *testing.T, engine string) {
		s := newSlowServer(t)
		text := strings.NewReplacer("UPSTREAM", s.URL, "in_flight = 20", "in_flight = 1").Replace(overloadConfig)
		g, address := serveOn(t, engine, text)
		client := multiplexedClient(t, engine)
		first := make(chan int, 1)
		go func() {
			res, err := client.RoundTrip(mustRequest("GET", "https://"+address+"/high/wait"))
			if err != nil {
				first <- 0
				return
			}
			res.Body.Close()
			first <- res.StatusCode
		}()
		<-s.arrived
		res := do(t, client, "GET", "https://"+address+"/low", nil, "Origin", "https://myapp.com")
		if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || res.Header.Get("Access-Control-Allow-Origin") != "https://myapp.com" {
			t.Errorf("%v, want a shared 503 with Retry-After", res.Response)
		}
		if res := do(t, client, "GET", "https://"+address+"/fixed", nil); res.StatusCode != 200 {
			t.Errorf("what needs nobody else: %s", res.Status)
		}
		counted(t, g, `corsgate_shed_total{reason="in-flight"}`, 1)
		close(s.release)
		if status := <-first; status != 200 {
			t.Errorf("what was accepted: %d", status)
		}
		until(t, "nothing is in flight", func() bool { return sample(t, g, `corsgate_in_flight`) == 0 })
		if res := do(t, client, "GET", "https://"+address+"/low", nil); res.StatusCode != 200 {
			t.Errorf("afterwards: %s", res.Status)
		}
	})
}

func mustRequest(method, url string) *http.Request {
	r, err := http.NewRequest(method, url, nil)
	if err != nil {
		panic(err)
	}
	return r
}
