//lint:file-ignore SA1019 x/net's Transport is one of the clients that trailers are shown to.

package gateway_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// trailerClients runs f for each client that reads and sends trailer sections, on each engine that serves it. f dials when the gateway is there.
func trailerClients(t *testing.T, f func(t *testing.T, engine string, dial func() http.RoundTripper)) {
	clients := []struct {
		name, engine string
		client       func(t *testing.T) http.RoundTripper
	}{
		{"HTTP/1.1, loop", secure, func(t *testing.T) http.RoundTripper { return http1Client(t) }},
		{"HTTP/1.1, goroutines", secureBlocking, func(t *testing.T) http.RoundTripper { return http1Client(t) }},
		{"net/http, loop", secure, func(t *testing.T) http.RoundTripper { return http2Client(t) }},
		{"net/http, goroutines", secureBlocking, func(t *testing.T) http.RoundTripper { return http2Client(t) }},
		{"x/net, loop", secure, func(t *testing.T) http.RoundTripper { return netHTTP2Client(t) }},
		{"x/net, goroutines", secureBlocking, func(t *testing.T) http.RoundTripper { return netHTTP2Client(t) }},
		{"HTTP/3", three, func(t *testing.T) http.RoundTripper { return http3Client(t) }},
	}
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) { f(t, c.engine, func() http.RoundTripper { return c.client(t) }) })
	}
}

func netHTTP2Client(t testing.TB) *http2.Transport {
	transport := &http2.Transport{TLSClientConfig: authority(t).client(), DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// trailed is content that sets the trailers of its request at its end, as their values are known then.
type trailed struct {
	io.Reader
	to, trailers http.Header
}

func (c *trailed) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF {
		maps.Copy(c.to, c.trailers)
	}
	return n, err
}

// TestTrailersOfClients: a request that streams and ends with trailers, and a response that begins before its end is known and has
// some, too. Content of one byte and of more than every buffer.
func TestTrailersOfClients(t *testing.T) {
	trailerClients(t, func(t *testing.T, engine string, dial func() http.RoundTripper) {
		seen, proceed := make(chan string, 1), make(chan bool)
		url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(&checking{t: t}, r.Body)
			maps.DeleteFunc(r.Trailer, func(_ string, values []string) bool { return len(values) == 0 }) // announced, and none came
			seen <- fmt.Sprint(n, " ", err, " ", r.Trailer, " ", r.ContentLength)
			w.Header().Set("Trailer", "X-Sum")
			w.Write([]byte("first"))
			http.NewResponseController(w).Flush()
			<-proceed
			io.CopyN(w, &counting{}, n)
			h := w.Header()
			h.Set("X-Sum", fmt.Sprint(n))
			h[http.TrailerPrefix+"Grpc-Status"] = []string{"0"}
			h[http.TrailerPrefix+"X-Twice"] = []string{"a", "b"}
			h[http.TrailerPrefix+"Set-Cookie"] = []string{"a=b"}
			h[http.TrailerPrefix+"Access-Control-Allow-Origin"] = []string{"*"}
		}))
		_, address := serveOn(t, engine, policy(url, "ONE"))
		client := dial()
		for _, size := range []int64{1, 200 << 10} {
			r, _ := http.NewRequestWithContext(t.Context(), "POST", "https://"+address+"/", nil)
			r.Header.Set("TE", "trailers")
			r.ContentLength = -1
			r.Trailer = http.Header{"X-Role": nil, "X-Checksum": nil, "Authorization": nil, "X_Forwarded_For": nil}
			if engine == three {
				// quic-go's client writes the section as it was when the request began.
				r.Trailer = http.Header{"X-Role": {"a"}, "X-Checksum": {"b"}, "Authorization": {"c"}, "X_Forwarded_For": {"d"}}
			}
			r.Body = io.NopCloser(&trailed{io.LimitReader(&counting{}, size), r.Trailer,
				http.Header{"X-Role": {"a"}, "X-Checksum": {"b"}, "Authorization": {"c"}, "X_Forwarded_For": {"d"}}})
			res, err := client.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := <-seen, fmt.Sprint(size, " <nil> map[X-Checksum:[b] X-Role:[a]] -1"); got != want {
				t.Errorf("the upstream sees %s, want %s", got, want)
			}
			first := make([]byte, len("first"))
			if _, err := io.ReadFull(res.Body, first); string(first) != "first" || err != nil {
				t.Errorf("before the end: %q, %v", first, err)
			}
			proceed <- true
			if n, err := io.Copy(&checking{t: t}, res.Body); n != size || err != nil {
				t.Errorf("content: %d bytes, %v, want %d", n, err, size)
			}
			res.Body.Close()
			want := http.Header{"X-Sum": {fmt.Sprint(size)}, "Grpc-Status": {"0"}, "X-Twice": {"a", "b"}}
			if !reflect.DeepEqual(res.Trailer, want) {
				t.Errorf("trailers are %v, want %v", res.Trailer, want)
			}
			if len(res.Header["X-Sum"])+len(res.Header["Grpc-Status"]) > 0 {
				t.Errorf("the head has trailers: %v", res.Header)
			}
		}
	})
}

