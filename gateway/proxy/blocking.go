package proxy

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/transport"
	"github.com/corsgate/corsgate/gateway/wire"
)

// Serve serves one request on its connection's goroutine: the blocking engine.
func (p *Proxy) Serve(c *edge.Conn) {
	x := p.exchangeOf(c)
	defer x.recoverPanic(c)
	x.find()
	if x.needsBlocking() {
		c.KeepBlocking()
	}
	if x.begin() {
		x.send(c)
		x.addBusy(x.now)
		x.account(nil, x.now)
		return
	}
	x.addBusy(x.now)
	if e, over := x.forward(c); over {
		x.account(e, time.Now())
	}
}

// ServeFault answers a request whose head is refused.
func (p *Proxy) ServeFault(c *edge.Conn, f *wire.Fault) {
	x := p.exchangeOf(c)
	defer x.recoverPanic(c)
	x.reject(f)
	x.send(c)
	x.account(nil, x.now)
}

// exchangeOf returns the exchange of a connection, ready for its current request.
func (p *Proxy) exchangeOf(c *edge.Conn) *exchange {
	x, ok := c.State.(*exchange)
	if !ok {
		x = &exchange{p: p, req: &c.Request, shard: p.anyShard()}
		c.State = x
	}
	x.out, x.head, x.body = reset(x.out), reset(x.head), x.body[:0]
	if cap(x.body) > smallContent {
		x.body = nil // there are many connections
	}
	x.major = c.Major()
	if x.major > 1 {
		p.metrics.Multiplexed(x.major)
	}
	x.start(c.Peer(), c.Identity(), c.Listener(), c.WillClose(), c.Request.Length, time.Now())
	return x
}

// send sends what x.out holds, and ends the connection if the response says so.
func (x *exchange) send(c *edge.Conn) {
	x.begun = true
	if x.closing {
		c.CloseAfter()
	}
	if err := c.Send(x.out); err != nil {
		x.closing = true
	}
}

// recoverPanic answers 500 to a request whose handling has panicked, and ends its connection. The
// process and all other requests continue: a snapshot is immutable, and mutable state has its own
// locks, which are released by the time this runs.
func (x *exchange) recoverPanic(c *edge.Conn) {
	if !x.answerIfPanic(recover()) {
		return
	}
	x.up.End(x.now)
	if x.begun {
		c.Abort()
		return
	}
	x.send(c)
	x.account(nil, x.now)
}

// forward makes the exchange with the upstream that begin has prepared. It returns the endpoint, or
// nil if none was reached. over is false if a tunnel continues, which will account for the
// exchange.
func (x *exchange) forward(c *edge.Conn) (e *upstream.Endpoint, over bool) {
	if !x.prepare(c) {
		return nil, true
	}
	if x.up.Stream != nil {
		c.KeepBlocking()
	}
	x.up.Bound = x.bind(c, x.route.Upstream.Pool)
	err := x.up.Do(&x.attempts)
	x.head = x.up.Head // it may have grown
	if err != nil {
		x.refuseFailed(c, err)
		if errors.Is(err, transport.ErrGone) {
			return nil, true // what the upstream has to do with it is not known
		}
		return x.up.Endpoint, true
	}
	x.closing = !x.up.ContentRead() || c.WillClose()
	framing := x.finish(x.up.Response)
	x.holder = nil
	switch sent := x.relay(c, framing); {
	case !sent:
		if h := x.holder; h != nil && h.Ended() {
			x.ended(upstream.ErrSlowClient, "")
		}
		c.CloseAfter()
	case x.status == 101:
		x.tunnel(c)
		return nil, false
	}
	x.up.End(time.Now())
	return x.up.Endpoint, true
}

// newUpstreamExchange makes x.up ready, but for content and head.
func (x *exchange) newUpstreamExchange(c *edge.Conn) {
	x.up = transport.Exchange{Method: x.req.Method, Now: x.now, Timed: x.timed, Waiter: c}
	if x.interim == nil {
		x.interim = func(res *wire.Response) error {
			if text := x.Interim(x.out[:0], res); len(text) > 0 {
				return c.Send(text)
			}
			return nil
		}
	}
	if x.req.Minor == 1 {
		x.up.Interim = x.interim
	}
	if x.up.Upgrade = x.upgrade; x.req.WebSocket {
		x.up.WebSocketKey = x.req.WebSocketKey
	}
	if x.route.Upstream.Config.SendProxyProtocol {
		x.up.Source, x.up.Target = x.source(c), c.LocalAddr()
	}
}

