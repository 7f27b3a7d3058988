package upstream

import (
	"context"
	"crypto/tls"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream/balance"
	"github.com/corsgate/corsgate/gateway/upstream/discover"
)

// Options are what a configuration says of an upstream. Durations are positive
// but where 0 has a meaning; "no bound" is a very long one.
type Options struct {
	Balance          balance.Method
	SlowStart        time.Duration // in which the share of an endpoint that has come back grows; 0: at once
	MaxConnections   int           // per endpoint
	MaxStreams       int           // tunnels and event streams, per endpoint, not counted in MaxConnections; 0: no bound
	MaxQueue         int           // exchanges that wait for a connection, per endpoint
	QueueTimeout     time.Duration // for a connection
	ConnectTimeout   time.Duration
	FirstByteTimeout time.Duration // from the request to the response's head
	IdleTimeout      time.Duration // no progress on content, either way
	KeepAlive        time.Duration // for which an idle connection is kept; 0: not at all
	Retries          int           // further attempts, where one is safe, 0 to MaxRetries
	RetryBudget      float64       // the share of recent exchanges that may be repeated
	Host             string        // sent as Host; "": the client's
	Health           *Health       // active checks; nil: none
	Ejection         Ejection

	// TLS is what endpoints with a ServerName are spoken to with: authorities and the client's
	// certificate. nil: the system's authorities, no certificate. It must not be changed.
	TLS *tls.Config
	// SendProxy has each connection begin with a PROXY protocol header (version 2). It then speaks
	// for one client connection, and for one request of it: it is not used again.
	SendProxy bool

	// Descriptors is the first descriptor that connections may not have; 0: they may have any.
	Descriptors int

	Retried func() // if set, called for each further attempt, on any goroutine
}

// An Upstream is a named group of endpoints. It is safe for concurrent use.
type Upstream struct {
	Name string
	// Changed, if set before Start, is called for each change of an endpoint's condition, for one at
	// a time. It must not wait.
	Changed func(Change)
	// Looked, if set before Start, is called after each look-up of a name, for one name at a time in
	// order, for several at once. It must not wait.
	Looked func(Lookup)
	// OnExhausted, if set before Start, is called when a connection cannot be made because
	// there are no descriptors, on any goroutine, again and again while it is waited for. It
	// may make room.
	OnExhausted func()

	opts   Options
	host   []byte // opts.Host
	set    atomic.Pointer[set]
	totals balance.Totals // of all sets
	budget budget
	down   atomic.Bool  // see judge
	tried  atomic.Int64 // when an exchange continued nevertheless, in Unix nanoseconds
	stop   chan struct{}
	kicked chan struct{} // has an element when there is something to review

	mu        sync.Mutex // of what follows, and of the condition of endpoints; no exchange takes it
	addresses []Address  // of the set's endpoints
	panicking bool       // no endpoint can be used, so all are
	ramping   bool       // the weight of an endpoint has yet to grow
	started   bool
	stopped   bool

	configured    []Address           // as New got them
	servers       [][]discover.Server // of those that have a Finder, as far as is known; guarded by mu
	looking       sync.WaitGroup      // for the first look-ups
	looked        chan struct{}       // closed after them
	settled       time.Time           // after which they are not waited for
	stopFollowing context.CancelFunc  // nil before Start
}

// New returns an upstream that is not started: exchanges work, but idle connections do not expire
// and the health of endpoints is not checked.
func New(name string, addresses []Address, opts Options) *Upstream {
	u := &Upstream{Name: name, opts: opts, host: []byte(opts.Host), stop: make(chan struct{}), kicked: make(chan struct{}, 1),
		configured: addresses, servers: make([][]discover.Server, len(addresses)), looked: make(chan struct{})}
	u.set.Store(&set{})
	u.budget.left = minRetries
	u.budget.allowed.Store(minRetries)
	if slices.ContainsFunc(addresses, func(a Address) bool { return a.Find != nil }) {
		addresses = spread(addresses, u.servers)
	} else {
		close(u.looked)
	}
	u.SetEndpoints(addresses)
	return u
}

// Host returns the Host to send for a request that carries host, which is empty if it carries
// none.
func (u *Upstream) Host(host []byte) []byte {
	switch {
	case u.opts.Host != "":
		return u.host
	case len(host) > 0:
		return host
	}
	return u.set.Load().authority
}

// Options returns the options, which must not be changed.
func (u *Upstream) Options() *Options { return &u.opts }

// Start begins to look after the endpoints. Stop ends it.
func (u *Upstream) Start() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.started || u.stopped {
		return
	}
	u.started, u.settled = true, time.Now().Add(u.opts.ConnectTimeout)
	u.startChecks()
	select {
	case <-u.looked: // no name has to be
	default:
		u.startFollowing()
	}
	go u.tend()
}

// tend closes connections that have been idle for too long, renews the retry budget, and has the
// condition of endpoints reviewed when something has happened or time has passed.
func (u *Upstream) tend() {
	old := time.NewTicker(max(u.opts.KeepAlive/4, 10*time.Millisecond))
	defer old.Stop()
	second := time.NewTicker(budgetStep)
	defer second.Stop()
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		select {
		case <-u.stop:
			return
		case now := <-old.C:
			for _, e := range u.Endpoints() {
				e.conns.Expire(now)
			}
			continue
		case <-second.C:
			u.budget.renew(u.Endpoints(), u.opts.RetryBudget)
			continue
		case <-u.kicked:
		case <-due.C:
		}
		due.Reset(u.review(time.Now()))
	}
}

// kick has tend review the endpoints.
func (u *Upstream) kick() {
	select {
	case u.kicked <- struct{}{}:
	default:
	}
}

// Stop closes idle connections and ends what Start began. Exchanges in progress continue, and their
// connections are closed after them.
func (u *Upstream) Stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.stopped {
		close(u.stop)
	}
	if u.stopFollowing != nil {
		u.stopFollowing()
	}
	u.stopped = true
	for _, e := range u.Endpoints() {
		e.conns.Close()
		e.stopChecks()
	}
}
