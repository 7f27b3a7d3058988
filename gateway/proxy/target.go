package proxy

import "github.com/corsgate/corsgate/gateway/wire"

// This file says why a request target is refused, and what to write instead. Such a request is routed all
// the same, so that the page that made it can read the refusal, and so that the log has its method, host and path.

// maxSuggested bounds a target that is shown as it has to be written.
const maxSuggested = 256

// refuseFlaw answers a request whose target no URL can have.
func (x *response) refuseFlaw(flaw *wire.Fault) {
	x.p.metrics.Malformed(flaw.Class)
	x.closing, x.failure, x.limit = true, flaw.Class, x.s.LimitOf(flaw)
	x.noteUntaken()
	text := flaw.Reason
	if target := escapedTarget(x.req); flaw.Status == 400 && flaw.Class == wire.FaultUnescaped.Class && flaw != wire.FaultControl && len(target) <= maxSuggested {
		text += ": write " + string(target)
	}
	x.write(flaw.Status, "", text)
}

// escapedTarget returns the path and the query as they have to be written.
func escapedTarget(req *wire.Request) []byte {
	return wire.AppendEscaped(wire.AppendEscaped(nil, req.Path), req.Query)
}