// prepare frames the request's content: whole if it is small or here already, else as a stream.
// It reports false if the content could not be read and that has been answered.
func (x *exchange) prepare(c *edge.Conn) bool {
	r := x.route
	x.newUpstreamExchange(c)
	if !x.req.HasContent() {
		if r.Mirror != nil {
			x.mirror(nil, true)
		}
		x.frameLength(0)
		x.up.Head = x.head
		return true
	}
	c.LimitContent(r.MaxContent)
	content, whole, err := c.Buffered()
	switch {
	case err != nil || whole:
	case c.Awaits():
		// Whether the content is wanted is for the upstream to say. See RFC 9110, section 10.1.1.
		x.up.Continue = c.Continue
		x.head = append(x.head, "Expect: 100-continue\r\n"...)
	case !x.req.Chunked:
		content, err = x.readAhead(c)
		whole = int64(len(content)) == x.req.Length
	}
	if err != nil {
		x.refuseContent(c, err)
		return false
	}
	if r.Mirror != nil {
		x.mirror(content, whole)
	}
	x.up.Content = content
	switch {
	case whole:
		lines, fault := requestTrailers(r, x.req, x.major, c.Trailers())
		if fault != nil {
			x.refuseContent(c, fault)
			return false
		}
		x.up.Content = nil
		x.frame(content, lines)
	case x.req.Chunked:
		x.up.RequestTrailers = x.trailersOf(c)
		x.frameChunks()
		x.up.Chunked = true
	default:
		x.frameLength(x.req.Length)
	}
	if !whole {
		x.up.Stream, x.up.Cancel = contentReader{c}, c.Interrupt
	}
	x.up.Head = x.head
	return true
}

// source returns where the client is: the other end of the connection, unless that is a trusted
// proxy which says otherwise. It then does not say the port.
func (x *exchange) source(c *edge.Conn) net.Addr {
	if x.client == x.peer {
		return c.RemoteAddr()
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(x.client, 0))
}

// readAhead reads content of a known length, or the first part of it, before the request is sent to
// the upstream: a slow client then does not occupy one of its connections. What is read grows with
// what has come.
func (x *exchange) readAhead(c *edge.Conn) ([]byte, error) {
	most, r := int(min(x.req.Length, aheadContent)), contentReader{c}
	c.BeginAhead()
	c.Hold(cap(x.body))
	defer c.EndAhead()
	for x.body = x.body[:0]; len(x.body) < most; {
		if len(x.body) == cap(x.body) {
			x.body = slices.Grow(x.body, max(len(x.body), min(most, firstContent)))
			c.Hold(cap(x.body))
		}
		n, err := r.Read(x.body[len(x.body):min(cap(x.body), most)])
		x.body = x.body[:len(x.body)+n]
		if err != nil && (err != io.EOF || len(x.body) < most) {
			return nil, err
		}
	}
	if a := &x.attempts; a.Allowed > 0 {
		a.Deadline = time.Now().Add(a.Allowed) // the client's time is not the upstream's
	}
	return x.body, nil
}

// contentReader reads the content of a connection's current request.
type contentReader struct{ c *edge.Conn }

func (r contentReader) Read(p []byte) (int, error) {
	n, err := r.c.ReadContent(p)
	if err == nil && r.c.ContentRead() {
		err = io.EOF
	}
	return n, err
}

// refuseContent answers a request whose content is malformed, too large or too slow. If the client
// has disconnected, no response can be sent.
func (x *exchange) refuseContent(c *edge.Conn, err error) {
	x.closing = true
	c.CloseAfter()
	var fault *wire.Fault
	if !errors.As(err, &fault) {
		x.status, x.failure = 499, failureGone
		return
	}
	x.out = x.Refuse(x.out[:0], fault)
	x.send(c)
}
