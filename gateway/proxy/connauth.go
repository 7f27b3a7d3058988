package proxy

import (
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/transport"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file keeps apart the users of upstreams that authenticate connections (NTLM, Negotiate). The rules are:
//
//   - from the first request with such credentials the client's connection has a connection of its own to that upstream,
//     for all its requests there, as long as it lasts; the event loop leaves it to the other engine, for good;
//   - that connection is never shared, and nothing is tried again on another;
//   - a connection whose response offers such a scheme is not used again, unless it is the client's own;
//   - a connection of HTTP/2 or HTTP/3 may carry the requests of many, so credentials by it are refused, and
//     challenges are left out;
//   - no copy of such a request is made.

// maxBound bounds the connections that belong to one client.
const maxBound = 4

// A bound is a connection that belongs to the client, with where it leads.
type bound struct {
	to *upstream.Upstream
	transport.Bound
}

// bind returns the client's own connection to an upstream; nil: the exchange may use any.
func (b *blocking) bind(to *upstream.Upstream) *transport.Bound {
	for _, own := range b.bound {
		if own.to == to {
			return &own.Bound
		}
	}
	if !b.req.ConnectionAuth || b.major > 1 {
		return nil
	}
	if len(b.bound) == maxBound {
		b.bound[0].Close()
		b.bound = append(b.bound[:0], b.bound[1:]...)
	}
	own := &bound{to: to}
	b.bound = append(b.bound, own)
	b.c.Pin(b.unbind)
	return &own.Bound
}

// unbind closes what belongs to a client that has gone.
func (b *blocking) unbind() {
	for _, own := range b.bound {
		own.Close()
	}
	b.bound = nil
}

// refusesConnectionAuth reports whether the request has credentials for a connection that is not its own.
func (q *request) refusesConnectionAuth() bool {
	return q.major > 1 && q.req.ConnectionAuth && (q.route.Upstream != nil || q.route.Split != nil)
}

// appendChallenges appends the challenges of a field that can be met on a shared connection, if there are any.
func appendChallenges(dst []byte, f *wire.Field) []byte {
	begin := len(dst)
	dst = append(append(dst, f.Name...), ": "...)
	empty := len(dst)
	if dst = wire.AppendPortableChallenges(dst, f.Value); len(dst) == empty {
		return dst[:begin]
	}
	return append(dst, "\r\n"...)
}
