package loop

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/sys/unix"
)

const (
	lingerTime = 500 * time.Millisecond
	maxLinger  = 64 << 10 // what a client may still send after its last response
	maxAhead   = 16 << 10 // what is read of requests that have to wait for the one before
)

// A client is a client's connection. It is small: between requests nothing else is kept for it.
type client struct {
	socket
	on   *edge.Listener
	peer netip.Addr

	saved   []byte // read and not yet used: part of a request, or requests that wait
	need    int    // octets that saved must hold before it is worth looking at
	unsent  []byte // of responses; while there is any nothing else is done
	x       Exchange
	up      *upconn   // that x waits for, once the request is on its way
	hold    *hold     // why x waits for a connection
	feeding *upconn   // that waits for unsent to go out
	linger  int       // octets read since the end of the sending side; -1: it has not ended
	state   connState // flags
	tries   int8      // further attempts that x may make
}

type connState uint8

const (
	ends    connState = 1 << iota // the connection ends after the response
	eof                           // the client has ended its side
	partial                       // the deadline is that of a request that is not all here
	serving                       // requests is at work and will go on by itself
)

func (c *client) is(s connState) bool { return c.state&s != 0 }

// quiet reports whether the client is between requests.
func (c *client) quiet() bool {
	return c.x == nil && len(c.unsent) == 0 && len(c.saved) == 0 && c.linger < 0
}

// begin makes a client of a descriptor. read is what has been read from it; served says that it
// has been served before.
func (l *Loop) begin(fd int, peer netip.Addr, on *edge.Listener, read []byte, served bool) {
	c := &client{on: on, peer: peer, linger: -1}
	c.fd, c.socket.client = int32(fd), c
	l.clients++
	if err := l.add(&c.socket, readable); err != nil {
		l.log.Warn("cannot watch a connection", "error", err)
		l.close(c)
		return
	}
	timeouts := l.server.Options()
	if served {
		l.arm(&c.socket, timeouts.Idle)
	} else {
		l.arm(&c.socket, timeouts.Header)
	}
	if len(read) > 0 {
		l.requests(c, read)
	} else if l.draining && served {
		l.close(c)
	}
}

// clientEvent is what epoll says of a client.
func (l *Loop) clientEvent(c *client, events uint32) {
	if events&dead != 0 {
		l.abort(c) // reset, or both sides have ended: nobody is there to answer
		return
	}
	if events&writable != 0 && !l.flush(c) {
		return
	}
	if events&readable != 0 {
		l.readClient(c)
	}
}

// readClient reads once and acts on what has come.
func (l *Loop) readClient(c *client) {
	n, err := read(c.fd, l.in)
	switch {
	case err == unix.EAGAIN:
		return
	case err != 0:
		l.abort(c)
		return
	case n == 0:
		l.clientEOF(c)
		return
	}
	came := l.in[:n]
	switch {
	case c.linger >= 0:
		if c.linger += n; c.linger > maxLinger {
			l.close(c)
		}
	case c.x != nil || len(c.unsent) > 0:
		l.save(c, came)
		if len(c.saved) >= maxAhead {
			l.watch(&c.socket, c.interest&^uint32(readable))
		}
	case len(c.saved) > 0:
		l.save(c, came)
		if c.need > 0 {
			l.arm(&c.socket, l.server.Options().BodyIdle)
		}
		if len(c.saved) >= c.need && (c.need > 0 || hasControl(came) || len(c.saved) >= l.server.Options().Limits.HeadBytes) {
			l.requests(c, c.saved)
		}
	default:
		l.requests(c, came)
	}
}

// hasControl reports whether b holds a line end or another octet on which a head's fate can
// turn: without one, parsing again would find nothing new.
func hasControl(b []byte) bool {
	for _, o := range b {
		if o < ' ' {
			return true
		}
	}
	return false
}

// clientEOF acts on the end of the client's side. It may still wait for a response.
func (l *Loop) clientEOF(c *client) {
	switch {
	case c.x != nil || len(c.unsent) > 0:
		c.state |= eof | ends
		l.watch(&c.socket, c.interest&^uint32(readable))
	case c.linger < 0 && len(c.saved) > 2:
		c.state |= eof
		l.refuse(c, wire.FaultTruncated)
	default:
		l.close(c)
	}
}

// save keeps octets for later.
func (l *Loop) save(c *client, b []byte) {
	if c.saved == nil {
		c.saved = l.buffer()
	}
	c.saved = append(c.saved, b...)
}

// keep makes b, which may be part of saved, all that is saved.
func (l *Loop) keep(c *client, b []byte) {
	if len(b) == 0 {
		if c.saved != nil {
			l.release(c.saved)
			c.saved = nil
		}
		return
	}
	if c.saved == nil {
		c.saved = l.buffer()
	}
	c.saved = append(c.saved[:0], b...)
}

