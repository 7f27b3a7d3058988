package edge

import (
	"context"
	"io"
	"log"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/valyala/fasthttp"
)

// Options are what a configuration says of client connections. They are read once per request.
type Options struct {
	Limits wire.Limits
	// Header bounds the time from the first octet of a request to the end of its head, Idle the
	// wait between requests, BodyIdle a wait within content or in writing.
	Header, Idle, BodyIdle time.Duration
	// Connections bounds how many connections there are at once; further ones wait in the
	// listener's backlog. ConnectionsPerIP bounds those of one address (IPv6: of one /64), 0 not
	// at all; further ones are closed.
	Connections, ConnectionsPerIP int
}

// A Server runs handlers for the requests on its listeners' connections.
// Its methods may be called from any goroutine.
type Server struct {
	opts     atomic.Pointer[Options]
	draining atomic.Bool
	engine   fasthttp.Server
	handle   func(*Conn)
	onFault  func(*wire.Fault)

	mu    sync.Mutex
	conns map[*Conn]struct{}
	perIP map[netip.Prefix]int
	freed chan struct{} // has an element when a connection may have become free
}

// NewServer returns a server that calls handle for each valid request, on a goroutine of that
// connection. A handler must answer by Conn.Send before it returns. onFault is called for each
// request that is refused as malformed.
func NewServer(opts Options, handle func(*Conn), onFault func(*wire.Fault)) *Server {
	s := &Server{
		handle:  handle,
		onFault: onFault,
		conns:   make(map[*Conn]struct{}),
		perIP:   make(map[netip.Prefix]int),
		freed:   make(chan struct{}, 1),
	}
	s.opts.Store(&opts)
	s.engine = fasthttp.Server{
		Handler: s.exchange,
		// The buffers hold the constant request and an empty response.
		ReadBufferSize:        128,
		WriteBufferSize:       128,
		NoDefaultServerHeader: true,
		NoDefaultDate:         true,
		NoDefaultContentType:  true,
		LazyRequestTime:       true,
		// What it could complain about is not the operator's business.
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
	if c.Ends() {
		ctx.SetConnectionClose()
	}
}

// Serve accepts connections until the listener is closed. It returns nil then.
func (s *Server) Serve(l *Listener) error {
	l.server = s
	return s.engine.Serve(l)
}

// Connections returns how many connections there are on l.
func (s *Server) Connections(l *Listener) int { return int(l.open.Load()) }

// Drain ends idle connections now and others after their current response, which says so. It
// returns when all have ended, or with the context's error when the context is done, after it
// has closed the rest. Listeners must be closed before.
func (s *Server) Drain(ctx context.Context) error {
	s.draining.Store(true)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		s.mu.Lock()
		left := len(s.conns)
		for c := range s.conns {
			if c.idle.Load() {
				c.wake()
			}
		}
		s.mu.Unlock()
		if left == 0 {
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

func (s *Server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.Conn.Close() //nolint:errcheck // nothing is left to be done about it
	}
}

// admit registers a connection that was accepted. It reports false if its address has too many.
func (s *Server) admit(nc net.Conn, l *Listener) (*Conn, bool) {
	peer := peerAddr(nc)
	opts := s.opts.Load()
	c := &Conn{Conn: nc, server: s, peer: peer, on: l, opts: opts, ended: true}
	s.mu.Lock()
	defer s.mu.Unlock()
	if opts.ConnectionsPerIP > 0 {
		site := siteOf(peer)
		if s.perIP[site] >= opts.ConnectionsPerIP {
			return nil, false
		}
	}
	s.perIP[siteOf(peer)]++
	s.conns[c] = struct{}{}
	l.open.Add(1)
	return c, true
}

// forget removes a connection. It reports false if that was done before.
func (s *Server) forget(c *Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.conns[c]; !ok {
		return false
	}
	delete(s.conns, c)
	site := siteOf(c.peer)
	if s.perIP[site]--; s.perIP[site] == 0 {
		delete(s.perIP, site)
	}
	c.on.open.Add(-1)
	select {
	case s.freed <- struct{}{}:
	default:
	}
	return true
}

// full reports whether there are as many connections as there may be.
func (s *Server) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns) >= s.opts.Load().Connections
}

// siteOf returns what connections are counted by: an IPv4 address or an IPv6 /64.
func siteOf(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return p
}

func peerAddr(nc net.Conn) netip.Addr {
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}
