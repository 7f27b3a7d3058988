package upstream_test

import (
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/balance"
)

// A patient answers health checks as it is told.
type patient struct {
	*server
	says  atomic.Value // string; "" : nothing, ever
	asked atomic.Int64
	mu    sync.Mutex
	seen  []*http.Request
}

func newPatient(t *testing.T) *patient {
	p := &patient{}
	p.says.Store(ok)
	p.server = serve(t, func(c *peer) {
		req, _ := c.request()
		if req == nil {
			return
		}
		p.mu.Lock()
		p.seen = append(p.seen, req)
		p.mu.Unlock()
		p.asked.Add(1)
		if says := p.says.Load().(string); says != "" {
			c.say(says)
			return
		}
		c.r.ReadByte() // until it is given up
	})
	return p
}

func checked(h upstream.Health) upstream.Options {
	opts := options()
	h.Interval, h.Timeout = 2*time.Millisecond, patience
	h.Healthy, h.Unhealthy = 2, 3
	opts.Health = &h
	return opts
}

// until waits for something that nobody tells of.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not come about that %s", what)
		}
	}
}

func usable(u *upstream.Upstream, i int) func() bool {
	return func() bool { return u.Status()[i].Usable }
}

func not(f func() bool) func() bool { return func() bool { return !f() } }

// TestHealthHTTP: bad answers take an endpoint out of use, good ones bring it back.
func TestHealthHTTP(t *testing.T) {
	sick, well := newPatient(t), serve(t, answer)
	opts := checked(upstream.Health{Path: "/healthz?deep=1", Status: []int{200, 204}})
	opts.Host = "api.example.com"
	u := pool(t, opts, sick.server, well)
	for _, says := range []string{
		"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: /healthz\r\nContent-Length: 0\r\n\r\n", // is not followed
		"NONSENSE\r\n\r\n",
	} {
		sick.says.Store(says)
		until(t, "it is taken out of use", not(usable(u, 0)))
		until(t, "the other alone is picked", func() bool {
			for range 20 {
				if u.Pick(&balance.Choice{}) != u.Endpoints()[1] {
					return false
				}
			}
			return true
		})
		if s := u.Status(); !strings.HasPrefix(s[0].Unhealthy, "health check: ") || !s[1].Usable {
			t.Errorf("status %+v", s)
		}
		sick.says.Store("HTTP/1.1 204 No Content\r\n\r\n")
		until(t, "it is back", usable(u, 0))
	}
	sick.mu.Lock()
	defer sick.mu.Unlock()
	for _, req := range sick.seen {
		if req.Method != "GET" || req.RequestURI != "/healthz?deep=1" || req.Host != "api.example.com" {
			t.Fatalf("asked %s %s of %s", req.Method, req.RequestURI, req.Host)
		}
	}
}

// TestHealthTimeout: an endpoint that accepts and says nothing is unwell.
func TestHealthTimeout(t *testing.T) {
	sick, well := newPatient(t), serve(t, answer)
	sick.says.Store("")
	opts := checked(upstream.Health{Path: "/", Status: []int{200}})
	opts.Health.Timeout = 5 * time.Millisecond
	u := pool(t, opts, sick.server, well)
	until(t, "it is taken out of use", not(usable(u, 0)))
}

// TestHealthConnect: without a path a connection is enough.
func TestHealthConnect(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() // it never accepts: the kernel does
	list := []upstream.Address{{Label: "a", Network: "tcp", Dial: ln.Addr().String()}, dead(t)}
	u := upstream.New("test", list, checked(upstream.Health{}))
	u.Start()
	defer u.Stop()
	until(t, "the dead one is out", not(usable(u, 1)))
	if !u.Status()[0].Usable {
		t.Error("the other is out as well")
	}
}

// TestHealthEnds: endpoints that have left, and stopped upstreams, are not checked any more.
func TestHealthEnds(t *testing.T) {
	a, b := newPatient(t), newPatient(t)
	u := pool(t, checked(upstream.Health{Path: "/", Status: []int{200}}), a.server)
	until(t, "the first is checked", func() bool { return a.asked.Load() > 2 })
	u.SetEndpoints([]upstream.Address{b.address()})
	until(t, "the second is checked", func() bool { return b.asked.Load() > 2 })
	n := a.asked.Load()
	m := b.asked.Load()
	until(t, "the second is checked again", func() bool { return b.asked.Load() > m+5 })
	if more := a.asked.Load() - n; more > 1 { // one may have been under way
		t.Errorf("%d more checks of an endpoint that has left", more)
	}
	u.Stop()
	runtime.Gosched()
}
