package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
)

// policy returns a configuration of which every part says which one it is.
func policy(upstream, name string) string {
	age := map[string]string{"ONE": "1s", "TWO": "2s"}[name]
	return `
[upstream.api]
endpoints = ["` + upstream + `"]

[cors.app]
origins         = ["https://myapp.com"]
methods         = ["METHOD-` + name + `"]
request_headers = ["Header-` + name + `"]
expose_headers  = ["Exposed-` + name + `", "Also-` + name + `"]
max_age         = "` + age + `"

[route.app]
path     = "/"
cors     = "app"
upstream = "api"

[route.fixed]
path    = "/fixed"
cors    = "app"
respond = { status = 200, body = "` + name + `", content_type = "text/` + name + `" }
`
}

// TestReloadTearsNothing reloads two configurations in turn under load. Each response is wholly
// of the one or of the other, none is missing, and no connection is closed.
func TestReloadTearsNothing(t *testing.T) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"})
	g, address := serve(t, policy(d.url(), "ONE"))
	configs := []*config.Config{parse(t, policy(d.url(), "TWO")), parse(t, policy(d.url(), "ONE"))}

	const reloads, least = 300, 200
	var stop atomic.Bool
	var clients sync.WaitGroup
	var seen [2]atomic.Int64
	for i := range 4 {
		c := dial(t, address)
		clients.Go(func() {
			r := bufio.NewReader(c)
			for n := 0; n < least || !stop.Load(); n++ {
				answer, err := oneOf(c, r, n+i)
				if err != nil {
					t.Errorf("request %d: %v", n, err)
					return
				}
				switch a, b := strings.Count(answer, "ONE"), strings.Count(answer, "TWO"); {
				case a > 0 && b > 0 || a+b == 0:
					t.Errorf("torn:\n%s", answer)
					return
				case a > 0:
					seen[0].Add(1)
				default:
					seen[1].Add(1)
				}
			}
		})
	}
	for i := range reloads {
		if err := g.Reload(configs[i%2]); err != nil {
			t.Errorf("reload %d: %v", i, err)
		}
	}
	stop.Store(true)
	clients.Wait()
	if seen[0].Load() == 0 || seen[1].Load() == 0 {
		t.Logf("only one configuration was seen: the first %d times, the second %d times", seen[0].Load(), seen[1].Load())
	}
	if _, generation := g.Config(); generation != reloads+1 {
		t.Errorf("generation %d, want %d", generation, reloads+1)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.conns) > 4 {
		t.Errorf("%d connections to an upstream that did not change, want at most one for each client", len(d.conns))
	}
}

// oneOf sends one of several requests and returns the response with all that says which
// configuration made it.
func oneOf(c io.Writer, r *bufio.Reader, n int) (string, error) {
	const host = "Host: api.example.com\r\nOrigin: https://myapp.com\r\n"
	method := "GET"
	switch n % 4 {
	case 0:
		fmt.Fprint(c, "GET /forwarded HTTP/1.1\r\n"+host+"\r\n")
	case 1:
		fmt.Fprint(c, "GET /fixed HTTP/1.1\r\n"+host+"\r\n")
	default:
		// A safelisted method: both allow it, and say what else they allow.
		method = "OPTIONS"
		fmt.Fprint(c, "OPTIONS /forwarded HTTP/1.1\r\n"+host+"Access-Control-Request-Method: POST\r\n\r\n")
	}
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	if res.Close {
		return "", fmt.Errorf("the connection ends: %v", res.Header)
	}
	var b strings.Builder
	res.Header.Write(&b)
	ages := strings.NewReplacer("Max-Age: 1\r\n", "Max-Age: ONE\r\n", "Max-Age: 2\r\n", "Max-Age: TWO\r\n")
	return ages.Replace(b.String()) + string(content), nil
}

func TestReloadOfABadConfigurationChangesNothing(t *testing.T) {
	d := newDouble(t, reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"})
	good := policy(d.url(), "ONE")
	g, address := serve(t, good)
	f := func(text, want string) {
		t.Helper()
		err := g.Reload(parse(t, text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Reload: %v, want %q", err, want)
		}
		if _, generation := g.Config(); generation != 1 {
			t.Errorf("generation %d, want 1", generation)
		}
		res, _ := ask(t, address, "OPTIONS", "/", "Origin: https://myapp.com", "Access-Control-Request-Method: METHOD-ONE")
		if res.StatusCode != 204 {
			t.Errorf("preflight after a refused reload: %s", res.Status)
		}
	}
	f(strings.ReplaceAll(good, "https://myapp.com", "https://*.com:443"), "cors.app.origins")
	f(good+"\n[route.twin]\npath = \"/\"\nupstream = \"api\"\n", "route.twin")
	f(good+"\n[listener.http]\naddress = \""+d.Addr().String()+"\"\n", "listener.http.address: cannot listen on ")
	f(good+"\n[admin]\naddress = \"off\"\n", "restart corsgate")
	if err := g.Reload(parse(t, policy(d.url(), "TWO"))); err != nil {
		t.Errorf("Reload: %v", err)
	}
}

// TestNewReportsAllProblems: what only compilation can see is reported at once too.
func TestNewReportsAllProblems(t *testing.T) {
	text := strings.ReplaceAll(policy("http://127.0.0.1:1", "ONE"), "https://myapp.com", "https://*.com:443") +
		"\n[route.twin]\npath = \"/\"\nupstream = \"api\"\n"
	_, err := gateway.New(parse(t, text), slog.New(slog.DiscardHandler))
	for _, want := range []string{"cors.app.origins", "route.twin"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New: %v, want %q in it", err, want)
		}
	}
}
