package nethttp_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/cors/nethttp"
	"github.com/corsgate/corsgate/gateway/internal/vectors"
)

// A vector is a case of cors.json.
type vector struct {
	Name, Class, Note string
	Policy            vectors.Table
	Request           request
	Prior             []request `json:"prior_requests"`
	Upstream          struct {
		Status  int
		Headers [][2]string
	}
	Expect vectors.Expect
}

type request struct {
	Method, Path, Host, Scheme string
	Headers                    [][2]string
}

// send sends r as it is, field line by field line, over a connection of its own.
func (r request) send(t *testing.T, address string) *http.Response {
	t.Helper()
	host := r.Host
	if host == "" {
		host = "api.example.net"
	}
	head := r.Method + " /" + strings.TrimPrefix(r.Path, "/") + " HTTP/1.1\r\nHost: " + host + "\r\n"
	for _, h := range r.Headers {
		head += h[0] + ": " + h[1] + "\r\n"
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, head+"\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for {
		res, err := http.ReadResponse(in, &http.Request{Method: r.Method})
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != http.StatusEarlyHints {
			return res
		}
	}
}

// serve runs a handler behind a policy and returns its address.
func serve(t *testing.T, p *cors.Policy, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(nethttp.Handler(p, h))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// TestVectors runs the cases of package cors, which the gateway passes too, over a server of net/http. The ways to write
// a response are those of handlers.
func TestVectors(t *testing.T) {
	var cases []vector
	vectors.Load(t, "../testdata/cors.json", &cases)
	writers := map[string]func(w http.ResponseWriter, status int){
		"WriteHeader": func(w http.ResponseWriter, status int) { w.WriteHeader(status) },
		"Write":       func(w http.ResponseWriter, _ int) { _, _ = io.WriteString(w, "hello") },
		"nothing":     func(http.ResponseWriter, int) {},
		"Flush":       func(w http.ResponseWriter, _ int) { w.(http.Flusher).Flush() },
		"FlushError":  func(w http.ResponseWriter, _ int) { _ = http.NewResponseController(w).Flush() },
		"interim": func(w http.ResponseWriter, status int) {
			if status != http.StatusSwitchingProtocols {
				w.WriteHeader(http.StatusEarlyHints)
			}
			w.WriteHeader(status)
		},
	}
	skipped := 0
	for _, c := range cases {
		// Routes, CSRF and the redirect to https are the gateway's; a net/http server refuses some requests itself.
		if c.Policy.Routes != nil || c.Policy.CSRF != "" || c.Policy.Gateway != nil || len(c.Policy.Origins) == 0 {
			skipped++
			continue
		}
		p, problems := cors.New(c.Policy.Config(t))
		if p == nil {
			t.Fatalf("%s: %v", c.Name, problems)
		}
		for name, write := range writers {
			status := c.Upstream.Status
			if status == 0 {
				status = http.StatusOK
			}
			if status != http.StatusOK && name != "WriteHeader" && name != "interim" {
				continue
			}
			forwarded := false
			address := serve(t, p, func(w http.ResponseWriter, _ *http.Request) {
				forwarded = true
				for _, h := range c.Upstream.Headers {
					w.Header().Add(h[0], h[1])
				}
				write(w, status)
			})
			res := c.Request.send(t, address)
			c.Expect.Check(t, c.Name+", "+name, res, forwarded)
		}
	}
	if want := 13; skipped != want {
		t.Errorf("skipped %d of %d cases, want %d", skipped, len(cases), want)
	}
}

// TestGuards: what a policy refuses to let in, and its own origin, which passes.
func TestGuards(t *testing.T) {
	block, problems := cors.New(cors.Config{Origins: []string{"https://app.example.com"}, DeniedBlock: true})
	if block == nil {
		t.Fatal(problems)
	}
	sockets, problems := cors.New(cors.Config{Origins: []string{"https://app.example.com"}, WebSocketOriginCheck: true})
	if sockets == nil {
		t.Fatal(problems)
	}
	const upgrade = "WebSocket"
	for _, c := range []struct {
		policy  *cors.Policy
		upgrade string
		origins []string
		want    int
	}{
		{block, "", nil, 200},
		{block, "", []string{""}, 200},
		{block, "", []string{"https://app.example.com"}, 200},
		{block, "", []string{"https://evil.example"}, 403},
		{block, "", []string{"https://app.example.com", "https://evil.example"}, 403},
		{block, "", []string{"", "https://app.example.com"}, 403},
		{block, "", []string{"null"}, 403},
		{block, "", []string{"https://api.example.net"}, 200}, // the target's own
		{block, "", []string{"http://api.example.net"}, 200},
		{block, "", []string{"http://api.example.net:8080"}, 403},
		{sockets, "", []string{"https://evil.example"}, 200},
		{sockets, upgrade, []string{"https://evil.example"}, 403},
		{sockets, upgrade, []string{"https://app.example.com"}, 200},
		{sockets, upgrade, nil, 200},
	} {
		address := serve(t, c.policy, func(http.ResponseWriter, *http.Request) {})
		r := request{Method: "GET"}
		for _, o := range c.origins {
			r.Headers = append(r.Headers, [2]string{"Origin", o})
		}
		if c.upgrade != "" {
			r.Headers = append(r.Headers, [2]string{"Connection", "Upgrade"}, [2]string{"Upgrade", c.upgrade})
		}
		if got := r.send(t, address); got.StatusCode != c.want || got.Header.Get("Vary") != "Origin" {
			t.Errorf("Origin %q, Upgrade %q: status %d, Vary %q, want %d and Origin", c.origins, c.upgrade, got.StatusCode, got.Header.Get("Vary"), c.want)
		}
	}
}

// TestExposing: the names that a handler exposes are kept with merge_expose only.
func TestExposing(t *testing.T) {
	for mode, want := range map[string]string{"": "X-Total", "merge_expose": "X-Total,X-Own", "passthrough": "X-Own"} {
		p, problems := cors.New(cors.Config{Origins: []string{"https://app.example.com"}, ExposeHeaders: []string{"X-Total"}, UpstreamCORS: mode})
		if p == nil {
			t.Fatal(problems)
		}
		address := serve(t, p, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Access-Control-Expose-Headers", "X-Own")
		})
		res := request{Method: "GET", Headers: [][2]string{{"Origin", "https://app.example.com"}}}.send(t, address)
		if got := res.Header.Get("Access-Control-Expose-Headers"); !strings.EqualFold(strings.ReplaceAll(got, " ", ""), want) {
			t.Errorf("%q: exposed %q, want %q", mode, got, want)
		}
	}
}

