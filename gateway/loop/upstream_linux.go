package loop

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/sys/unix"
)

// A pool is what a loop has of an endpoint: connections of its own, and those that wait for one.
type pool struct {
	endpoint *upstream.Endpoint
	idle     []*upconn // most recently used last
	queue    []*hold   // oldest first; some may have been given up
}

// An upconn is a connection to an endpoint. It is idle, or belongs to one exchange.
type upconn struct {
	socket
	pool   *pool
	client *client // nil: idle
	reused bool
	since  time.Time // idle since

	unsent   []byte // of the request, not ours: part of what Exchange.Request returned
	saved    []byte // part of a response's head
	interims int8
	got      bool // an octet of a response has come

	// Of a response whose head was received.
	begun   bool         // the head is on its way to the client
	as      wire.Framing // how content goes to the client
	framing wire.Framing // how it comes
	left    int64
	chunked wire.Chunked
	keep    bool // the connection may be used again after it
}

// A hold is a client's wait for a connection: in the queue, or for one that is being made.
type hold struct {
	client *client // nil: given up
	pool   *pool
	queued bool
}

const maxInterims = 16

var responseLimits = wire.Limits{HeadBytes: readBuffer, Fields: 128}

func (l *Loop) poolOf(e *upstream.Endpoint) *pool {
	p := l.pool[e]
	if p == nil {
		p = &pool{endpoint: e}
		l.pool[e] = p
	}
	return p
}

// forward sends a request to its upstream.
func (l *Loop) forward(c *client, x Exchange, content []byte) {
	x.Prepare(content)
	c.x, c.tries = x, int8(x.Upstream().Retries())
	l.wheel.clear(&c.socket)
	l.choose(c, nil)
}

// choose picks an endpoint for c's exchange, other than the one that has just failed.
func (l *Loop) choose(c *client, failed *upstream.Endpoint) {
	e := c.x.Upstream().Pick(failed)
	p := l.poolOf(e)
	switch {
	case e.TryEnter():
		l.connect(c, p)
	case e.TryQueue():
		c.hold = &hold{client: c, pool: p, queued: true}
		p.queue = append(p.queue, c.hold)
		l.arm(&c.socket, e.Options().QueueTimeout)
	default:
		l.fail(c, e, &upstream.Error{Status: 503, Class: upstream.ClassQueue, Err: upstream.ErrQueueFull})
	}
}

// connect gives c's exchange, which has entered the endpoint, a connection: an idle one, or a new.
func (l *Loop) connect(c *client, p *pool) {
	if n := len(p.idle); n > 0 {
		u := p.idle[n-1]
		p.idle = p.idle[:n-1]
		u.reused = true
		l.ask(c, u)
		return
	}
	l.dial(c, p)
}

// dial makes a connection on a goroutine, which can look names up and wait; it is rare.
func (l *Loop) dial(c *client, p *pool) {
	h := &hold{client: c, pool: p}
	c.hold = h
	deadline := c.x.Deadline()
	go func() {
		fd, err := dialOnce(p.endpoint, deadline)
		if !l.Post(func() { l.dialed(h, fd, err) }) && err == nil {
			unix.Close(fd) //nolint:errcheck // it was not used
		}
	}()
}

// dialOnce returns a connected descriptor of our own.
func dialOnce(e *upstream.Endpoint, deadline time.Time) (fd int, err error) {
	nc, err := e.Dial(deadline)
	if err != nil {
		return -1, err
	}
	defer nc.Close() //nolint:errcheck // the duplicate goes on
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return -1, err
	}
	if e := raw.Control(func(original uintptr) {
		fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	}); e != nil {
		return -1, e
	}
	return fd, err
}

// dialed is told what became of a dial.
func (l *Loop) dialed(h *hold, fd int, err error) {
	p, c := h.pool, h.client
	if err != nil {
		p.endpoint.Leave()
		l.serveQueue(p)
		if c == nil {
			return
		}
		c.hold = nil
		if late := expired(c.x.Deadline()); c.tries > 0 && !late {
			c.tries--
			l.choose(c, p.endpoint)
			l.settle(c)
		} else {
			status := 502
			if late {
				status = 504
			}
			l.fail(c, p.endpoint, &upstream.Error{Status: status, Class: upstream.ClassConnect, Err: err})
			l.settle(c)
		}
		return
	}
	u := &upconn{pool: p}
	u.fd, u.up = int32(fd), u
	if err := l.add(&u.socket, readable); err != nil {
		panic("BUG: epoll_ctl: " + err.Error())
	}
	if c == nil {
		p.endpoint.Leave()
		l.idle(u)
		return
	}
	c.hold = nil
	l.ask(c, u)
}

