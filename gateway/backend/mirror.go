package backend

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/transport"
)

// Bounds on what mirrors may cost.
const (
	maxMirrored   = 64               // copies under way, for each route
	mirrorTime    = 10 * time.Second // of a copy and its response, at most
	mirrorContent = 1 << 20          // bytes of a response that are read to keep its connection
)

// A Mirror sends copies of a share of a route's requests to another upstream, and drops the
// responses. The answer to the request neither waits for a copy nor changes with it: a copy that
// finds no room is dropped, and counted.
//
// A copy is a request of its own: it says who the client is, has the route's changes, and the Host
// of its upstream, by which that can tell copies.
type Mirror struct {
	route    string
	Upstream *Upstream
	share    float64
	timeout  time.Duration
	under    atomic.Int64 // copies under way
	metrics  metrics.Mirror
}

// NewMirror returns nil if a route has no mirror.
func NewMirror(c *config.Route, upstreams Set, m *metrics.Metrics) *Mirror {
	if c.Mirror == nil || c.Mirror.Share == 0 {
		return nil
	}
	r := &Mirror{route: c.Name, Upstream: upstreams[c.Mirror.Upstream], share: c.Mirror.Share, timeout: mirrorTime, metrics: m.Mirror(c.Name)}
	if c.Timeout > 0 { // else there is none, or it bounds the wait for the beginning only
		r.timeout = min(r.timeout, c.Timeout)
	}
	return r
}

// Chosen reports whether a request is one of the share that is copied.
func (m *Mirror) Chosen() bool { return m.share >= 1 || rand.Float64() < m.share }

// Skip counts a request that was chosen and cannot be copied.
func (m *Mirror) Skip() { m.metrics.Skipped.Inc() }

// Copies are the copies of all routes, whatever configuration they are of.
type Copies struct {
	log     *slog.Logger
	over    context.Context // of every copy
	giveUp  context.CancelFunc
	mu      sync.Mutex
	stopped bool
	under   sync.WaitGroup
}

// NewCopies returns copies that log to log.
func NewCopies(log *slog.Logger) *Copies {
	c := &Copies{log: log}
	c.over, c.giveUp = context.WithCancel(context.Background())
	return c
}

// Begin makes room for a copy, which Send then sends, or counts it as dropped and reports false.
func (c *Copies) Begin(m *Mirror) bool {
	if m.under.Add(1) <= maxMirrored && c.begin() {
		return true
	}
	m.under.Add(-1)
	m.metrics.Dropped.Inc()
	return false
}

// begin counts a copy. It reports false when no more copies are to be made.
func (c *Copies) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped {
		c.under.Add(1)
	}
	return !c.stopped
}

// Stop lets no more copies begin, and returns when those under way have ended. They are given up
// after grace, or when done is closed: they are not worth the wait.
func (c *Copies) Stop(grace time.Duration, done <-chan struct{}) {
	c.mu.Lock()
	c.stopped = true
	c.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		c.under.Wait()
		close(ended)
	}()
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case <-ended:
	case <-late.C:
	case <-done:
	}
	c.giveUp()
	<-ended
}

// A Copy is a copy of a request, which nothing else refers to.
type Copy struct {
	Mirror *Mirror
	// Text is the head, of Head bytes, and the content.
	Text   []byte
	Head   int
	Method []byte
	Client *net.TCPAddr // nil: the upstream gets no PROXY protocol header
}

// Send sends a copy, and waits until its response has ended. Precondition: Begin has made room for it.
func (c *Copies) Send(p *Copy) {
	m := p.Mirror
	status := 0
	defer func() {
		if what := recover(); what != nil {
			c.log.Error("panic while mirroring a request", "route", m.route, "panic", what)
		}
		if status > 0 {
			m.metrics.Answered.Inc()
		} else {
			m.metrics.Failed.Inc()
		}
		m.under.Add(-1)
		c.under.Done()
	}()
	now := time.Now()
	x := &transport.Exchange{Head: p.Text[:p.Head:p.Head], Content: p.Text[p.Head:], Method: p.Method, Now: now, Context: c.over}
	if p.Client != nil {
		x.Source, x.Target = p.Client, p.Client
	}
	a := upstream.Attempts{To: m.Upstream.Pool, Deadline: now.Add(m.timeout), Idempotent: upstream.IsIdempotent(p.Method)}
	a.Begin()
	if err := x.Do(&a); err != nil {
		c.log.Debug("mirror failed", "route", m.route, "upstream", m.Upstream.Name, "error", err)
		return
	}
	status = x.Response.Status
	m.Upstream.Count(x.Endpoint, status)
	for read := 0; read < mirrorContent; {
		data, err := x.Next()
		if read += len(data); err != nil {
			break // or the end
		}
	}
	x.End(time.Now())
}
