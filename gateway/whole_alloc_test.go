package gateway

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/metrics"
)

// The configuration and the messages are those of package proxy's benchmarks.
const benchConfig = `
[upstream.api]
endpoints = ["http://127.0.0.1:1"]

[cors.app]
origins         = ["https://myapp.com", "https://*.myapp.com"]
methods         = ["PUT", "DELETE"]
request_headers = ["Authorization", "X-Request-ID"]
expose_headers  = ["ETag"]
max_age         = "24h"

[route.api]
path     = "/api"
cors     = "app"
upstream = "api"
`

// logAll has every request logged.
const logAll = "[log]\naccess = \"all\"\n"

// What a browser sends, as far as it matters.
const (
	usualFields = "Host: api.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0\r\n" +
		"Accept: */*\r\nAccept-Language: en\r\nAccept-Encoding: gzip, deflate, br\r\nReferer: https://myapp.com/\r\n" +
		"Sec-Fetch-Mode: cors\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Dest: empty\r\nConnection: keep-alive\r\n"
	preflightHead = "OPTIONS /api/users HTTP/1.1\r\n" + usualFields + "Origin: https://myapp.com\r\n" +
		"Access-Control-Request-Method: DELETE\r\nAccess-Control-Request-Headers: authorization\r\n\r\n"
	deniedHead = "OPTIONS /api/users HTTP/1.1\r\n" + usualFields + "Origin: https://evil.example\r\n" +
		"Access-Control-Request-Method: DELETE\r\nAccess-Control-Request-Headers: authorization\r\n\r\n"
	actualHead   = "GET /api/users?page=2 HTTP/1.1\r\n" + usualFields + "Origin: https://myapp.com\r\nAuthorization: Bearer x\r\n\r\n"
	responseHead = "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: application/json\r\n" +
		"Vary: Accept-Encoding\r\nCache-Control: no-store\r\nETag: \"x\"\r\nContent-Length: 2\r\n\r\n"
)

// wholeGateway serves g and an upstream on loopback, and returns a connection to g.
func wholeGateway(tb testing.TB, logs bool) net.Conn {
	tb.Helper()
	up := answering(tb)
	cfg, err := config.Parse("corsgate.toml", []byte(strings.Replace(benchConfig+logAll, "127.0.0.1:1", up, 1)))
	if err != nil {
		tb.Fatal(err)
	}
	g, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	if logs {
		g.LogAccess(access.Destination{Out: io.Discard})
	}
	g.Attach(edge.NewListener("bench", ln), &cfg.Listeners[0])
	served := make(chan error, 1)
	go func() { served <- g.Serve() }()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		c.Close()
		if err := g.Shutdown(tb.Context()); err != nil && tb.Context().Err() == nil {
			tb.Error(err)
		}
		<-served
	})
	return c
}

// answering returns the address of an upstream that answers each request and allocates nothing for it, until the test ends. A
// request comes to it in one piece, and there is one at a time on a connection.
func answering(tb testing.TB) string {
	tb.Helper()
	up, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := up.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				response := []byte(responseHead + "{}")
				buf := make([]byte, 16<<10)
				for {
					if _, err := c.Read(buf); err != nil {
						return
					}
					if _, err := c.Write(response); err != nil {
						return
					}
				}
			}()
		}
	}()
	tb.Cleanup(func() { up.Close(); <-ended })
	return up.Addr().String()
}

// roundTrip sends head and reads a response with length octets of content.
func roundTrip(tb testing.TB, c net.Conn, r *bufio.Reader, head []byte, length int) {
	if _, err := c.Write(head); err != nil {
		tb.Fatal(err)
	}
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			tb.Fatal(err)
		}
		if len(line) == 2 {
			break
		}
	}
	if _, err := r.Discard(length); err != nil && err != io.EOF {
		tb.Fatal(err)
	}
}

// TestWholeAllocations counts what all goroutines allocate for an exchange over sockets: the
// gateway, and the client and the upstream of this test, which need nothing. Every request is
// logged.
func TestWholeAllocations(t *testing.T) {
	c := wholeGateway(t, true)
	r := bufio.NewReader(c)
	f := func(name, head string, length int) {
		t.Helper()
		octets := []byte(head)
		for range 10 {
			roundTrip(t, c, r, octets, length)
		}
		if got := testing.AllocsPerRun(200, func() { roundTrip(t, c, r, octets, length) }); got > 0 {
			t.Errorf("%s: %v allocations, want none", name, got)
		}
	}
	f("preflight", preflightHead, 0)
	f("denied preflight", deniedHead, len("CORS preflight refused: origin-not-allowed\n"))
	f("forwarded", actualHead, 2)
}

// BenchmarkExchange is a whole exchange over loopback connections, one at a time: mostly the
// kernel, and the waking of goroutines.
func BenchmarkExchange(b *testing.B) {
	c := wholeGateway(b, false)
	r := bufio.NewReader(c)
	for name, x := range map[string]struct {
		head   string
		length int
	}{
		"request=preflight": {preflightHead, 0},
		"request=denied":    {deniedHead, len("CORS preflight refused: origin-not-allowed\n")},
		"request=actual":    {actualHead, 2},
	} {
		b.Run(name, func(b *testing.B) {
			head := []byte(x.head)
			b.ReportAllocs()
			for b.Loop() {
				roundTrip(b, c, r, head, x.length)
			}
		})
	}
}

// BenchmarkObserve is what a histogram costs a request: alone, and with every core at the same one.
func BenchmarkObserve(b *testing.B) {
	h := metrics.New().Route("route", "", "").Duration
	b.Run("cores=1", func(b *testing.B) {
		for b.Loop() {
			h.Observe(.0007)
		}
	})
	b.Run("cores=all", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				h.Observe(.0007)
			}
		})
	})
}