func expired(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }

// ask writes the request of c's exchange to u and waits for the response.
func (l *Loop) ask(c *client, u *upconn) {
	u.client, c.up = c, u
	u.got, u.begun, u.interims = false, false, 0
	u.unsent = c.x.Request()
	n, err := send(u.fd, u.unsent)
	if err != 0 && err != unix.EAGAIN {
		l.broken(u, err)
		return
	}
	if u.unsent = u.unsent[max(n, 0):]; len(u.unsent) > 0 {
		l.watch(&u.socket, readable|writable)
	}
	l.armUpstream(u, u.pool.endpoint.Options().FirstByteTimeout)
}

// armUpstream gives u a deadline timeout ahead, but not after that of its exchange.
func (l *Loop) armUpstream(u *upconn, timeout time.Duration) {
	if d := u.client.x.Deadline(); !d.IsZero() {
		timeout = min(timeout, d.Sub(l.now))
	}
	l.arm(&u.socket, max(timeout, 0))
}

// upstreamEvent is what epoll says of a connection to an endpoint.
func (l *Loop) upstreamEvent(u *upconn, events uint32) {
	if u.client == nil {
		l.discard(u) // closed, or it speaks without having been asked
		return
	}
	if events&writable != 0 && len(u.unsent) > 0 {
		n, err := send(u.fd, u.unsent)
		if err != 0 && err != unix.EAGAIN {
			l.broken(u, err)
			return
		}
		if u.unsent = u.unsent[max(n, 0):]; len(u.unsent) == 0 {
			l.watch(&u.socket, readable)
			l.armUpstream(u, u.pool.endpoint.Options().FirstByteTimeout)
		}
	}
	if events&(readable|dead) != 0 {
		l.readUpstream(u)
	}
}

// readUpstream reads once and acts on what has come.
func (l *Loop) readUpstream(u *upconn) {
	n, err := read(u.fd, l.in)
	switch {
	case err == unix.EAGAIN:
		return
	case err != 0:
		l.broken(u, err)
		return
	case n == 0:
		l.upstreamEOF(u)
		return
	}
	b := l.in[:n]
	u.got = true
	if u.begun {
		l.relay(u, b, l.out[:0])
		return
	}
	if len(u.saved) > 0 {
		u.saved = append(u.saved, b...)
		b = u.saved
	}
	l.head(u, b)
}

// head reads the head of a response at the front of b, and goes on with what follows it.
func (l *Loop) head(u *upconn, b []byte) {
	c, e := u.client, u.pool.endpoint
	for {
		n, fault := l.res.Parse(b, responseLimits)
		if fault == nil && n > 0 && l.res.Status < 200 {
			if u.interims++; l.res.Status == 101 || u.interims > maxInterims {
				fault = wire.FaultStatusLine
			}
			b = b[n:]
		}
		if fault != nil {
			l.giveUp(u, &upstream.Error{Status: 502, Class: upstream.ClassMalformed, Err: fault})
			return
		}
		if n == 0 || len(b) == 0 && l.res.Status < 200 {
			l.saveHead(u, b)
			return
		}
		if l.res.Status < 200 {
			continue
		}
		u.framing = l.res.Framing(string(c.x.Head().Method) == "HEAD")
		u.left, u.chunked = l.res.Length, wire.Chunked{}
		u.keep = !l.res.Close && u.framing != wire.UntilClose && len(u.unsent) == 0
		if l.draining {
			c.state |= ends
		}
		out, last, as := c.x.Finish(l.out[:0], &l.res, c.is(ends))
		if u.as = as; last {
			c.state |= ends
		}
		l.armUpstream(u, e.Options().IdleTimeout)
		l.relay(u, b[n:], out)
		return
	}
}

// saveHead keeps part of a head.
func (l *Loop) saveHead(u *upconn, b []byte) {
	if u.saved == nil {
		u.saved = l.buffer()
	}
	u.saved = append(u.saved[:0], b...)
}

