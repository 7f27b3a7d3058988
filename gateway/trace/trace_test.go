package trace_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/trace"
	"go.uber.org/goleak"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// slow is the grammar of traceparent as a regular expression.
var slow = regexp.MustCompile(`^(00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}|[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?)$`)

func slowValid(v string) bool {
	switch {
	case !slow.MatchString(v), strings.HasPrefix(v, "ff"), strings.HasPrefix(v, "00") && len(v) != 55:
		return false
	}
	return v[3:35] != strings.Repeat("0", 32) && v[36:52] != strings.Repeat("0", 16)
}

var discard = slog.New(slog.DiscardHandler)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func FuzzParse(f *testing.F) {
	f.Add(parent)
	f.Add(parent[:54] + "0")                                         // not sampled
	f.Add("cc" + parent[2:] + "-what-comes")                         // a later version
	f.Add("cc" + parent[2:] + "x")                                   // of which the known part has no end
	f.Add(parent + "-x")                                             // version 00 has no more
	f.Add("ff" + parent[2:])                                         // no version
	f.Add(strings.ToUpper(parent))                                   // other digits
	f.Add("00-00000000000000000000000000000000-b7ad6b7169203331-01") // no trace
	f.Add("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01") // no parent
	f.Fuzz(func(t *testing.T, v string) {
		if strings.ContainsAny(v, "\n") {
			return
		}
		c, ok := trace.Parse([]byte(v))
		if ok != slowValid(v) {
			t.Fatalf("Parse(%q) = %t", v, ok)
		}
		if again := string(c.Append(nil)); ok && again[2:53] != v[2:53] {
			t.Errorf("%q is %q when written again", v, again)
		} else if ok {
			flags, _ := strconv.ParseUint(v[53:55], 16, 8)
			if want := fmt.Sprintf("%02x", flags&3); again[53:] != want {
				t.Errorf("%q has the flags %q when written again, want %q", v, again[53:], want)
			}
		}
	})
}

// A collector gets each span once, in the shape of OTLP's JSON.
func TestExport(t *testing.T) {
	var mu sync.Mutex
	var bodies []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		bodies = append(bodies, r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type")+" "+string(b))
	}))
	defer s.Close()
	e := trace.New(s.URL, "edge", func(n int) { t.Errorf("%d spans are lost", n) })
	c, _ := trace.Parse([]byte(parent))
	e.Put(&trace.Span{Context: c, From: [8]byte{1}, Start: time.Unix(1, 2), End: time.Unix(3, 4), Method: "GET", Route: "api", Path: "/a", Status: 502})
	e.Stop()
	e.Run(t.Context(), discard)
	if len(bodies) != 1 {
		t.Fatalf("the collector got %d requests", len(bodies))
	}
	var compact bytes.Buffer
	prefix, body, _ := strings.Cut(bodies[0], "{")
	if err := json.Compact(&compact, []byte("{"+body)); err != nil {
		t.Fatal(err)
	}
	const want = `POST /v1/traces application/json {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"edge"}}]},` +
		`"scopeSpans":[{"scope":{"name":"corsgate"},"spans":[{"attributes":[{"key":"http.response.status_code","value":{"intValue":"502"}},` +
		`{"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"url.path","value":{"stringValue":"/a"}},{"key":"error.type","value":{"stringValue":"502"}},{"key":"corsgate.route","value":{"stringValue":"api"}}],` +
		`"endTimeUnixNano":"3000000004","flags":1,"kind":2,"name":"GET api","parentSpanId":"0100000000000000","spanId":"b7ad6b7169203331",` +
		`"startTimeUnixNano":"1000000002","status":{"code":2},"traceId":"0af7651916cd43dd8448eb211c80319c"}]}]}]}`
	if got := prefix + compact.String(); got != want {
		t.Errorf("the collector got\n%s\nwant\n%s", got, want)
	}
}

// running runs e, and returns what stops it and waits for its end.
func running(ctx context.Context, e *trace.Exporter) (stop func()) {
	ended := make(chan struct{})
	go func() { e.Run(ctx, discard); close(ended) }()
	return func() { e.Stop(); <-ended }
}

// A collector that hangs, and then fails, makes nobody wait; what is lost is counted.
func TestExportDrops(t *testing.T) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-release
		w.WriteHeader(503)
	}))
	defer s.Close()
	var lost atomic.Int64
	e := trace.New(s.URL, "edge", func(n int) { lost.Add(int64(n)) })
	stop := running(t.Context(), e)
	const spans = 10_000
	for range spans {
		e.Put(&trace.Span{})
	}
	if lost.Load() == 0 {
		t.Error("the queue has no bound")
	}
	close(release)
	stop()
	e.Put(&trace.Span{})
	if lost.Load() != spans+1 {
		t.Errorf("%d spans are counted as lost, want %d", lost.Load(), spans+1)
	}
}

// Whoever cannot wait for a collector that hangs does not have to.
func TestExportAbandoned(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-release
	}))
	defer s.Close()
	defer close(release)
	var lost atomic.Int64
	e := trace.New(s.URL, "edge", func(n int) { lost.Add(int64(n)) })
	ctx, cancel := context.WithCancel(t.Context())
	stop := running(ctx, e)
	e.Put(&trace.Span{})
	e.Stop()
	<-asked
	cancel()
	stop()
	if lost.Load() != 1 {
		t.Errorf("%d spans are counted as lost, want 1", lost.Load())
	}
}

// A collector that is not there, or sends the spans elsewhere, does not take them.
func TestExportFails(t *testing.T) {
	s := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect))
	defer s.Close()
	for _, endpoint := range []string{"http://127.0.0.1:1", s.URL} {
		lost := 0
		e := trace.New(endpoint, "edge", func(n int) { lost += n })
		e.Put(&trace.Span{})
		e.Stop()
		e.Run(t.Context(), discard)
		if lost != 1 {
			t.Errorf("%s: %d spans are counted as lost, want 1", endpoint, lost)
		}
	}
}

// A client cannot invent names of spans.
func TestExportMethod(t *testing.T) {
	f := func(method, want string) {
		t.Helper()
		got := ""
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			got = regexp.MustCompile(`"name":"[^"]* r"`).FindString(string(b))
		}))
		defer s.Close()
		e := trace.New(s.URL, "edge", func(int) {})
		e.Put(&trace.Span{Method: method, Route: "r"})
		e.Stop()
		e.Run(t.Context(), discard)
		if got != want {
			t.Errorf("%s: %s, want %s", method, got, want)
		}
	}
	f("PATCH", `"name":"PATCH r"`)
	f("INVENTED", `"name":"HTTP r"`)
}
