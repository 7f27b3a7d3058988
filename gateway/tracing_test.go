package gateway_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/corsgate/corsgate/gateway"
)

// A traceparent passes, is started, or names the span that is recorded; see the rules in tracing.go.
func TestTraceParent(t *testing.T) {
	const valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	const trusting = "[trust]\nproxies = [\"127.0.0.0/8\"]\n"
	started := regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-00$`)
	sampled := regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`)
	joined := regexp.MustCompile(`^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$`)
	for _, engine := range []string{looped, blocking} {
		spans := make(chan string, 100)
		collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			spans <- string(b)
		}))
		defer collector.Close()
		var parents, states []string
		up := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			parents, states = r.Header.Values("Traceparent"), r.Header.Values("Tracestate")
		}))
		f := func(config string, want *regexp.Regexp, state string, recorded bool, fields ...string) {
			t.Helper()
			t.Run(engine, func(t *testing.T) {
				t.Helper()
				config = strings.ReplaceAll(config, "COLLECTOR", `endpoint = "`+collector.URL+`"`)
				g, address := serveOn(t, engine, config+"[upstream.api]\nendpoints = [\""+up+"\"]\n[route.r]\nupstream = \"api\"\n")
				ask(t, address, "GET", "/", fields...)
				if got := strings.Join(parents, "|"); !want.MatchString(got) || strings.Join(states, "|") != state {
					t.Errorf("%q: traceparent %q, tracestate %q", fields, got, states)
				}
				if err := g.Shutdown(t.Context()); err != nil {
					t.Fatal(err)
				}
			})
			select {
			case text := <-spans:
				var any map[string]any
				if err := json.Unmarshal([]byte(text), &any); !recorded || err != nil || !strings.Contains(text, parents[0][36:52]) || !strings.Contains(text, `"GET r"`) {
					t.Errorf("%s, %q: recorded %s (%v)", engine, fields, text, err)
				}
			default:
				if recorded {
					t.Errorf("%s, %q: not recorded", engine, fields)
				}
			}
		}
		exactly := func(s string) *regexp.Regexp { return regexp.MustCompile("^" + regexp.QuoteMeta(s) + "$") }
		// Without the table everything passes, and nothing is added.
		f("", exactly(""), "", false)
		f("", exactly(valid), "a=b", false, "traceparent: "+valid, "tracestate: a=b")
		f("", exactly("junk"), "", false, "traceparent: junk")
		// With it, a trace is passed on or started.
		f("[trace]\n", started, "", false)
		f("[trace]\n", exactly(valid), "a=b", false, "traceparent: "+valid, "tracestate: a=b")
		f("[trace]\n", started, "", false, "traceparent: junk", "tracestate: a=b")
		f("[trace]\n", started, "", false, "traceparent: "+valid, "traceparent: "+valid)
		f("[trace]\nsample = \"100%\"\n", sampled, "", false)
		f("[trace]\nsample = \"100%\"\n", exactly(valid), "", false, "traceparent: "+valid)
		// With a collector, what is sampled is recorded; a client's word for that does not count.
		f("[trace]\nsample = \"100%\"\nCOLLECTOR\n", sampled, "", true)
		f("[trace]\nsample = \"100%\"\nCOLLECTOR\n", joined, "a=b", true, "traceparent: "+valid, "tracestate: a=b")
		f("[trace]\nCOLLECTOR\n", started, "", false)
		f("[trace]\nCOLLECTOR\n", exactly(valid), "", false, "traceparent: "+valid)
		f(trusting+"[trace]\nCOLLECTOR\n", joined, "", true, "traceparent: "+valid)
	}
}

// collect runs a collector, which puts what it gets into the channel.
func collect(t *testing.T) (url string, got chan string) {
	got = make(chan string, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- string(b)
	}))
	t.Cleanup(s.Close)
	return s.URL, got
}

// A span says what became of its request.
func TestSpan(t *testing.T) {
	up := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) }))
	for _, engine := range []string{looped, blocking} {
		f := func(endpoint string, want ...string) {
			t.Helper()
			url, got := collect(t)
			g, address := serveOn(t, engine, "[trace]\nsample = \"100%\"\nendpoint = \""+url+"\"\nservice = \"edge\"\n"+
				"[trust]\nproxies = [\"127.0.0.0/8\"]\n[upstream.api]\nendpoints = [\""+endpoint+"\"]\n[route.r]\nupstream = \"api\"\n")
			ask(t, address, "GET", "/a/b?token=secret", "X-Request-Id: mine", "X-Forwarded-For: 192.0.2.7")
			if err := g.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			text := <-got
			for _, attribute := range append(want, `service.name","value":{"stringValue":"edge"`, `http.request.method","value":{"stringValue":"GET"`,
				`url.path","value":{"stringValue":"/a/b"`, `url.scheme","value":{"stringValue":"http"`, `server.address","value":{"stringValue":"api.example.com"`,
				`client.address","value":{"stringValue":"192.0.2.7"`, `corsgate.route","value":{"stringValue":"r"`, `corsgate.upstream","value":{"stringValue":"api"`,
				`corsgate.endpoint","value":{"stringValue":"`+endpoint+`"`, `corsgate.request_id","value":{"stringValue":"mine"`) {
				if !strings.Contains(text, `"key":"`+attribute) {
					t.Errorf("%s: no %s in %s", engine, attribute, text)
				}
			}
			if strings.Contains(text, "secret") {
				t.Errorf("%s: the query is in %s", engine, text)
			}
		}
		f(up, `http.response.status_code","value":{"intValue":"404"`)
		f("http://127.0.0.1:1", `http.response.status_code","value":{"intValue":"502"`, `error.type","value":{"stringValue":"connect"`)
	}
}