// relay sends on the content at the front of b, behind what is in out.
func (l *Loop) relay(u *upconn, b, out []byte) {
	c := u.client
	done := u.framing == wire.NoContent
	for len(b) > 0 && !done {
		data, n, fault := u.decode(b)
		if fault != nil {
			l.cut(u, fault, out)
			return
		}
		b = b[n:]
		if len(data) > 0 && u.as == wire.ByChunks {
			out = wire.AppendChunkSize(out, len(data))
			out = append(append(out, data...), '\r', '\n')
		} else {
			out = append(out, data...)
		}
		done = u.framing == wire.ByLength && u.left == 0 || u.framing == wire.ByChunks && u.chunked.Done()
	}
	if done && u.as == wire.ByChunks && u.framing != wire.NoContent {
		out = append(out, wire.LastChunk...)
	}
	l.out, u.begun = out[:0], true
	if u.saved != nil {
		l.release(u.saved)
		u.saved = nil
	}
	if len(out) > 0 && !l.send(c, out) {
		return
	}
	switch {
	case done:
		u.keep = u.keep && len(b) == 0
		l.complete(u)
	case len(c.unsent) > 0:
		// The client is slower: the upstream has to wait.
		c.feeding = u
		l.watch(&u.socket, u.interest&^uint32(readable))
		l.wheel.clear(&u.socket)
	default:
		l.armUpstream(u, u.pool.endpoint.Options().IdleTimeout)
	}
}

// decode takes a run of content from the front of b.
func (u *upconn) decode(b []byte) (data []byte, n int, fault *wire.Fault) {
	switch u.framing {
	case wire.ByChunks:
		return u.chunked.Next(b)
	case wire.ByLength:
		n = int(min(u.left, int64(len(b))))
		u.left -= int64(n)
		return b[:n], n, nil
	}
	return b, len(b), nil
}

// feed goes on with a response that has waited for its client.
func (l *Loop) feed(c *client) {
	u := c.feeding
	c.feeding = nil
	l.wheel.clear(&c.socket)
	l.watch(&u.socket, u.interest|readable)
	l.armUpstream(u, u.pool.endpoint.Options().IdleTimeout)
}

// complete ends an exchange whose response is all there.
func (l *Loop) complete(u *upconn) {
	c := u.client
	l.part(u)
	if u.keep {
		l.idle(u)
	} else {
		l.discard(u)
	}
	c.x.Done(u.pool.endpoint, l.now)
	l.giveBack(c.x)
	c.x = nil
	l.serveQueue(u.pool)
	l.settle(c)
}

// settle goes on with a client whose exchange has ended, unless its response has yet to go out.
func (l *Loop) settle(c *client) {
	if c.x == nil && len(c.unsent) == 0 && !c.is(serving) && l.alive(c) {
		l.next(c)
	}
}

// part separates a connection from its client and ends its exchange at the endpoint.
func (l *Loop) part(u *upconn) {
	c := u.client
	u.client, c.up, u.unsent = nil, nil, nil
	if c.feeding == u {
		c.feeding = nil
	}
	u.pool.endpoint.Leave()
}

// idle puts a connection into its pool.
func (l *Loop) idle(u *upconn) {
	p := u.pool
	if p.endpoint.Closed() || p.endpoint.Options().KeepAlive == 0 {
		l.discard(u)
		return
	}
	u.since = l.now
	l.wheel.clear(&u.socket)
	l.watch(&u.socket, readable)
	p.idle = append(p.idle, u)
}

// discard closes a connection that has no exchange.
func (l *Loop) discard(u *upconn) {
	for i, other := range u.pool.idle {
		if other == u {
			u.pool.idle = append(u.pool.idle[:i], u.pool.idle[i+1:]...)
			break
		}
	}
	if u.saved != nil {
		l.release(u.saved)
		u.saved = nil
	}
	l.shut(&u.socket)
}

// upstreamEOF acts on the end of an endpoint's side.
func (l *Loop) upstreamEOF(u *upconn) {
	if u.begun && u.framing == wire.UntilClose {
		u.framing, u.keep = wire.NoContent, false
		out := l.out[:0]
		if u.as == wire.ByChunks {
			out = append(out, wire.LastChunk...)
		}
		l.relay(u, nil, out)
		return
	}
	l.broken(u, io.EOF)
}

var errCut = errors.New("the response was cut off")

// broken acts on a connection that has failed within an exchange.
func (l *Loop) broken(u *upconn, err error) {
	c, p := u.client, u.pool
	switch {
	case u.begun:
		l.cut(u, errCut, nil)
	case u.reused && !u.got && (c.x.Safe() || len(u.unsent) == len(c.x.Request())):
		// The peer closed the idle connection as we took it. Repeating the request is safe: none of
		// it was sent, or its method is.
		l.part(u)
		l.discard(u)
		if p.endpoint.TryEnter() {
			l.dial(c, p)
		} else {
			l.choose(c, nil)
			l.settle(c)
		}
	case u.got:
		l.giveUp(u, &upstream.Error{Status: 502, Class: upstream.ClassBroken, Err: errCut})
	default:
		l.giveUp(u, &upstream.Error{Status: 502, Class: upstream.ClassBroken, Err: err})
	}
}

