package gateway

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/upstream"
)

// Bounds on what mirrors may cost.
const (
	maxMirrored   = 64               // copies under way, for each route
	mirrorTime    = 10 * time.Second // of a copy and its response, at most
	mirrorContent = 1 << 20          // octets of a response that are read to keep its connection
)

// A mirror sends copies of a share of a route's requests to another upstream, and drops the
// responses. The answer to the request neither waits for a copy nor changes with it: a copy that
// finds no room is dropped, and counted.
//
// A copy is a request of its own: it says who the client is, has the route's changes, and the Host
// of its upstream, by which that can tell copies.
type mirror struct {
	route    string
	upstream *upstreamPool
	share    float64
	timeout  time.Duration
	under    atomic.Int64 // copies under way
	metrics  metrics.Mirror
}

// compileMirror returns nil if the route has no mirror.
func (s *snapshot) compileMirror(c *config.Route, m *metrics.Metrics) *mirror {
	if c.Mirror == nil || c.Mirror.Share == 0 {
		return nil
	}
	r := &mirror{route: c.Name, upstream: s.upstreams[c.Mirror.Upstream], share: c.Mirror.Share, timeout: mirrorTime, metrics: m.Mirror(c.Name)}
	if c.Timeout > 0 { // else there is none, or it bounds the wait for the beginning only
		r.timeout = min(r.timeout, c.Timeout)
	}
	return r
}

// mirrors are the copies of all routes and snapshots.
type mirrors struct {
	over    context.Context // of every copy
	giveUp  context.CancelFunc
	mu      sync.Mutex
	stopped bool
	under   sync.WaitGroup
}

// begin counts a copy. It reports false when no more copies are to be made.
func (m *mirrors) begin() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.stopped {
		m.under.Add(1)
	}
	return !m.stopped
}

// stop lets no more copies begin, and returns when those under way have ended. They are given up
// after grace, or when done is closed: nobody waits for them.
func (m *mirrors) stop(grace time.Duration, done <-chan struct{}) {
	m.mu.Lock()
	m.stopped = true
	m.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		m.under.Wait()
		close(ended)
	}()
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case <-ended:
	case <-late.C:
	case <-done:
	}
	m.giveUp()
	<-ended
}

// A copied is a copy of a request, which nothing else refers to.
type copied struct {
	g        *Gateway
	mirror   *mirror
	octets   []byte
	head     int
	method   []byte
	client   *net.TCPAddr // nil: the upstream is not told by the PROXY protocol
	exchange upstream.Exchange
}

// reflect sends a copy of the request to the route's mirror, if it is one of the share. content is
// all of its content, if whole is set; otherwise it is too large, or not here yet.
//
// Precondition: the route has a mirror, and the request's head is still to be read.
func (x *exchange) reflect(content []byte, whole bool) {
	m := x.route.mirror
	switch {
	case m.share < 1 && rand.Float64() >= m.share:
	case !whole || len(content) > smallContent || x.upgrade != "" || x.req.ConnectionAuth:
		m.metrics.Skipped.Inc()
	case m.under.Add(1) > maxMirrored:
		m.under.Add(-1)
		m.metrics.Dropped.Inc()
	case !x.g.mirrors.begin():
		m.under.Add(-1)
		m.metrics.Dropped.Inc()
	default:
		c := &copied{g: x.g, mirror: m, octets: make([]byte, 0, len(x.head)+len(content)+64)}
		c.octets = x.appendRequestTo(c.octets, m.upstream.pool)
		c.octets = x.appendFraming(c.octets, int64(len(content)))
		c.head = len(c.octets)
		c.octets = append(c.octets, content...)
		c.method = append(c.method, x.req.Method...)
		if m.upstream.config.SendProxyProtocol {
			c.client = net.TCPAddrFromAddrPort(netip.AddrPortFrom(x.client, 0))
		}
		go c.send()
	}
}

// send makes the exchange.
func (c *copied) send() {
	m := c.mirror
	status := 0
	defer func() {
		if p := recover(); p != nil {
			c.g.log.Error("panic while mirroring a request", "route", m.route, "panic", p)
		}
		if status > 0 {
			m.metrics.Answered.Inc()
		} else {
			m.metrics.Failed.Inc()
		}
		m.under.Add(-1)
		c.g.mirrors.under.Done()
	}()
	now := time.Now()
	x := &c.exchange
	*x = upstream.Exchange{Head: c.octets[:c.head:c.head], Content: c.octets[c.head:], Method: c.method, Now: now, Context: c.g.mirrors.over}
	if c.client != nil {
		x.Source, x.Target = c.client, c.client
	}
	a := upstream.Attempts{To: m.upstream.pool, Deadline: now.Add(m.timeout), Idempotent: upstream.IsIdempotent(c.method)}
	a.Begin()
	if err := a.Do(x); err != nil {
		c.g.log.Debug("mirror failed", "route", m.route, "upstream", m.upstream.name, "error", err)
		return
	}
	status = x.Response.Status
	m.upstream.count(x.Endpoint, status)
	for read := 0; read < mirrorContent; {
		data, err := x.Next()
		if read += len(data); err != nil {
			break // or the end
		}
	}
	x.End(time.Now())
}