// What a route sets is what its upstream gets; a copy for a mirror belongs to the same span.
func TestTraceParentOfRoutes(t *testing.T) {
	var mu sync.Mutex
	var parents []string
	arrived := make(chan struct{}, 10)
	up := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		parents = append(parents, strings.Join(r.Header.Values("Traceparent"), "|"))
		mu.Unlock()
		arrived <- struct{}{}
	}))
	for _, engine := range []string{looped, blocking} {
		f := func(route string, n int) []string {
			_, address := serveOn(t, engine, "[trace]\nsample = \"100%\"\n[upstream.api]\nendpoints = [\""+up+"\"]\n[upstream.next]\nendpoints = [\""+up+"\"]\n"+
				"[route.r]\nupstream = \"api\"\n"+route)
			ask(t, address, "GET", "/")
			for range n {
				<-arrived
			}
			mu.Lock()
			defer mu.Unlock()
			got := parents
			parents = nil
			return got
		}
		if got := f("request_set_headers = { Traceparent = \"mine\" }\n", 1); got[0] != "mine" {
			t.Errorf("%s: a route that sets it: %q", engine, got)
		}
		if got := f("request_remove_headers = [\"TraceParent\"]\n", 1); got[0] != "" {
			t.Errorf("%s: a route that removes it: %q", engine, got)
		}
		if got := f("mirror = { upstream = \"next\" }\n", 2); got[0] != got[1] || len(got[0]) != 55 {
			t.Errorf("%s: a mirror: %q", engine, got)
		}
	}
}

// A reload to another collector loses no span: who ends later is recorded there.
func TestTraceReload(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		asked, release := make(chan struct{}, 1), make(chan struct{})
		up := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				asked <- struct{}{}
				<-release
			}
		}))
		first, one := collect(t)
		second, two := collect(t)
		config := func(url, sample string) string {
			return "[trace]\nsample = \"" + sample + "\"\nendpoint = \"" + url + "\"\n[upstream.api]\nendpoints = [\"" + up + "\"]\n[route.r]\nupstream = \"api\"\n"
		}
		g, address := serveOn(t, engine, config(first, "100%"))
		reload := func(text string) {
			t.Helper()
			if err := g.Reload(parseFor(t, engine, text)); err != nil {
				t.Fatal(err)
			}
		}
		c := dial(t, address)
		io.WriteString(c, "GET /early HTTP/1.1\r\nHost: h\r\n\r\nGET /slow HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n") // the upstream waits for it
		<-asked                                                                                                               // so the first one has ended
		reload(config(first, "0%"))                                                                                           // the same collector
		reload(config(second, "0%"))
		if text := <-one; !strings.Contains(text, "/early") || strings.Contains(text, "/slow") {
			t.Errorf("%s: the first collector got %s", engine, text)
		}
		close(release)
		io.ReadAll(c) // what it says does not matter
		c.Close()
		if err := g.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if text := <-two; !strings.Contains(text, "/slow") || len(one) > 0 {
			t.Errorf("%s: the second collector got %s", engine, text)
		}
	}
}

// A collector that hangs costs no request, and a shutdown no more time than it has.
func TestTraceCollectorHangs(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	up := newUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	for _, engine := range []string{looped, blocking} {
		cfg := parseFor(t, engine, "[trace]\nsample = \"100%\"\nendpoint = \""+s.URL+"\"\n[upstream.api]\nendpoints = [\""+up+"\"]\n[route.r]\nupstream = \"api\"\n")
		g, err := gateway.New(cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Listen(); err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- g.Serve() }()
		for range 20 {
			if res, _ := ask(t, g.Addr(cfg.Listeners[0].Name), "GET", "/"); res.StatusCode != 200 {
				t.Fatalf("%s: %d", engine, res.StatusCode)
			}
		}
		counted(t, g, `corsgate_requests_total{code_class="2xx"}{route="r"}`, 20) // a response is there before its span has ended
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		g.Shutdown(ctx) // that there was no time is its only error
		<-served
		if got := metric(g, "corsgate_trace_spans_dropped_total"); len(got) != 1 || !strings.HasSuffix(got[0], " 20") {
			t.Errorf("%s: %q, want 20", engine, got)
		}
	}
}
