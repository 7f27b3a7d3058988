package edge

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/valyala/fasthttp"
)

// Options are what a configuration says about client connections. They are read once per request.
type Options struct {
	Limits wire.Limits
	// Header bounds the time from the first byte of a request to the end of its head, Idle the
	// wait between requests, BodyIdle a wait within content or in writing.
	Header, Idle, BodyIdle time.Duration
	// Connections bounds how many connections there are at once; further ones wait in the
	// listener's backlog. ConnectionsPerIP bounds those of one address (IPv6: of one /64), 0 not
	// at all; further ones are closed.
	Connections, ConnectionsPerIP int
	// Descriptors is the first descriptor that connections may not have, whatever Connections says; 0: they may have any.
	Descriptors int
	// TLS is for listeners with TLS; see [tlsconf.New]. nil: no certificate is configured.
	TLS *tls.Config
	// Proxies are the peers whose PROXY protocol is believed.
	Proxies []netip.Prefix
}

// A Server runs handlers for the requests on its listeners' connections.
// Its methods may be called from any goroutine.
type Server struct {
	opts        atomic.Pointer[Options]
	draining    atomic.Bool
	grace       atomic.Int64 // of the drain
	engine      fasthttp.Server
	handle      func(*Conn)
	onFault     func(*wire.Fault, netip.Addr)
	refuse      func(*Conn, *wire.Fault)
	onFailure   func(*Failure, *Listener, netip.Addr, error)
	onExhausted func(*Listener, error)
	onFlood     func(on *Listener, peer netip.Addr, protocol, kind string)
	sessions    *tls.Config // of all TLS connections
	shaking     *handshakes // of TLS over TCP, under way

	http2 h2.Counts

	mu    sync.Mutex
	conns map[*Conn]struct{}

	idleConns   sync.Pool // of *Conn, for streams
	frameSpaces sync.Pool // of *frameSpace

	admission admission
	born      time.Time
	pressure  pressure
	holders   []Holder
	ahead     ahead
	pipes     pipes
}

// NewServer returns a server that calls handle for each valid request, on a goroutine of that
// connection. A handler must answer by Conn.Send before it returns. onFault is called for each
// connection, or each request without OnRefusal, that is refused as malformed, with the client's address.
func NewServer(opts Options, handle func(*Conn), onFault func(*wire.Fault, netip.Addr)) *Server {
	s := &Server{
		born:      time.Now(),
		handle:    handle,
		onFault:   onFault,
		conns:     make(map[*Conn]struct{}),
		admission: newAdmission(),
		shaking:   newHandshakes(),
	}
	s.opts.Store(&opts)
	s.grace.Store(int64(Grace))
	s.sessions = s.newSessions()
	s.engine = fasthttp.Server{
		Handler: s.exchange,
		// The buffers hold the constant request and an empty response.
		ReadBufferSize:        128,
		WriteBufferSize:       128,
		NoDefaultServerHeader: true,
		NoDefaultDate:         true,
		NoDefaultContentType:  true,
		LazyRequestTime:       true,
		// What it could log does not help an operator.
		Logger: log.New(io.Discard, "", 0),
	}
	return s
}

// Configure replaces the options, for requests and connections that begin from now on.
func (s *Server) Configure(opts Options) { s.opts.Store(&opts) }

// exchange is fasthttp's handler.
func (s *Server) exchange(ctx *fasthttp.RequestCtx) {
	c := ctx.Conn().(*Conn)
	s.handle(c)
	if c.over() {
		ctx.SetConnectionClose()
	}
}

// Serve accepts connections until the listener is closed. It returns nil then.
func (s *Server) Serve(l *Listener) error {
	l.server = s
	return s.engine.Serve(l)
}

// Options returns the options in force.
func (s *Server) Options() *Options { return s.opts.Load() }

// Fault reports a refusal of a client's connection to onFault.
func (s *Server) Fault(f *wire.Fault, peer netip.Addr) { s.onFault(f, peer) }

// Draining reports whether the server drains.
func (s *Server) Draining() bool { return s.draining.Load() }

// Grace returns how much of [Grace] a connection has that ends now: less than all, if the server drains and has less time.
func (s *Server) Grace() time.Duration { return time.Duration(s.grace.Load()) }

// Grace is how long a connection that is to end waits between requests for one more, which its client
// may have sent already: it is answered, and the response says that the connection ends. Without
// that time a request that crosses our close of the connection would be lost.
const Grace = time.Second

