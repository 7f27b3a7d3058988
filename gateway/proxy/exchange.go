package proxy

import (
	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// Sizes of what an exchange keeps for the next one on its connection. Larger buffers are left to
// the garbage collector.
const (
	maxKept      = 64 << 10
	smallContent = 16 << 10 // of content that is kept, or copied for a mirror
	aheadContent = 64 << 10 // content of a known length that is read before the upstream is asked
	firstContent = 4 << 10  // of that, to begin with
)

// An exchange is one request on its way through the gateway, whichever engine makes it: see blocking and looped.
type exchange struct {
	response
	record   record
	inFlight bool // counted; see shed

	head     []byte // the request for the upstream
	attempts upstream.Attempts
	traced   traced // what the upstream hears of a trace
}

// start makes x ready for the request that x.req holds. The connection ends after it if ends is set.
func (x *exchange) start(a *arrival, ends bool) {
	x.request.start(a)
	x.response.reset(ends)
	x.record.start(x.s.Logged)
}

// newExchange returns an exchange of p for requests that req holds.
func newExchange(p *Proxy, req *wire.Request, shard *access.Shard) exchange {
	return exchange{response: response{request: request{client: client{req: req}, p: p}}, record: record{shard: shard}}
}

// emptied returns b for use again, or nothing if it has grown too large to be kept.
func emptied(b []byte) []byte {
	if cap(b) > maxKept {
		return nil
	}
	return b[:0]
}
