package proxy

import (
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file announces HTTP/3 to clients that come by TCP, as RFC 7838 has it. The rules are:
//
//   - every response of a listener with http3 says so, our own too, but those that come by HTTP/3 already;
//   - what a route sets of Alt-Svc is sent in the place of it, and a route that removes it sends none;
//   - what an upstream says is dropped there: the alternatives for an origin are those of the server that clients connect to.

// appendAltSvc appends the announcement. Precondition: the listener has one.
func (x *response) appendAltSvc(dst []byte) []byte {
	if x.major == 3 || x.route != nil && x.route.UserSet.AltSvc {
		return dst
	}
	return append(dst, x.on.AltSvc...)
}

// overrides reports whether a field of an upstream's response is dropped because the listener says it itself.
func (q *request) overrides(f *wire.Field) bool {
	return q.on.AltSvc != nil && wire.EqualFold(f.Name, "Alt-Svc")
}
