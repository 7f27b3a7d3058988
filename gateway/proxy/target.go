package proxy

import (
	"github.com/corsgate/corsgate/gateway/route"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file says why a request target is refused, and what to write instead. Such a request is routed all
// the same, so that the page that made it can read the refusal, and so that the log has its method, host and path.

// maxSuggested bounds a target that is shown as it has to be written.
const maxSuggested = 256

// refuseFlaw answers a request whose target no URL can have.
func (x *exchange) refuseFlaw(flaw *wire.Fault) {
	x.p.metrics.Malformed(flaw.Class)
	x.closing, x.failure, x.limit = true, flaw.Class, x.s.LimitOf(flaw)
	x.noteUntaken()
	text := flaw.Reason
	if target := x.escapedTarget(); flaw.Status == 400 && flaw.Class == wire.FaultUnescaped.Class && flaw != wire.FaultControl && len(target) <= maxSuggested {
		text += ": write " + string(target)
	}
	x.write(flaw.Status, "", text)
}

// escapedTarget returns the path and the query as they have to be written.
func (x *exchange) escapedTarget() []byte {
	return wire.AppendEscaped(wire.AppendEscaped(nil, x.req.Path), x.req.Query)
}

// shownPath returns the path for logs and traces: in ASCII.
func (x *exchange) shownPath() []byte {
	if x.req.Flaw == nil {
		return x.req.Path
	}
	return wire.AppendEscaped(nil, x.req.Path)
}

// Misreading says why a path leads to no route.
func Misreading(miss route.Miss) string {
	switch miss {
	case route.Dotted:
		return "the path contains a dot segment, possibly encoded, which servers resolve in different ways"
	case route.Nested:
		return "the path is percent-encoded twice, which servers decode in different ways"
	}
	return "the path has two readings that lead to different routes"
}

// MisreadingFix says what to send instead.
func MisreadingFix(miss route.Miss) string {
	switch miss {
	case route.Dotted:
		return "send the path that it leads to, as browsers do"
	case route.Nested:
		return "escape the path once"
	}
	return "send it without ';', empty segments, escaped slashes and escapes of plain characters"
}
