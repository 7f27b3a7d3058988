package proxy

import (
	"runtime/debug"
	"time"

	"github.com/corsgate/corsgate/gateway/backend"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/loop"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file is the event loop's view of an exchange: loop.Exchange. It holds no decision that
// the blocking engine does not share; see begin and finish.

// Exchanges returns what makes exchanges for the stock of the i-th loop. Unlike one of a connection
// such an exchange has its own request, and passes from client to client.
func (p *Proxy) Exchanges(i int) func() loop.Exchange {
	return func() loop.Exchange { return &exchange{p: p, req: new(wire.Request), shard: p.shard(i)} }
}

// Head is part of loop.Exchange.
func (x *exchange) Head() *wire.Request { return x.req }

// Begin is part of loop.Exchange.
func (x *exchange) Begin(dst []byte, c loop.Client) (out []byte, ends bool, next loop.Next) {
	x.major = max(c.Major, 1)
	x.start(c.Peer, c.Identity, c.On, c.Ends, x.req.Length, c.Now)
	defer func() {
		if x.answerIfPanic(recover()) {
			out, ends, next = x.out, true, loop.Answered
		}
	}()
	x.find()
	if x.needsBlocking() {
		return dst, ends, loop.Elsewhere
	}
	if x.major > 1 {
		x.p.metrics.Multiplexed(x.major)
	}
	if x.out = dst; x.begin() {
		return x.out, x.closing, loop.Answered
	}
	return x.out, x.closing, loop.Forwarded
}

// needsBlocking reports whether the request, if it is forwarded at all, needs what only the blocking
// engine can do. Either answers preflights. To answer a challenge takes a look at a file.
func (x *exchange) needsBlocking() bool {
	if x.answersChallenge {
		return true
	}
	r := x.route
	if r == nil || r.Upstream == nil && r.Split == nil || x.answersPreflight() || x.req.Flaw != nil {
		return false
	}
	return x.upgrade != "" || x.req.ConnectionAuth || r.Blocking()
}

// answerIfPanic makes x.out a 500, after which the connection ends, if p is a panic, and logs its stack.
func (x *exchange) answerIfPanic(p any) bool {
	if p == nil {
		return false
	}
	x.p.log.Error("panic while handling a request", "panic", p, "stack", string(debug.Stack()))
	x.closing = true
	x.answerPanic()
	x.route = nil // for it may be what has panicked
	return true
}

// answerPanic makes the 500, without all that is of the route and its policy if that panics, too.
func (x *exchange) answerPanic() {
	defer func() {
		if recover() != nil {
			x.route = nil
			x.answer(ownPanic, "")
		}
	}()
	x.answer(ownPanic, "")
}

// Attempts is part of loop.Exchange.
func (x *exchange) Attempts() *upstream.Attempts { return &x.attempts }

// Prepare is part of loop.Exchange.
//
// finish needs the method, path, Host and Origin of the request, and the loop reuses its buffer in
// the meantime: the first two are at the front of the forwarded request, unless its path differs;
// the others are copied behind it.
func (x *exchange) Prepare(content, trailers []byte) *wire.Fault {
	if int64(len(content)) > x.route.MaxContent {
		return edge.FaultContentSize // it came in chunks, so begin could not know
	}
	if x.route.Mirror != nil {
		x.mirror(content, true)
	}
	lines, fault := requestTrailers(x.route, x.req, x.major, trailers)
	if fault != nil {
		return fault
	}
	x.frame(content, lines)
	x.request = len(x.head)
	r := x.req
	x.head = append(append(x.head, r.Host...), r.Origin...)
	if x.route.Rewrite != nil {
		x.head = append(x.head, r.Path...)
	}
	line, rest := x.head[:x.request], x.head[x.request:]
	host, origin := len(r.Host), len(r.Origin)
	r.Host, r.Origin = rest[:host], rest[host:][:origin]
	r.Method = line[:len(r.Method)]
	if x.route.Rewrite != nil {
		r.Path = rest[host+origin:]
	} else {
		r.Path = line[len(r.Method)+1:][:len(r.Path)]
	}
	return nil
}

// Refuse is part of loop.Exchange, and what the blocking engine does.
func (x *exchange) Refuse(dst []byte, f *wire.Fault) []byte {
	x.out = dst
	if x.answerFault(f); f == edge.FaultTimeout {
		x.limit = "timeouts.body_idle = " + x.s.Config.Timeouts.BodyIdle.String() // it is the content that is late
	}
	return x.out
}

// Reject is part of loop.Exchange.
func (x *exchange) Reject(dst []byte, c loop.Client, f *wire.Fault) (out []byte) {
	x.start(c.Peer, c.Identity, c.On, true, 0, c.Now)
	defer func() {
		if x.answerIfPanic(recover()) {
			out = x.out
		}
	}()
	x.out = dst
	x.reject(f)
	return x.out
}

// Sent is part of loop.Exchange.
func (x *exchange) Sent(since time.Time) { x.addBusy(since) }

// Request is part of loop.Exchange.
func (x *exchange) Request() []byte { return x.head[:x.request] }

// Finish is part of loop.Exchange.
func (x *exchange) Finish(dst []byte, res *wire.Response, ends bool) (out []byte, last bool, as wire.Framing, ok bool) {
	x.out, x.closing = dst, ends
	defer func() {
		if x.answerIfPanic(recover()) {
			out, last, as, ok = x.out, true, wire.NoContent, false
		}
	}()
	as = x.finish(res)
	return x.out, x.closing, as, true
}

// Fail is part of loop.Exchange.
func (x *exchange) Fail(dst []byte, e *upstream.Endpoint, err *upstream.Error, ends bool) (out []byte, last bool) {
	x.out, x.closing = dst, ends
	defer func() {
		if x.answerIfPanic(recover()) {
			out, last = x.out, true
		}
	}()
	x.fail(e, err)
	return x.out, x.closing
}

// Cut is part of loop.Exchange, and what the blocking engine does.
func (x *exchange) Cut(e *upstream.Endpoint, err error) {
	if x.ended(err, x.route.StreamIdle.Key) {
		return
	}
	x.failure = backend.ClassCut
	x.route.Upstream.Metrics.Failures[backend.ClassCut].Inc()
	attrs := []any{"endpoint", e.Address.Label, "error", err}
	if err == upstream.ErrStalled {
		attrs = append(attrs, "limit", "upstream."+x.route.Upstream.Name+".idle_timeout")
	}
	x.warn("response cut off", &x.route.Upstream.Cut, attrs...)
}

// Done is part of loop.Exchange.
func (x *exchange) Done(e *upstream.Endpoint, now time.Time) {
	x.addBusy(now)
	x.account(e, now)
	x.out = nil // the loop's
	x.head = reset(x.head)
}

// Gone is part of loop.Exchange. What the upstream has to do with it is not known.
func (x *exchange) Gone(now time.Time) {
	x.failure = failureGone
	if x.status == 0 {
		x.status = 499
	}
	x.Done(nil, now)
}
