package gateway_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/quic-go/quic-go/http3"
)

// http3Client returns a client that speaks HTTP/3 with gateways of serveOn(three).

func http3Client(t testing.TB) *http3.Transport {
	transport := &http3.Transport{TLSClientConfig: authority(t).client(), DisableCompression: true}
	t.Cleanup(func() { transport.Close() })
	return transport
}

// fetched is a response whose content was read.

type fetched struct {
	*http.Response
	content string
}

// do makes a request; fields are names and values in turn.

func do(t testing.TB, client http.RoundTripper, method, url string, content io.Reader, fields ...string) fetched {
	t.Helper()
	r, err := http.NewRequest(method, url, content)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	res, err := client.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Errorf("%s %s: %v", method, url, err)
	}
	return fetched{res, string(body)}
}

// TestHTTP3: a request as the upstream sees it, a preflight, and one that is refused; and who announces HTTP/3.

func TestHTTP3(t *testing.T) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nAlt-Svc: h2=\":1\"\r\n\r\nok"})
	g, address := serveOn(t, three, policy(d.url(), "ONE"))
	_, port, _ := strings.Cut(address, ":")
	client := http3Client(t)
	res := do(t, client, "GET", "https://"+address+"/a?b", nil, "Origin", "https://myapp.com", "Cookie", "a=1", "Cookie", "b=2")
	if res.StatusCode != 200 || res.Proto != "HTTP/3.0" || res.content != "ok" || res.Header.Get("Access-Control-Allow-Origin") != "https://myapp.com" {
		t.Errorf("%v %q", res.Response, res.content)
	}
	seen := strings.Join(d.requests(), "")
	for _, want := range []string{"GET /a?b HTTP/1.1\r\nHost: " + address + "\r\n", "\r\ncookie: a=1; b=2\r\n", "\r\nX-Forwarded-Proto: https\r\n",
		"\r\nX-Forwarded-For: 127.0.0.1\r\n", "\r\nVia: 3.0 " + g.Pseudonym() + "\r\n"} {
		if !strings.Contains(seen, want) {
			t.Errorf("the upstream sees %q, without %q", seen, want)
		}
	}
	if strings.Contains(seen, "chunked") || strings.Contains(seen, "Content-Length") {
		t.Errorf("the upstream sees content: %q", seen)
	}
	const asks = "Access-Control-Request-Method"
	if res := do(t, client, "OPTIONS", "https://"+address+"/", nil, "Origin", "https://myapp.com", asks, "METHOD-ONE"); res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Origin") == "" {
		t.Errorf("a preflight: %v", res.Response)
	}
	if res := do(t, client, "OPTIONS", "https://"+address+"/", nil, "Origin", "https://evil.example", asks, "METHOD-ONE"); res.StatusCode != 403 || res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("a preflight to refuse: %v", res.Response)
	}
	counted(t, g, `corsgate_connections{listener="http"}`, 1)
	counted(t, g, `corsgate_multiplexed_requests_total{protocol="HTTP/3.0"}`, 3)

	says := "h3=\":" + port + "\"; ma=86400"
	over := map[string]http.RoundTripper{"": client, "HTTP/2": http2Client(t), "HTTP/1.1": http1Client(t)}
	for version, client := range over {
		want := []string{says}
		if version == "" {
			want = nil
		}
		for _, r := range [][]string{{"GET", "/"}, {"GET", "/", "Origin", "https://myapp.com"}, {"OPTIONS", "/", "Origin", "https://myapp.com", asks, "METHOD-ONE"},
			{"OPTIONS", "/", "Origin", "https://evil.example", asks, "METHOD-ONE"}} {
			res := do(t, client, r[0], "https://"+address+r[1], nil, r[2:]...)
			if got := res.Header["Alt-Svc"]; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s %v: %d with Alt-Svc %q, want %q", version, r, res.StatusCode, got, want)
			}
		}
	}
}

// http1Client returns a client that speaks HTTP/1.1 with gateways of serveOn(secure).