// TestTrailerNamesRefused: limits.underscores judges the names of trailers as those of fields.
func TestTrailerNamesRefused(t *testing.T) {
	trailerClients(t, func(t *testing.T, engine string, dial func() http.RoundTripper) {
		d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"})
		_, address := serveOn(t, engine, "[limits]\nunderscores = \"refuse\"\n"+policy(d.url(), "ONE"))
		client := dial()
		for name, want := range map[string]int{"X_sum": 400, "X-sum": 200} {
			for _, size := range []int64{1, 100 << 10} {
				d.reset()
				r, _ := http.NewRequestWithContext(t.Context(), "POST", "https://"+address+"/", io.LimitReader(&counting{}, size))
				r.ContentLength, r.Trailer = -1, http.Header{name: {"7"}}
				res, err := client.RoundTrip(r)
				if err != nil {
					t.Errorf("%s after %d bytes: %v", name, size, err)
					continue
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
				if res.StatusCode != want || len(d.requests()) != want/200%2 {
					t.Errorf("%s after %d bytes: %d, and the upstream has seen %d whole requests, want %d", name, size, res.StatusCode, len(d.requests()), want)
				}
			}
		}
	})
}

// TestTrailersWaitForWindows: content that has no window holds its trailers back, and neither is lost.
// TestLargeHeadElsewhere: a head that is too large is refused also where a goroutine would serve the request. (It would go on without
// the lines that have found no place.)
// TestTrailersSplit: where the trailer section of a response is split changes nothing; and where the upstream ends in the middle of
// it, no client gets a whole response.
func TestTrailersSplit(t *testing.T) {
	const head, section = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "0\r\nX-Sum: 7\r\nX-Other:8\r\n\r\n"
	type cut struct {
		at   int
		ends bool
	}
	trailerClients(t, func(t *testing.T, engine string, dial func() http.RoundTripper) {
		cuts := make(chan cut, 1)
		rest := make(chan bool)
		url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			at := <-cuts
			io.WriteString(c, head+section[:at.at])
			if <-rest; !at.ends {
				io.WriteString(c, section[at.at:])
			}
		}))
		_, address := serveOn(t, engine, policy(url, "ONE"))
		client := dial()
		for at := range len(section) {
			for _, ends := range []bool{false, true} {
				cuts <- cut{at, ends}
				r, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+address+"/", nil)
				r.Header.Set("TE", "trailers")
				res, err := client.RoundTrip(r)
				if err != nil {
					t.Fatalf("split at %d: %v", at, err)
				}
				var hello [5]byte
				io.ReadFull(res.Body, hello[:])
				rest <- true
				more, err := io.ReadAll(res.Body)
				res.Body.Close()
				if string(hello[:]) != "hello" || len(more) > 0 || (err != nil) != ends {
					t.Errorf("split at %d, ends there: %t: %q, %q, %v", at, ends, hello, more, err)
				}
				want := http.Header{"X-Sum": {"7"}, "X-Other": {"8"}}
				if !ends && !reflect.DeepEqual(res.Trailer, want) || ends && len(res.Trailer) > 0 {
					t.Errorf("split at %d, ends there: %t: trailers %v", at, ends, res.Trailer)
				}
			}
		}
	})
}