// GraceBefore returns how much of [Grace] there is if all has to be over when ctx is done.
func GraceBefore(ctx context.Context) time.Duration {
	if by, ok := ctx.Deadline(); ok {
		return max(0, min(Grace, time.Until(by)/2))
	}
	return Grace
}

// Retire has a listener accept no more. Its connections end after their current response, which says so;
// those between requests wait for one more, for [Grace]. Tunnels continue.
func (s *Server) Retire(l *Listener) { s.retire(l, Grace) }

// Revoke is Retire for a listener whose clients were let in by rules that no longer hold: its connections serve no further
// request. Those between requests end at once, and the others after the requests that are under way.
func (s *Server) Revoke(l *Listener) {
	l.revoked.Store(true)
	s.retire(l, 0)
}

func (s *Server) retire(l *Listener, grace time.Duration) {
	l.retired.Store(true)
	l.Close() // a listener that cannot be closed does not accept either
	its := func(c *Conn) bool { return c.on == l }
	s.farewell(its)
	s.dismiss(grace, its)
}

// Drain retires all connections. It returns when all have ended, or with the context's error when the
// context is done, after it has closed the rest. Listeners must be closed before.
func (s *Server) Drain(ctx context.Context) error {
	grace := GraceBefore(ctx)
	s.grace.Store(int64(grace))
	s.draining.Store(true)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for turn := 0; ; turn++ {
		if turn%20 == 0 {
			s.goAway()
		}
		if s.dismiss(grace, func(*Conn) bool { return true }) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			s.closeAll()
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// dismiss gives connections that are between requests the grace. It returns how many connections there are.
func (s *Server) dismiss(grace time.Duration, which func(*Conn) bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	by := time.Now().Add(grace)
	for c := range s.conns {
		if c.carrier == nil && which(c) && c.idle.CompareAndSwap(true, false) {
			c.Conn.SetReadDeadline(by) // a dead socket shows at the read
		}
	}
	return len(s.conns)
}

func (s *Server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if unsent(c.socket) {
			resetOnClose(c.socket)
		}
		c.socket.Close() // nothing is left to be done about it
	}
}

// register makes a Conn of a socket that was admitted.
func (s *Server) register(nc net.Conn, peer netip.Addr, l *Listener) *Conn {
	c := &Conn{Conn: nc, socket: nc, opened: !l.TLS && !l.ProxyProtocol}
	if l.TLS {
		c.under = &transport{Conn: nc, on: l}
		c.Conn = tls.Server(c.under, s.sessions)
	}
	if l.HandBack != nil {
		c.handBack = func(nc net.Conn) bool { return l.HandBack(nc, c.peer, l, c.started) }
	}
	return s.enter(c, peer, l)
}

// enter has the drain know of a connection.
func (s *Server) enter(c *Conn, peer netip.Addr, l *Listener) *Conn {
	c.server, c.peer, c.on, c.opts, c.ended = s, peer, l, s.opts.Load(), true
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c] = struct{}{}
	return c
}

// forget removes a connection that has ended or was handed back.
func (s *Server) forget(c *Conn) {
	if !c.moved {
		s.Release(c.peer, c.on) // first: when the drain sees no connection, none is counted
	}
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
}

// Adopt serves a connection that was admitted and served elsewhere until now, on a goroutine of
// its own: a socket, or one of this package's [tls.Conn] after its handshake. read is what has been
// read of its next request; it is kept. When the connection has become idle it is offered to
// handBack, which may be nil and which closes the connection if it takes it; nothing more is done with it here then.
func (s *Server) Adopt(nc net.Conn, peer netip.Addr, l *Listener, read []byte, handBack func(net.Conn) bool) {
	c := &Conn{Conn: nc, socket: nc, opened: true, in: read, w: len(read), handBack: handBack}
	if secure, ok := nc.(*tls.Conn); ok {
		c.under = secure.NetConn().(*transport)
		c.socket = c.under.Conn
	}
	s.enter(c, peer, l)
	c.under.wait(c.opts.BodyIdle)
	if cap(read) < firstBuffer {
		c.in = append(make([]byte, 0, firstBuffer), read...)
	}
	c.in = c.in[:cap(c.in)]
	go func() {
		defer c.Close()
		s.engine.ServeConn(c) // an error is the client's
	}()
}