func http1Client(t testing.TB) *http.Transport {
	transport := &http.Transport{TLSClientConfig: authority(t).client(), TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// TestAltSvcOfRoutes: what a route says of Alt-Svc is what is said.

func TestAltSvcOfRoutes(t *testing.T) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAlt-Svc: h2=\":1\"\r\n\r\n"})
	text := `[route.says]
path = "/says"
respond = {}
response_set_headers = { Alt-Svc = "clear" }
[upstream.api]
endpoints = ["` + d.url() + `"]
[route.silent]
path = "/silent"
upstream = "api"
response_remove_headers = ["alt-svc"]
[route.usual]
respond = {}
`
	_, address := serveOn(t, three, text)
	client := http1Client(t)
	for path, want := range map[string]string{"/says": "[clear]", "/silent": "[]"} {
		if res := do(t, client, "GET", "https://"+address+path, nil); fmt.Sprint(res.Header["Alt-Svc"]) != want {
			t.Errorf("%s: %q, want %s", path, res.Header["Alt-Svc"], want)
		}
	}
	if res := do(t, client, "GET", "https://"+address+"/", nil); len(res.Header["Alt-Svc"]) != 1 {
		t.Errorf("%q", res.Header["Alt-Svc"])
	}
	// Without http3 nothing is said, and the upstream may.
	_, address = serveOn(t, secure, policy(d.url(), "ONE"))
	if res := do(t, client, "GET", "https://"+address+"/", nil); fmt.Sprint(res.Header["Alt-Svc"]) != `[h2=":1"]` {
		t.Errorf("%q", res.Header["Alt-Svc"])
	}
}

// TestHTTP3Content: what comes with a head, with and without a length, and interim responses.

func TestHTTP3Content(t *testing.T) {
	url := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hints" {
			w.Header().Set("Link", "</a.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
		}
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %d %v %s %v %v", r.Method, r.ContentLength, r.TransferEncoding, body, err, r.Trailer)
	}))
	_, address := serveOn(t, three, policy(url, "ONE"))
	client := http3Client(t)
	f := func(want, method, content string, length int64) {
		t.Helper()
		r, _ := http.NewRequest(method, "https://"+address+"/", struct{ io.Reader }{strings.NewReader(content)})
		r.ContentLength = length
		if length == 0 && content == "" {
			r.Body = nil
		}
		if method == "HEAD" {
			want = ""
		}
		res, err := client.RoundTrip(r)
		if err != nil {
			t.Errorf("%s %q %d: %v", method, content, length, err)
			return
		}
		if body, err := io.ReadAll(res.Body); string(body) != want || err != nil {
			t.Errorf("%s %q %d: %q, %v, want %q", method, content, length, body, err, want)
		}
		res.Body.Close()
	}
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "DELETE", "PURGE"} {
		f(method+" 0 []  <nil> map[]", method, "", 0)
	}
	for range 20 { // whether the end has come is a matter of time
		f("POST 0 []  <nil> map[]", "POST", "", 0)
	}
	f("POST 5 [] hello <nil> map[]", "POST", "hello", 5)
	f("GET 5 [] hello <nil> map[]", "GET", "hello", 5)
	f("POST -1 [chunked] hello <nil> map[]", "POST", "hello", -1)
	f("PURGE -1 [chunked] hello <nil> map[]", "PURGE", "hello", -1)
	f("POST 20000 [] "+strings.Repeat("x", 20000)+" <nil> map[]", "POST", strings.Repeat("x", 20000), 20000)

	// Trailers go on as such.
	r, _ := http.NewRequest("POST", "https://"+address+"/", struct{ io.Reader }{strings.NewReader("hello")})
	r.ContentLength, r.Trailer = -1, http.Header{"X-Trailer": {"1"}}
	res, err := client.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(res.Body); string(body) != "POST -1 [chunked] hello <nil> map[X-Trailer:[1]]" || err != nil {
		t.Errorf("with trailers: %q, %v", body, err)
	}
	res.Body.Close()

	hints := 0
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		if hints++; code != 103 || h.Get("Link") != "</a.css>; rel=preload" {
			t.Errorf("%d %v", code, h)
		}
		return nil
	}}
	r, _ = http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), "GET", "https://"+address+"/hints", nil)
	if res, err = client.RoundTrip(r); err != nil || hints != 1 || res.Header.Get("Link") == "" {
		t.Errorf("%v, %v, %d early hints", res, err, hints)
	}
	res.Body.Close()
}

// dialQUIC returns a connection of a client of HTTP/3 that chooses its frames.

// Frames. See RFC 9114, section 7.2.

// answered returns how a stream ended: its status, "reset CODE" or "closed CODE".

// TestHTTP3Malformed: what cannot be said in HTTP/1.1 is not said to the upstream.