// TestMalformedTrailers: a response whose trailer section is malformed or too large, after content that has gone on, is visibly cut.
func TestMalformedTrailers(t *testing.T) {
	many := strings.Repeat("X-A: b\r\n", 200)
	for what, section := range map[string]string{
		"folded": "X-A: b\r\n c\r\n", "bare LF": "X-A: b\nX-B: c\r\n", "bare CR": "X-A: b\rX-B: c\r\n", "NUL": "X-A: \x00\r\n", "no colon": "X-A\r\n",
		"no name": ": a\r\n", "blank before the colon": "X-A : b\r\n", "many": many, "large": "X-A: " + strings.Repeat("b", 17<<10) + "\r\n", "pseudo": ":status: 200\r\n",
	} {
		t.Run(what, func(t *testing.T) {
			trailerClients(t, func(t *testing.T, engine string, dial func() http.RoundTripper) {
				begun := make(chan bool)
				url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					c, _, err := w.(http.Hijacker).Hijack()
					if err != nil {
						t.Error(err)
						return
					}
					defer c.Close()
					io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
					<-begun
					io.WriteString(c, "0\r\n"+section+"\r\n")
				}))
				_, address := serveOn(t, engine, policy(url, "ONE"))
				client := dial()
				r, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+address+"/", nil)
				r.Header.Set("TE", "trailers")
				res, err := client.RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				begun <- true
				content, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err == nil || len(res.Trailer) > 0 {
					t.Errorf("%q, trailers %v: whole", content, res.Trailer)
				}
			})
		})
	}
}

// TestTrailersReuse: a connection to the upstream is used again after trailers, and those of one response are not those of the next.
func TestTrailersReuse(t *testing.T) {
	chunked := func(trailers string) reply {
		return reply{octets: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n" + trailers + "\r\n"}
	}
	trailerClients(t, func(t *testing.T, engine string, dial func() http.RoundTripper) {
		d := newDouble(t, chunked("X-A: 1\r\n"), chunked(""), chunked("X-B: 2\r\n"),
			reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}, reply{octets: "HTTP/1.1 204 No Content\r\nTrailer: X-A\r\n\r\n"},
			reply{octets: "HTTP/1.1 304 Not Modified\r\nTrailer: X-A\r\n\r\n"}, chunked("X-C: 3\r\n"))
		// A request that comes before the connection is free waits for it.
		_, address := serveOn(t, engine, strings.Replace(policy(d.url(), "ONE"), "[cors.app]", "max_connections = 1\n\n[cors.app]", 1))
		client := dial()
		for i, want := range []http.Header{{"X-A": {"1"}}, nil, {"X-B": {"2"}}, nil, nil, nil, {"X-C": {"3"}}} {
			r, _ := http.NewRequestWithContext(t.Context(), "GET", "https://"+address+"/", nil)
			r.Header.Set("TE", "trailers")
			res, err := client.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(res.Body)
			res.Body.Close()
			if err != nil || len(res.Trailer) != len(want) || len(want) > 0 && !reflect.DeepEqual(res.Trailer, want) {
				t.Errorf("response %d: %q, %v, trailers %v, want %v", i+1, content, err, res.Trailer, want)
			}
			d.mu.Lock()
			conns := len(d.conns)
			d.mu.Unlock()
			if i < 4 && conns != 1 { // after a response without content a connection rests
				t.Errorf("response %d: %d connections to the upstream, want 1", i+1, conns)
			}
		}
	})
}

// TestTrailersUnannounced: over HTTP/2, content of a length that was told keeps its trailers up to 16 KiB, whether they are announced or
// not, and beyond if they are; else it keeps its length. The section comes in frames of its own, split anywhere.
// trail ends a stream with a trailer section in two frames, split at a byte of it.
