package proxy

import (
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/loop"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// A looped is an exchange that an event loop makes: it implements loop.Exchange. It holds no decision that the blocking engine
// does not share; see begin and finish. Unlike one of a connection it has its own request, and passes from client to client.
type looped struct {
	exchange
	forwarded int // l.head[:l.forwarded] is the request that the upstream is sent
}

// Exchanges returns what makes exchanges for the free list of the i-th loop.
func (p *Proxy) Exchanges(i int) func() loop.Exchange {
	return func() loop.Exchange {
		return &looped{exchange: newExchange(p, new(wire.Request), p.shard(i))}
	}
}

// Head is part of loop.Exchange.
func (l *looped) Head() *wire.Request { return l.req }

// Begin is part of loop.Exchange.
func (l *looped) Begin(dst []byte, c loop.Client) (out []byte, ends bool, next loop.Next) {
	l.start(&arrival{c.Peer, c.Identity, c.On, max(c.Major, 1), l.req.Length, c.Now}, c.Ends)
	defer func() {
		if l.answerIfPanic(recover()) {
			out, ends, next = l.out, true, loop.Answered
		}
	}()
	l.find()
	if l.needsBlocking() {
		return dst, ends, loop.Elsewhere
	}
	if l.major > 1 {
		l.p.metrics.Multiplexed(l.major)
	}
	if l.out = dst; l.begin() {
		return l.out, l.closing, loop.Answered
	}
	return l.out, l.closing, loop.Forwarded
}

// Attempts is part of loop.Exchange.
func (l *looped) Attempts() *upstream.Attempts { return &l.attempts }

// Prepare is part of loop.Exchange.
//
// finish needs the method, path, Host and Origin of the request, and the loop reuses its buffer in
// the meantime: the first two are at the front of the forwarded request, unless its path differs;
// the others are copied behind it.
func (l *looped) Prepare(content, trailers []byte) *wire.Fault {
	if int64(len(content)) > l.route.MaxContent {
		return edge.FaultContentSize // it came in chunks, so begin could not know
	}
	if l.route.Mirror != nil {
		l.mirror(content, true)
	}
	lines, fault := requestTrailers(l.route, l.req, l.major, trailers)
	if fault != nil {
		return fault
	}
	l.head = appendWhole(l.head, l.req, content, lines)
	l.forwarded = len(l.head)
	r := l.req
	l.head = append(append(l.head, r.Host...), r.Origin...)
	if l.route.Rewrite != nil {
		l.head = append(l.head, r.Path...)
	}
	line, rest := l.head[:l.forwarded], l.head[l.forwarded:]
	host, origin := len(r.Host), len(r.Origin)
	r.Host, r.Origin = rest[:host], rest[host:][:origin]
	r.Method = line[:len(r.Method)]
	if l.route.Rewrite != nil {
		r.Path = rest[host+origin:]
	} else {
		r.Path = line[len(r.Method)+1:][:len(r.Path)]
	}
	return nil
}

// Refuse is part of loop.Exchange.
func (l *looped) Refuse(dst []byte, f *wire.Fault) []byte {
	l.out = dst
	l.refuseContent(f)
	return l.out
}

// Interim is part of loop.Exchange.
func (l *looped) Interim(dst []byte, res *wire.Response) []byte { return l.appendInterim(dst, res) }

// Trailers is part of loop.Exchange.
func (l *looped) Trailers(dst, lines []byte) []byte { return l.appendTrailers(dst, lines) }

// Reject is part of loop.Exchange.
func (l *looped) Reject(dst []byte, c loop.Client, f *wire.Fault) (out []byte) {
	l.start(&arrival{c.Peer, c.Identity, c.On, max(c.Major, 1), 0, c.Now}, true)
	defer func() {
		if l.answerIfPanic(recover()) {
			out = l.out
		}
	}()
	l.out = dst
	l.reject(f)
	return l.out
}

// Sent is part of loop.Exchange.
func (l *looped) Sent(since time.Time) { l.record.addBusy(since) }

// Request is part of loop.Exchange.
func (l *looped) Request() []byte { return l.head[:l.forwarded] }

// Finish is part of loop.Exchange.
func (l *looped) Finish(dst []byte, res *wire.Response, ends bool) (out []byte, last bool, as wire.Framing, ok bool) {
	l.out, l.closing = dst, ends
	defer func() {
		if l.answerIfPanic(recover()) {
			out, last, as, ok = l.out, true, wire.NoContent, false
		}
	}()
	as = l.finish(res)
	return l.out, l.closing, as, true
}

// Fail is part of loop.Exchange.
func (l *looped) Fail(dst []byte, e *upstream.Endpoint, err *upstream.Error, ends bool) (out []byte, last bool) {
	l.out, l.closing = dst, ends
	defer func() {
		if l.answerIfPanic(recover()) {
			out, last = l.out, true
		}
	}()
	l.fail(e, err)
	return l.out, l.closing
}

// Cut is part of loop.Exchange.
func (l *looped) Cut(e *upstream.Endpoint, err error) { l.cutOff(e, err) }

// Done is part of loop.Exchange.
func (l *looped) Done(e *upstream.Endpoint, now time.Time) {
	l.record.addBusy(now)
	l.account(e, now)
	l.out = nil // the loop's
	l.head = emptied(l.head)
}

// Gone is part of loop.Exchange. What the upstream has to do with it is not known.
func (l *looped) Gone(now time.Time) {
	l.failure = failureGone
	if l.status == 0 {
		l.status = 499
	}
	l.Done(nil, now)
}
