package gateway

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

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

func newBenchGateway(tb testing.TB, text string) *Gateway {
	tb.Helper()
	cfg, err := config.Parse("corsgate.toml", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	g, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		for _, u := range g.current.Load().Upstreams {
			u.Pool.Stop()
		}
		g.stores.Stop(g.current.Load().Limits, 0)
	})
	return g
}

// newBenchExchange returns an exchange over a request that was parsed, without a connection.
func newBenchExchange(tb testing.TB, g *Gateway, head string) *exchange {
	tb.Helper()
	req := &wire.Request{}
	if _, fault := req.Parse([]byte(head), wire.Limits{HeadBytes: 16 << 10, Fields: 128}); fault != nil {
		tb.Fatal(fault)
	}
	return &exchange{g: g, s: g.current.Load(), req: req, peerText: []byte("192.0.2.1"), now: time.Now(), actual: true}
}

// decide makes x's request pass through begin, as a new one.
func (x *exchange) decide() bool {
	x.route, x.out, x.head = nil, keep(x.out), keep(x.head)
	x.find()
	return x.begin()
}

func TestAllocations(t *testing.T) {
	g := newBenchGateway(t, benchConfig)
	uncached := newBenchGateway(t, benchConfig+"\n[cache]\npreflights = 0\n")
	f := func(name string, want float64, work func()) {
		t.Helper()
		work()
		if got := testing.AllocsPerRun(100, work); got > want {
			t.Errorf("%s: %v allocations, want %v", name, got, want)
		}
	}
	hit := newBenchExchange(t, g, preflightHead)
	f("preflight, cached", 0, func() { hit.decide() })
	computed := newBenchExchange(t, uncached, preflightHead)
	f("preflight, computed", 0, func() { computed.decide() })
	denied := newBenchExchange(t, g, deniedHead)
	f("preflight, denied", 0, func() { denied.decide() })
	forward := newBenchExchange(t, g, actualHead)
	res := &wire.Response{}
	if _, fault := res.Parse([]byte(responseHead), wire.Limits{HeadBytes: 16 << 10, Fields: 128}); fault != nil {
		t.Fatal(fault)
	}
	f("forwarded", 0, func() {
		if forward.decide() {
			t.Fatal("answered")
		}
		forward.frameLength(0)
		forward.finish(res)
	})
}

// BenchmarkDecide is what the gateway itself does, between two parsers and without a connection.
func BenchmarkDecide(b *testing.B) {
	g := newBenchGateway(b, benchConfig)
	uncached := newBenchGateway(b, benchConfig+"\n[cache]\npreflights = 0\n")
	run := func(name string, x *exchange) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.decide()
			}
		})
	}
	run("request=preflight/cache=hit", newBenchExchange(b, g, preflightHead))
	run("request=preflight/cache=off", newBenchExchange(b, uncached, preflightHead))
	run("request=denied/cache=miss", newBenchExchange(b, g, deniedHead))
	run("request=denied/cache=off", newBenchExchange(b, uncached, deniedHead))
	b.Run("request=actual/cache=off", func(b *testing.B) {
		x := newBenchExchange(b, g, actualHead)
		res := &wire.Response{}
		res.Parse([]byte(responseHead), wire.Limits{HeadBytes: 16 << 10, Fields: 128})
		b.ReportAllocs()
		for b.Loop() {
			x.decide()
			x.frameLength(0)
			x.finish(res)
		}
	})
}

// BenchmarkAccount is what is paid for having a request counted, measured and logged.
func BenchmarkAccount(b *testing.B) {
	f := func(chosen string) {
		b.Run("access="+chosen, func(b *testing.B) {
			g := newBenchGateway(b, benchConfig+"[log]\naccess = \""+chosen+"\"\n")
			g.LogAccess(access.Destination{Out: io.Discard})
			defer g.closeAccessLog()
			x := newBenchExchange(b, g, actualHead)
			x.shard = g.anyShard()
			x.peer = netip.MustParseAddr("192.0.2.1")
			x.decide()
			e := x.route.Upstream.Pool.Pick(&upstream.Choice{})
			b.ReportAllocs()
			for b.Loop() {
				x.status = 200
				x.time()
				x.worked(x.now)
				x.worked(x.now)
				x.account(e, x.now)
			}
		})
	}
	f("off")
	f("errors")
	f("1%")
	f("all")
}

// wholeGateway serves g and an upstream on loopback, and returns a connection to g.
func wholeGateway(tb testing.TB, logs bool) net.Conn {
	tb.Helper()
	up, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	go func() {
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
					// A request comes in one piece here, and there is one at a time.
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
	cfg, err := config.Parse("corsgate.toml", []byte("[upstream.api]\nendpoints = [\"http://"+up.Addr().String()+"\"]\n"+benchConfig[len("\n[upstream.api]\nendpoints = [\"http://127.0.0.1:1\"]\n"):]+logAll))
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
		up.Close()
	})
	return c
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

func BenchmarkRequestID(b *testing.B) {
	x := &exchange{req: &wire.Request{}}
	b.ReportAllocs()
	for b.Loop() {
		x.id = x.id[:0]
		x.requestID()
	}
}