// giveUp ends an exchange whose response has not begun.
func (l *Loop) giveUp(u *upconn, err *upstream.Error) {
	c, p := u.client, u.pool
	l.part(u)
	l.discard(u)
	l.fail(c, p.endpoint, err)
	l.serveQueue(p)
	l.settle(c)
}

// fail answers a request whose exchange failed before its response began. The caller goes on
// with the client.
func (l *Loop) fail(c *client, e *upstream.Endpoint, err *upstream.Error) {
	x := c.x
	c.x, c.hold = nil, nil
	if l.draining {
		c.state |= ends
	}
	out, last := x.Fail(l.out[:0], e, err, c.is(ends))
	x.Done(e, l.now)
	l.giveBack(x)
	l.respond(c, out, last)
}

// cut ends a response that broke off. If nothing of it was sent yet it becomes a 502; otherwise
// the client has to notice: its connection ends, by a reset where a plain end could be taken for
// that of the content.
func (l *Loop) cut(u *upconn, err error, out []byte) {
	c, p := u.client, u.pool
	if !u.begun {
		l.giveUp(u, &upstream.Error{Status: 502, Class: upstream.ClassMalformed, Err: err})
		return
	}
	l.part(u)
	l.discard(u)
	x := c.x
	c.x = nil
	x.Cut(p.endpoint, err)
	x.Done(p.endpoint, l.now)
	l.giveBack(x)
	l.serveQueue(p)
	if len(out) > 0 && !l.send(c, out) {
		return
	}
	if u.as == wire.UntilClose {
		l.reset(c)
	} else {
		l.close(c)
	}
}

// cancel ends the exchange of a client that has gone.
func (l *Loop) cancel(c *client) {
	switch {
	case c.up != nil:
		u := c.up
		l.part(u)
		l.discard(u)
		l.serveQueue(u.pool)
	case c.hold != nil:
		// A dial that is under way keeps its permit until it is done.
		if c.hold.client = nil; c.hold.queued {
			c.hold.pool.endpoint.LeaveQueue()
		}
		c.hold = nil
	}
	l.giveBack(c.x)
	c.x = nil
}

// serveQueue gives exchanges that wait what has become free.
func (l *Loop) serveQueue(p *pool) {
	for len(p.queue) > 0 {
		h := p.queue[0]
		if h.client != nil && !p.endpoint.TryEnter() {
			return
		}
		p.queue[0] = nil
		p.queue = p.queue[1:]
		if c := h.client; c != nil {
			p.endpoint.LeaveQueue()
			c.hold = nil
			l.wheel.clear(&c.socket)
			l.connect(c, p)
		}
	}
	p.queue = nil
}

// queueExpired acts on a wait in the queue that took too long.
func (l *Loop) queueExpired(c *client) {
	h := c.hold
	if !h.queued {
		return
	}
	h.client = nil
	h.pool.endpoint.LeaveQueue()
	l.fail(c, h.pool.endpoint, &upstream.Error{Status: 503, Class: upstream.ClassQueue, Err: upstream.ErrQueueSlow})
	l.settle(c)
}

// upstreamExpired acts on the deadline of an exchange.
func (l *Loop) upstreamExpired(u *upconn) {
	switch {
	case u.client == nil:
	case u.begun:
		l.cut(u, os.ErrDeadlineExceeded, nil)
	case expired(u.client.x.Deadline()):
		l.giveUp(u, &upstream.Error{Status: 504, Class: upstream.ClassTimeout, Err: os.ErrDeadlineExceeded})
	default:
		l.giveUp(u, &upstream.Error{Status: 504, Class: upstream.ClassFirstByte, Err: os.ErrDeadlineExceeded})
	}
}

// expireIdle closes connections that have been idle for keep_alive or whose endpoint has left the
// configuration, and looks after queues that only another loop's exchanges can move.
func (l *Loop) expireIdle() {
	for e, p := range l.pool {
		closed, keepAlive := e.Closed(), e.Options().KeepAlive
		for len(p.idle) > 0 && (closed || l.now.Sub(p.idle[0].since) >= keepAlive) {
			l.discard(p.idle[0])
		}
		l.serveQueue(p)
		if closed && len(p.idle) == 0 && len(p.queue) == 0 {
			delete(l.pool, e) // exchanges under way hold the pool themselves
		}
	}
}

// crash answers 500 to a client whose handling has panicked, as far as that is still possible.
func (l *Loop) crash(c *client) {
	begun := c.up != nil && c.up.begun
	if c.x != nil {
		l.cancel(c)
	}
	if !l.alive(c) {
		return
	}
	if !begun && len(c.unsent) == 0 {
		send(c.fd, crashResponse)
	}
	l.close(c)
}

var crashResponse = []byte("HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
