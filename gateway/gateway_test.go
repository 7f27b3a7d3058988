package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestInventedOriginsFillNoCache: denied preflights are not remembered, whatever they ask for,
// and neither is what no browser would send.
func TestInventedOriginsFillNoCache(t *testing.T) {
	g, address := serve(t, policy("http://127.0.0.1:1", "ONE"))
	c := dial(t, address)
	r := bufio.NewReader(c)
	preflight := func(origin, method, headers string, want int) {
		t.Helper()
		fmt.Fprintf(c, "OPTIONS / HTTP/1.1\r\nHost: h\r\nOrigin: %s\r\nAccess-Control-Request-Method: %s\r\n"+
			"Access-Control-Request-Headers: %s\r\n\r\n", origin, method, headers)
		res, err := http.ReadResponse(r, &http.Request{Method: "OPTIONS"})
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		if res.StatusCode != want {
			t.Fatalf("%s %s %q: %s, want %d", origin, method, headers, res.Status, want)
		}
	}
	for i := range 2000 {
		preflight(fmt.Sprintf("https://a%d.example", i), "METHOD-ONE", "header-one", 403)
		preflight("https://myapp.com", fmt.Sprintf("M%d", i), "header-one", 403)
		preflight("https://myapp.com", "METHOD-ONE", fmt.Sprintf("x-%d", i), 403)
	}
	preflight("https://myapp.com", "METHOD-ONE", strings.Repeat("header-one,", 60)+"header-one", 204)
	if n := g.CachedPreflights(); n != 0 {
		t.Errorf("%d entries in the cache, want none", n)
	}
	preflight("https://myapp.com", "METHOD-ONE", "header-one", 204)
	preflight("https://myapp.com", "METHOD-ONE", "header-one", 204)
	if n := g.CachedPreflights(); n != 1 {
		t.Errorf("%d entries in the cache, want 1", n)
	}
}

// TestPanic: a panic costs its own request a 500 and the connection, and nobody else anything.
func TestPanic(t *testing.T) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"})
	g, address := serve(t, policy(d.url(), "ONE"))
	g.Break()
	for range 3 {
		res, content := ask(t, address, "GET", "/")
		if res.StatusCode != 500 || !res.Close || !strings.Contains(content, "failed to handle") {
			t.Errorf("%s, closes: %t, %q", res.Status, res.Close, content)
		}
	}
	if res, _ := ask(t, address, "OPTIONS", "/", "Origin: https://myapp.com", "Access-Control-Request-Method: METHOD-ONE"); res.StatusCode != 204 {
		t.Errorf("a preflight after a panic: %s", res.Status)
	}
	if err := g.Reload(parse(t, policy(d.url(), "ONE"))); err != nil {
		t.Fatal(err)
	}
	if res, _ := ask(t, address, "GET", "/"); res.StatusCode != 200 {
		t.Errorf("after a reload: %s", res.Status)
	}
}

// TestQueueFull: beyond max_connections and max_queue there is a 503, shared with the page.
func TestQueueFull(t *testing.T) {
	d := newDouble(t, reply{mute: true})
	config := strings.Replace(policy(d.url(), "ONE"), "[cors.app]", "max_connections = 1\nmax_queue = 0\n\n[cors.app]", 1)
	_, address := serve(t, config)
	first := dial(t, address)
	fmt.Fprint(first, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	<-d.arrived
	res, _ := ask(t, address, "GET", "/", "Origin: https://myapp.com")
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || res.Header.Get("Access-Control-Allow-Origin") != "https://myapp.com" {
		t.Errorf("%s %v, want a shared 503 with Retry-After", res.Status, res.Header)
	}
	d.stop()
	if res, err := http.ReadResponse(bufio.NewReader(first), nil); err != nil || res.StatusCode != 502 {
		t.Errorf("the first: %v, %v, want 502", res, err)
	}
}

// TestUploadsKeepTheConnection: content, in whatever framing, is no reason to end a connection.
func TestUploadsKeepTheConnection(t *testing.T) {
	d := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, err)
	}))
	_, address := serve(t, policy(d, "ONE"))
	c := dial(t, address)
	r := bufio.NewReader(c)
	f := func(head string, content io.Reader, want int) {
		t.Helper()
		fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: h\r\n"+head+"\r\n\r\n")
		if strings.Contains(head, "Expect") {
			if line, _ := r.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
				t.Fatalf("%q, want 100", line)
			}
			r.ReadString('\n')
		}
		if _, err := io.Copy(c, content); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(res.Body)
		if got := string(answer); got != fmt.Sprint(want, nil) || res.Close {
			t.Errorf("%q: %q, closes: %t, want %d octets and no end", head, got, res.Close, want)
		}
	}
	for _, n := range []int{1, 4 << 10, 16 << 10, 17 << 10, 300 << 10, 1 << 20} {
		f(fmt.Sprintf("Content-Length: %d", n), strings.NewReader(strings.Repeat("x", n)), n)
		f(fmt.Sprintf("Content-Length: %d\r\nExpect: 100-continue", n), strings.NewReader(strings.Repeat("x", n)), n)
		f("Transfer-Encoding: chunked", strings.NewReader(fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", n, strings.Repeat("x", n))), n)
	}
}

func TestShutdownTwice(t *testing.T) {
	g, _ := serve(t, policy("http://127.0.0.1:1", "ONE"))
	for range 2 {
		if err := g.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
}
