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

// A blocking is an exchange that the goroutine of its connection makes: the blocking engine. There is one for each connection,
// used again and again: after a few requests it allocates nothing.
type blocking struct {
	exchange
	c     *edge.Conn
	begun bool // something of the response was sent

	body        []byte // small content of the request
	upstream    transport.Exchange
	sendInterim func(*wire.Response) error // made once
	breaks      func()                     // ends the client's connection; made once
	holder      *upstream.Holder           // of the response that is relayed; nil: it was all here
	bound       []*bound                   // connections that belong to the client; see bind
}

// Serve serves one request on its connection's goroutine.
func (p *Proxy) Serve(c *edge.Conn) {
	b := p.blockingOf(c)
	defer b.recoverPanic()
	b.find()
	if b.answersChallenge || b.staysBlocking() {
		c.KeepBlocking()
	}
	if b.begin() {
		b.send()
		b.record.addBusy(b.now)
		b.account(nil, b.now)
		return
	}
	b.record.addBusy(b.now)
	if e, over := b.forward(); over {
		b.account(e, time.Now())
	}
}

// ServeFault answers a request whose head is refused.
func (p *Proxy) ServeFault(c *edge.Conn, f *wire.Fault) {
	b := p.blockingOf(c)
	defer b.recoverPanic()
	b.reject(f)
	b.send()
	b.account(nil, b.now)
}

// blockingOf returns the exchange of a connection, ready for its current request.
func (p *Proxy) blockingOf(c *edge.Conn) *blocking {
	b, ok := c.State.(*blocking)
	if !ok {
		b = &blocking{exchange: newExchange(p, &c.Request, p.anyShard()), c: c}
		c.State = b
	}
	b.out, b.head, b.body, b.begun = emptied(b.out), emptied(b.head), b.body[:0], false
	if cap(b.body) > smallContent {
		b.body = nil // there are many connections
	}
	b.start(&arrival{
		peer: c.Peer(), identity: c.Identity(), on: c.Listener(), major: c.Major(), content: c.Request.Length, now: time.Now(),
	}, c.WillClose())
	if b.major > 1 {
		p.metrics.Multiplexed(b.major)
	}
	return b
}

// send sends what b.out holds, and ends the connection if the response says so.
func (b *blocking) send() {
	b.begun = true
	if b.closing {
		b.c.CloseAfter()
	}
	if err := b.c.Send(b.out); err != nil {
		b.closing = true
	}
}

// recoverPanic answers 500 to a request whose handling has panicked, and ends its connection. The
// process and all other requests continue: a snapshot is immutable, and mutable state has its own
// locks, which are released by the time this runs.
func (b *blocking) recoverPanic() {
	if !b.answerIfPanic(recover()) {
		return
	}
	b.upstream.End(b.now)
	if b.begun {
		b.c.Abort()
		return
	}
	b.send()
	b.account(nil, b.now)
}

// forward makes the exchange with the upstream that begin has prepared. It returns the endpoint, or
// nil if none was reached. over is false if a tunnel continues, which will account for the
// exchange.
func (b *blocking) forward() (e *upstream.Endpoint, over bool) {
	if !b.prepare() {
		return nil, true
	}
	if b.upstream.Stream != nil {
		b.c.KeepBlocking()
	}
	b.upstream.Bound = b.bind(b.route.Upstream.Pool)
	err := b.upstream.Do(&b.attempts)
	b.head = b.upstream.Head // it may have grown
	if err != nil {
		b.refuseFailed(err)
		if errors.Is(err, transport.ErrGone) {
			return nil, true // what the upstream has to do with it is not known
		}
		return b.upstream.Endpoint, true
	}
	b.closing = !b.upstream.ContentRead() || b.c.WillClose()
	framing := b.finish(b.upstream.Response)
	b.holder = nil
	switch sent := b.relay(framing); {
	case !sent:
		if h := b.holder; h != nil && h.Ended() {
			b.ended(upstream.ErrSlowClient, "")
		}
		b.c.CloseAfter()
	case b.status == 101:
		b.tunnel()
		return nil, false
	}
	b.upstream.End(time.Now())
	return b.upstream.Endpoint, true
}