// requests serves the requests in b one after the other, until one has to wait for something,
// and keeps the rest.
func (l *Loop) requests(c *client, b []byte) {
	c.state |= serving
	for len(b) > 0 && c.x == nil && len(c.unsent) == 0 && !c.is(ends) {
		n, alive := l.request(c, b)
		if !alive {
			return
		}
		if n == 0 {
			break
		}
		b = b[n:]
	}
	c.state &^= serving
	more := len(b) > 0
	if c.is(ends) && c.x == nil {
		b = nil // what follows the last request is not read as one
	}
	l.keep(c, b)
	switch {
	case c.x != nil || len(c.unsent) > 0:
	case c.is(ends):
		l.finishClient(c, more)
	case !more:
		l.arm(&c.socket, l.server.Options().Idle)
	}
}

// request begins the request at the front of b. It returns the octets it takes, 0 if it is not
// all here, and whether the client is still the loop's.
func (l *Loop) request(c *client, b []byte) (n int, alive bool) {
	opts := l.server.Options()
	x := l.exchange()
	r := x.Head()
	head, fault := r.Parse(b, opts.Limits)
	if fault != nil {
		l.giveBack(x)
		l.refuse(c, fault)
		return 0, false
	}
	if head == 0 {
		l.giveBack(x)
		l.await(c, 0, opts.Header)
		return 0, true
	}
	content, used, door := l.content(r, b[head:])
	if door {
		l.giveBack(x)
		l.handOver(c, b)
		return 0, false
	}
	if used < 0 {
		l.giveBack(x)
		l.await(c, head+int(r.Length), opts.BodyIdle)
		return 0, true
	}
	c.need = 0
	c.state &^= partial
	if r.Close || l.draining {
		c.state |= ends
	}
	out, last, answered := x.Begin(l.out[:0], Client{Peer: c.peer, On: c.on, Ends: c.is(ends), Content: int64(len(content)), Now: l.now})
	if !answered {
		l.forward(c, x, content)
		return head + used, l.alive(c)
	}
	x.Done(nil, l.now)
	l.giveBack(x)
	return head + used, l.respond(c, out, last)
}

// respond sends a response, or the beginning of one; last says that the connection ends after it.
// out is the loop's buffer.
func (l *Loop) respond(c *client, out []byte, last bool) bool {
	if last {
		c.state |= ends
	}
	l.out = out[:0]
	return l.send(c, out)
}

// alive reports whether c is still a client of the loop.
func (l *Loop) alive(c *client) bool { return l.sockets[c.fd] == &c.socket }

// await waits for the rest of a request: need octets in all, or, for 0, the end of its head.
// The deadline is set once for a head, so that octets in drops do not move it.
func (l *Loop) await(c *client, need int, timeout time.Duration) {
	if !c.is(partial) || c.need != need {
		c.state |= partial
		l.arm(&c.socket, timeout)
	}
	c.need = need
}

// content finds the content of a request in b, which follows its head. It returns the content
// decoded and the octets it takes, -1 if it is small but not all here. door reports that the
// request is not for the loop.
func (l *Loop) content(r *wire.Request, b []byte) (content []byte, used int, door bool) {
	switch {
	case r.WebSocket:
		return nil, 0, true
	case r.Chunked:
		size, used, d, fault := wire.Unchunk(nil, b)
		if fault != nil || !d.Done() {
			return nil, 0, true
		}
		wire.Unchunk(b[:size], b)
		return b[:size], used, false
	case r.Length <= int64(len(b)):
		return b[:r.Length], int(r.Length), false
	case r.Length > smallContent || r.Continue:
		return nil, 0, true
	}
	return nil, -1, false
}

// send sends octets to a client. What does not go out at once is kept and goes first. It reports
// false if the client is no more.
func (l *Loop) send(c *client, b []byte) bool {
	if len(c.unsent) == 0 && len(b) > 0 {
		n, err := send(c.fd, b)
		switch {
		case err == unix.EAGAIN:
		case err != 0:
			l.abort(c)
			return false
		default:
			b = b[n:]
		}
	}
	if len(b) > 0 {
		if c.unsent == nil {
			c.unsent = l.buffer()
		}
		c.unsent = append(c.unsent, b...)
		l.watch(&c.socket, c.interest|writable)
		l.arm(&c.socket, l.server.Options().BodyIdle)
	}
	return true
}

