package proxy

import (
	"io"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/ratelimit"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/upstream/balance"
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

func newBenchProxy(tb testing.TB, text string) *Proxy {
	tb.Helper()
	cfg, err := config.Parse("corsgate.toml", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	log, m := slog.New(slog.DiscardHandler), metrics.New()
	s, problems, _ := snapshot.Compile(cfg, nil, m)
	if len(problems) > 0 {
		tb.Fatal(problems)
	}
	p, stores := New(log, m), ratelimit.Stores{Log: log, Metrics: m}
	s.Upstreams.Start(nil, func() {}, log)
	stores.Swap(nil, s.Limits)
	p.Swap(s)
	tb.Cleanup(func() {
		s.Upstreams.Stop(nil)
		stores.Stop(s.Limits, 0)
	})
	return p
}

// newBenchExchange returns an exchange over a request that was parsed, without a connection.
func newBenchExchange(tb testing.TB, g *Proxy, head string) *exchange {
	tb.Helper()
	req := &wire.Request{}
	if _, fault := req.Parse([]byte(head), wire.Limits{HeadBytes: 16 << 10, Fields: 128}); fault != nil {
		tb.Fatal(fault)
	}
	x := newExchange(g, req, nil)
	x.start(&arrival{peer: netip.AddrFrom4([4]byte{192, 0, 2, 1}), on: edge.NewListener("bench", nil), major: 1, now: time.Now()}, false)
	return &x
}

// decide makes x's request pass through begin, as a new one.
func (x *exchange) decide() bool {
	x.route, x.out, x.head = nil, emptied(x.out), emptied(x.head)
	x.find()
	return x.begin()
}

func TestAllocations(t *testing.T) {
	g := newBenchProxy(t, benchConfig)
	uncached := newBenchProxy(t, benchConfig+"\n[cache]\npreflights = 0\n")
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
		forward.head = appendFraming(forward.head, forward.req, 0)
		forward.finish(res)
	})
}

// BenchmarkDecide is what the gateway itself does, between two parsers and without a connection.
func BenchmarkDecide(b *testing.B) {
	g := newBenchProxy(b, benchConfig)
	uncached := newBenchProxy(b, benchConfig+"\n[cache]\npreflights = 0\n")
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
			x.head = appendFraming(x.head, x.req, 0)
			x.finish(res)
		}
	})
}

// BenchmarkAccount is what is paid for having a request counted, measured and logged.
func BenchmarkAccount(b *testing.B) {
	f := func(chosen string) {
		b.Run("access="+chosen, func(b *testing.B) {
			g := newBenchProxy(b, benchConfig+"[log]\naccess = \""+chosen+"\"\n")
			log := access.New(access.Destination{Out: io.Discard}, g.log, 1)
			defer log.Close(b.Context())
			g.LogAccess(log)
			x := newBenchExchange(b, g, actualHead)
			x.record.shard = g.anyShard()
			x.decide()
			e := x.route.Upstream.Pool.Pick(&balance.Choice{})
			b.ReportAllocs()
			for b.Loop() {
				x.status = 200
				x.record.start(x.s.Logged)
				x.record.addBusy(x.now)
				x.record.addBusy(x.now)
				x.account(e, x.now)
			}
		})
	}
	f("off")
	f("errors")
	f("1%")
	f("all")
}

func BenchmarkRequestID(b *testing.B) {
	x := &request{client: client{req: &wire.Request{}}}
	b.ReportAllocs()
	for b.Loop() {
		x.id = x.id[:0]
		x.requestID()
	}
}