// newUpstreamExchange makes b.upstream ready, but for content and head.
func (b *blocking) newUpstreamExchange() {
	b.upstream = transport.Exchange{Method: b.req.Method, Now: b.now, Timed: b.record.timed, Waiter: b.c}
	if b.sendInterim == nil {
		b.sendInterim = func(res *wire.Response) error {
			if text := b.appendInterim(b.out[:0], res); len(text) > 0 {
				return b.c.Send(text)
			}
			return nil
		}
	}
	if b.req.Minor == 1 {
		b.upstream.Interim = b.sendInterim
	}
	if b.upstream.Upgrade = b.upgrade; b.req.WebSocket {
		b.upstream.WebSocketKey = b.req.WebSocketKey
	}
	if b.route.Upstream.Config.SendProxyProtocol {
		b.upstream.Source, b.upstream.Target = b.source(), b.c.LocalAddr()
	}
}

// prepare frames the request's content: whole if it is small or here already, else as a stream.
// It reports false if the content could not be read and that has been answered.
func (b *blocking) prepare() bool {
	r := b.route
	b.newUpstreamExchange()
	if !b.req.HasContent() {
		if r.Mirror != nil {
			b.mirror(nil, true)
		}
		b.head = appendFraming(b.head, b.req, 0)
		b.upstream.Head = b.head
		return true
	}
	b.c.LimitContent(r.MaxContent)
	content, whole, err := b.c.Buffered()
	switch {
	case err != nil || whole:
	case b.c.Awaits():
		// Whether the content is wanted is for the upstream to say. See RFC 9110, section 10.1.1.
		b.upstream.Continue = b.c.Continue
		b.head = append(b.head, "Expect: 100-continue\r\n"...)
	case !b.req.Chunked:
		content, err = b.readAhead()
		whole = int64(len(content)) == b.req.Length
	}
	if err != nil {
		b.failContent(err)
		return false
	}
	if r.Mirror != nil {
		b.mirror(content, whole)
	}
	b.upstream.Content = content
	switch {
	case whole:
		lines, fault := requestTrailers(r, b.req, b.major, b.c.Trailers())
		if fault != nil {
			b.failContent(fault)
			return false
		}
		b.upstream.Content = nil
		b.head = appendWhole(b.head, b.req, content, lines)
	case b.req.Chunked:
		b.upstream.RequestTrailers = b.trailersOf()
		b.head = appendChunkedFraming(b.head, b.req)
		b.upstream.Chunked = true
	default:
		b.head = appendFraming(b.head, b.req, b.req.Length)
	}
	if !whole {
		b.upstream.Stream, b.upstream.Cancel = contentReader{b.c}, b.c.Interrupt
	}
	b.upstream.Head = b.head
	return true
}

// source returns where the client is: the other end of the connection, unless that is a trusted
// proxy which says otherwise. It then does not say the port.
func (b *blocking) source() net.Addr {
	if b.address == b.peer {
		return b.c.RemoteAddr()
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(b.address, 0))
}

// readAhead reads content of a known length, or the first part of it, before the request is sent to
// the upstream: a slow client then does not occupy one of its connections. What is read grows with
// what has come.
func (b *blocking) readAhead() ([]byte, error) {
	most, r := int(min(b.req.Length, aheadContent)), contentReader{b.c}
	b.c.BeginAhead()
	b.c.Hold(cap(b.body))
	defer b.c.EndAhead()
	for b.body = b.body[:0]; len(b.body) < most; {
		if len(b.body) == cap(b.body) {
			b.body = slices.Grow(b.body, max(len(b.body), min(most, firstContent)))
			b.c.Hold(cap(b.body))
		}
		n, err := r.Read(b.body[len(b.body):min(cap(b.body), most)])
		b.body = b.body[:len(b.body)+n]
		if err != nil && (err != io.EOF || len(b.body) < most) {
			return nil, err
		}
	}
	if a := &b.attempts; a.Allowed > 0 {
		a.Deadline = time.Now().Add(a.Allowed) // the client's time is not the upstream's
	}
	return b.body, nil
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

// failContent answers a request whose content is malformed, too large or too slow. If the client
// has disconnected, no response can be sent.
func (b *blocking) failContent(err error) {
	b.closing = true
	b.c.CloseAfter()
	var fault *wire.Fault
	if !errors.As(err, &fault) {
		b.status, b.failure = 499, failureGone
		return
	}
	b.refuseContent(fault)
	b.send()
}