// flush sends what was kept. It reports false if the client is no more.
func (l *Loop) flush(c *client) bool {
	if len(c.unsent) == 0 {
		return true
	}
	n, err := send(c.fd, c.unsent)
	switch {
	case err == unix.EAGAIN:
		return true
	case err != 0:
		l.abort(c)
		return false
	}
	if n < len(c.unsent) {
		c.unsent = append(c.unsent[:0], c.unsent[n:]...)
		l.arm(&c.socket, l.server.Options().BodyIdle)
		return true
	}
	l.release(c.unsent)
	c.unsent = nil
	l.watch(&c.socket, c.interest&^uint32(writable))
	switch {
	case c.feeding != nil:
		l.feed(c)
	case c.x == nil:
		l.next(c)
	default:
		l.wheel.clear(&c.socket)
	}
	return l.alive(c)
}

// next goes on with a client whose response is all sent.
func (l *Loop) next(c *client) {
	if c.is(ends) {
		l.finishClient(c, len(c.saved) > 0)
		return
	}
	if c.interest&readable == 0 && !c.is(eof) {
		l.watch(&c.socket, c.interest|readable)
	}
	if len(c.saved) > 0 {
		l.requests(c, c.saved)
		return
	}
	l.arm(&c.socket, l.server.Options().Idle)
}

// refuse answers a request that is malformed, and ends the connection.
func (l *Loop) refuse(c *client, f *wire.Fault) {
	l.server.Fault(f)
	c.state |= ends
	l.out = edge.AppendRefusal(l.out[:0], f)
	if l.send(c, l.out) && len(c.unsent) == 0 {
		l.finishClient(c, true)
	}
}

// finishClient closes a connection after its last response. unread: the client may have sent
// more than was read; a close would then send a reset, which could overtake the response, so the
// client is given a little time to end its side.
func (l *Loop) finishClient(c *client, unread bool) {
	if !unread || c.is(eof) {
		l.close(c)
		return
	}
	l.keep(c, nil)
	c.linger = 0
	unix.Shutdown(int(c.fd), unix.SHUT_WR) //nolint:errcheck // a dead socket shows at the read
	l.watch(&c.socket, readable)
	l.arm(&c.socket, lingerTime)
}

// clientExpired acts on a client's deadline.
func (l *Loop) clientExpired(c *client) {
	switch {
	case c.hold != nil:
		l.queueExpired(c)
	case c.is(partial) && len(c.unsent) == 0 && c.x == nil && c.linger < 0:
		l.refuse(c, edge.FaultTimeout)
	case len(c.unsent) > 0:
		l.abort(c)
	default:
		l.close(c)
	}
}

// close closes a connection that has no exchange.
func (l *Loop) close(c *client) {
	l.server.Leave(c.peer, c.on)
	l.clients--
	l.shut(&c.socket)
	l.forget(c)
}

// abort gives up a connection and the exchange on it, if there is one.
func (l *Loop) abort(c *client) {
	if c.x != nil {
		l.cancel(c)
	}
	l.close(c)
}

// reset closes a connection so that the client can tell that its response is not complete.
func (l *Loop) reset(c *client) {
	unix.SetsockoptLinger(int(c.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}) //nolint:errcheck // best effort
	l.close(c)
}

// forget returns what a client holds of the loop.
func (l *Loop) forget(c *client) {
	l.keep(c, nil)
	if c.unsent != nil {
		l.release(c.unsent)
		c.unsent = nil
	}
}

// handOver gives a connection to edge's goroutines, with what was read of its next request. It
// comes back when it is idle.
func (l *Loop) handOver(c *client, b []byte) {
	read := append([]byte(nil), b...)
	l.drop(&c.socket)
	l.forget(c)
	l.clients--
	file := os.NewFile(uintptr(c.fd), "client")
	nc, err := net.FileConn(file) // a duplicate
	if e := file.Close(); err == nil {
		err = e
	}
	if err != nil {
		l.log.Warn("cannot hand a connection over", "error", err)
		l.server.Leave(c.peer, c.on)
		return
	}
	peer, on := c.peer, c.on
	l.server.Adopt(nc, peer, on, read, func(nc net.Conn) bool { return l.takeBack(nc, peer, on) })
}

// takeBack takes an idle connection from edge's goroutines. It is called on one of them.
func (l *Loop) takeBack(nc net.Conn, peer netip.Addr, on *edge.Listener) bool {
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	fd := -1
	if e := raw.Control(func(original uintptr) {
		fd, err = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
	}); e != nil || err != nil {
		return false
	}
	if !l.Post(func() { l.begin(fd, peer, on, nil, true) }) {
		unix.Close(fd) //nolint:errcheck // it was not used
		return false
	}
	nc.Close() //nolint:errcheck // the duplicate goes on
	return true
}