// TestOuter: fields of CORS that a handler around this one has set give way, also in the answer to a preflight.
func TestOuter(t *testing.T) {
	p, problems := cors.New(cors.Config{Origins: []string{"https://app.example.com"}, Methods: []string{"PUT"}})
	if p == nil {
		t.Fatal(problems)
	}
	inner := nethttp.Handler(p, http.NotFoundHandler())
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Vary", "Accept-Encoding")
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	const origin = "https://app.example.com"
	for method, want := range map[string]int{"GET": 404, "OPTIONS": 204} {
		r := request{Method: method, Headers: [][2]string{{"Origin", origin}, {"Access-Control-Request-Method", "PUT"}}}
		res := r.send(t, s.Listener.Addr().String())
		vary := strings.Join(res.Header["Vary"], ", ")
		if got := res.Header["Access-Control-Allow-Origin"]; res.StatusCode != want || len(got) != 1 || got[0] != origin ||
			!strings.HasPrefix(vary, "Accept-Encoding, Origin") {
			t.Errorf("%s: status %d, allowed %q, Vary %q, want %d, %s and Accept-Encoding, Origin", method, res.StatusCode, got, vary, want, origin)
		}
	}
}

// TestHijack: a WebSocket library takes over the connection through what it is given.
func TestHijack(t *testing.T) {
	p, problems := cors.New(cors.Config{Origins: []string{"https://app.example.com"}})
	if p == nil {
		t.Fatal(problems)
	}
	address := serve(t, p, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 418 Taken over\r\nContent-Length: 0\r\n\r\n")
	})
	if res := (request{Method: "GET"}).send(t, address); res.StatusCode != 418 {
		t.Errorf("status %d, want 418", res.StatusCode)
	}
}
