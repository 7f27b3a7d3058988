package upstream

import (
	"crypto/tls"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a configuration says of an upstream. Durations are positive
// but where 0 has a meaning; "no bound" is a very long one.
type Options struct {
	MaxConnections   int           // per endpoint
	MaxQueue         int           // exchanges that wait for a connection, per endpoint
	QueueTimeout     time.Duration // for a connection
	ConnectTimeout   time.Duration
	FirstByteTimeout time.Duration // from the request to the response's head
	IdleTimeout      time.Duration // no progress on content, either way
	KeepAlive        time.Duration // for which an idle connection is kept; 0: not at all
	Retries          int           // further attempts, where one is safe
	Host             string        // sent as Host; "": the client's

	// TLS is what endpoints with a ServerName are spoken to with: authorities and the client's
	// certificate. nil: the system's authorities, no certificate. It must not be changed.
	TLS *tls.Config
	// SendProxy has each connection begin with a PROXY protocol header (version 2). It then speaks
	// for one client connection, and for one request of it: it is not used again.
	SendProxy bool
}

// An Upstream is a named group of endpoints. It is safe for concurrent use.
type Upstream struct {
	Name string
	opts Options
	host []byte // opts.Host
	set  atomic.Pointer[set]
	stop chan struct{}

	mu      sync.Mutex // of what changes the set; no exchange takes it
	stopped bool
}

// New returns an upstream that is not started: Do works, but idle connections are not expired.
func New(name string, addresses []Address, opts Options) *Upstream {
	u := &Upstream{Name: name, opts: opts, stop: make(chan struct{}), host: []byte(opts.Host)}
	u.set.Store(&set{})
	u.SetEndpoints(addresses)
	return u
}

// Host returns what is sent as Host for a request that carries host, which is empty if it carries
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

// Retries returns how many further attempts an exchange may make, where one is safe.
func (u *Upstream) Retries() int { return u.opts.Retries }

// Start begins to close connections that have been idle for too long. Stop ends it.
func (u *Upstream) Start() { go u.expire() }

func (u *Upstream) expire() {
	tick := time.NewTicker(max(u.opts.KeepAlive/4, 10*time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-u.stop:
			return
		case now := <-tick.C:
			for _, e := range u.Endpoints() {
				e.expire(now)
			}
		}
	}
}

// Stop closes idle connections. Exchanges under way go on, and their connections are closed
// after them.
func (u *Upstream) Stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.stopped {
		close(u.stop)
	}
	u.stopped = true
	for _, e := range u.Endpoints() {
		e.close()
	}
}

// A Choice is what Pick has to know of an exchange.
type Choice struct {
	Failed *Endpoint // the one that has just failed; nil: none
}

// Pick chooses the endpoint with fewer exchanges in flight of two chosen at random, which is
// nearly as even as asking all and does not herd. It returns nil if there is no endpoint.
func (u *Upstream) Pick(c Choice) *Endpoint {
	list := u.Endpoints()
	n := len(list)
	switch n {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	i := rand.IntN(n)
	j := rand.IntN(n - 1)
	if j >= i {
		j++
	}
	a, b := list[i], list[j]
	switch {
	case a == c.Failed:
		return b
	case b == c.Failed || a.inFlight.Load() <= b.inFlight.Load():
		return a
	}
	return b
}
