package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/wire"
)

// generous is a limit that no message of the tests reaches by accident.
var generous = wire.Limits{HeadBytes: 64 << 10, Fields: 128}

// A navigation of a page to its API, as Chrome words it.
const browserGet = "GET /api/v1/orders?limit=20&sort=-created HTTP/1.1\r\n" +
	"Host: api.example.net\r\n" +
	"Accept: application/json\r\n" +
	"Accept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Accept-Language: en-GB,en;q=0.9\r\n" +
	"Origin: https://app.example.com\r\n" +
	"Referer: https://app.example.com/\r\n" +
	"Sec-Fetch-Dest: empty\r\n" +
	"Sec-Fetch-Mode: cors\r\n" +
	"Sec-Fetch-Site: cross-site\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\r\n"

const preflightHead = "OPTIONS /api/v1/orders HTTP/1.1\r\n" +
	"Host: api.example.net\r\n" +
	"Accept: */*\r\n" +
	"Access-Control-Request-Headers: authorization,content-type,x-request-id\r\n" +
	"Access-Control-Request-Method: PUT\r\n" +
	"Origin: https://app.example.com\r\n" +
	"Sec-Fetch-Mode: cors\r\n" +
	"Sec-Fetch-Site: cross-site\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\r\n"

const responseHead = "HTTP/1.1 200 OK\r\n" +
	"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" +
	"Content-Type: application/json; charset=utf-8\r\n" +
	"Content-Length: 512\r\n" +
	"Cache-Control: no-store\r\n" +
	"ETag: \"33a64df551425fcc55e4d42a148795d9f25f89d4\"\r\n" +
	"Vary: Accept-Encoding\r\n" +
	"X-Request-Id: 0b6c1d2e-7f3a-4c58-9d10-2f6a1b3c4d5e\r\n\r\n"

// fieldsHead is a request with n fields beside Host.
func fieldsHead(n int) string {
	var b strings.Builder
	b.WriteString("GET / HTTP/1.1\r\nHost: a.test\r\n")
	for i := range n {
		fmt.Fprintf(&b, "X-Field-%d: a value of some length, number %d\r\n", i, i)
	}
	return b.String() + "\r\n"
}

func BenchmarkRequestParse(b *testing.B) {
	for _, c := range []struct{ name, head string }{
		{"browser-get", browserGet},
		{"preflight", preflightHead},
		{"fields-50", fieldsHead(49)},
		{"least", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"cookie-4k", "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=" + strings.Repeat("b", 4000) + "\r\n\r\n"},
		{"connection-16-of-50", strings.Replace(fieldsHead(48), "\r\n\r\n", "\r\nConnection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\r\n\r\n", 1)},
	} {
		b.Run("head="+c.name, func(b *testing.B) {
			var r wire.Request
			buf := []byte(c.head)
			b.ReportAllocs()
			b.SetBytes(int64(len(buf)))
			for b.Loop() {
				if n, fault := r.Parse(buf, generous); n != len(buf) || fault != nil {
					b.Fatal(n, fault)
				}
			}
		})
	}
}

func BenchmarkResponseParse(b *testing.B) {
	var r wire.Response
	buf := []byte(responseHead)
	b.ReportAllocs()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		if n, fault := r.Parse(buf, generous); n != len(buf) || fault != nil {
			b.Fatal(n, fault)
		}
	}
}

func BenchmarkForwardable(b *testing.B) {
	for _, c := range []struct{ name, connection string }{{"none", ""}, {"16", "Connection: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\r\n"}} {
		b.Run("options="+c.name, func(b *testing.B) {
			var r wire.Request
			if _, fault := r.Parse([]byte(strings.Replace(browserGet, "\r\n\r\n", "\r\n"+c.connection+"\r\n", 1)), generous); fault != nil {
				b.Fatal(fault)
			}
			b.ReportAllocs()
			for b.Loop() {
				for i := range r.Fields {
					r.Forwardable(&r.Fields[i])
				}
			}
		})
	}
}

func BenchmarkChunked(b *testing.B) {
	for _, size := range []int{1, 64, 4096} {
		b.Run(fmt.Sprintf("chunk=%d", size), func(b *testing.B) {
			var body []byte
			for range max(1, 4096/size) {
				body = append(wire.AppendChunkSize(body, size), strings.Repeat("x", size)+"\r\n"...)
			}
			body = append(body, wire.LastChunk...)
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				var c wire.Chunked
				for rest := body; !c.Done(); {
					_, n, fault := c.Next(rest)
					if fault != nil {
						b.Fatal(fault)
					}
					rest = rest[n:]
				}
			}
		})
	}
}

func BenchmarkIdentify(b *testing.B) {
	names := [][]byte{}
	for _, n := range []string{"Host", "Accept", "Accept-Encoding", "Accept-Language", "Origin", "Referer", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "User-Agent"} {
		names = append(names, []byte(n))
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, n := range names {
			wire.Identify(n)
		}
	}
}

func TestParseAllocs(t *testing.T) {
	var req wire.Request
	var res wire.Response
	f := func(name string, parse func() (int, *wire.Fault)) {
		t.Helper()
		if n := testing.AllocsPerRun(50, func() {
			if n, fault := parse(); n == 0 || fault != nil {
				t.Fatal(n, fault)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
	}
	get, fields, answer := []byte(browserGet), []byte(fieldsHead(60)), []byte(responseHead)
	named := []byte(strings.Replace(browserGet, "\r\n\r\n", "\r\nConnection: close, a, b, c, Referer\r\n\r\n", 1))
	f("request", func() (int, *wire.Fault) { return req.Parse(get, generous) })
	f("request of 60 fields", func() (int, *wire.Fault) { return req.Parse(fields, generous) })
	f("request with options", func() (int, *wire.Fault) {
		n, fault := req.Parse(named, generous)
		for i := range req.Fields {
			req.Forwardable(&req.Fields[i])
		}
		return n, fault
	})
	f("response", func() (int, *wire.Fault) { return res.Parse(answer, generous) })
	chunks := []byte("5;a=b\r\nhello\r\n0\r\n\r\n")
	f("chunks", func() (int, *wire.Fault) {
		_, used, _, fault := wire.Unchunk(nil, chunks)
		return used, fault
	})
}
