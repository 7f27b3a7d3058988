package proxy

import (
	"net/http"
	"strconv"
	"time"

	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/limit"
	"github.com/corsgate/corsgate/gateway/rewrite"
	"github.com/corsgate/corsgate/gateway/trace"
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
	request

	out      []byte // bytes for the client
	status   int    // of the response, for the counters
	length   int64  // bytes of the response's content as declared; -1: not known
	closing  bool   // the connection ends after this response
	failure  string // code of what failed, for the access log
	limit    string // that the request exceeded, with its value; as above
	reason   cors.Reason
	actual   bool           // reason is about an actual request, not a preflight
	noted    bool           // as refused
	rate     limit.Decision // of the route's limit, if it has one
	inFlight bool           // counted; see shed
	vary     [][]byte

	head     []byte // the request head for the upstream
	attempts upstream.Attempts
	traced   traced // what the upstream hears of a trace

	shard   *access.Shard // nil: no access log
	seq     uint32        // requests so far
	sampled bool          // it is logged in any case
	timed   bool          // busy is measured
	busy    time.Duration // the gateway's share of the time so far
	span    *trace.Span   // nil: the request is not recorded

	date    [len("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n")]byte
	dateSec int64 // the second that date stands for
}

// start makes x ready for the request that x.req holds. The connection ends after it if ends is set.
func (x *exchange) start(a *arrival, ends bool) {
	x.request.start(a)
	x.closing = ends
	x.status, x.reason, x.actual, x.noted = 0, cors.NoOrigin, true, false
	x.failure, x.limit, x.length = "", "", -1
	x.time()
	x.span = nil
}

// newExchange returns an exchange of p for requests that req holds.
func newExchange(p *Proxy, req *wire.Request, shard *access.Shard) exchange {
	return exchange{request: request{client: client{req: req}, p: p}, shard: shard}
}

// reset returns b emptied for use again, or nothing if it has grown too large to be kept.
func reset(b []byte) []byte {
	if cap(b) > maxKept {
		return nil
	}
	return b[:0]
}

// appendDate appends a Date field line for the exchange's time.
func (x *exchange) appendDate(dst []byte) []byte {
	if sec := x.now.Unix(); sec != x.dateSec {
		line := append(x.date[:0], "Date: "...)
		line = x.now.UTC().AppendFormat(line, http.TimeFormat)
		x.dateSec = sec
		copy(x.date[:], append(line, '\r', '\n'))
	}
	return append(dst, x.date[:]...)
}

// appendEnd appends Alt-Svc and the Connection field, if they are needed, and the end of the head.
func (x *exchange) appendEnd(dst []byte) []byte {
	if x.on.AltSvc != nil {
		dst = x.appendAltSvc(dst)
	}
	switch {
	case x.closing:
		dst = append(dst, "Connection: close\r\n"...)
	case x.req.Minor == 0:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, '\r', '\n')
}

// appendContent appends the length of the content, the end of the head, and, unless the request
// is a HEAD, the content.
func (x *exchange) appendContent(dst []byte, content ...string) []byte {
	x.length = 0
	for _, part := range content {
		x.length += int64(len(part))
	}
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, x.length, 10)
	dst = append(dst, '\r', '\n')
	dst = x.appendEnd(dst)
	if string(x.req.Method) != "HEAD" {
		for _, part := range content {
			dst = append(dst, part...)
		}
	}
	return dst
}

// appendShareExposing appends what the route and its policy add to a response that is made here, exposing fields of its own
// to pages.
func (x *exchange) appendShareExposing(dst []byte, e *rewrite.FieldEdits, exposed [][]byte) []byte {
	dst = x.appendEdits(dst, e)
	origin := false
	if p := x.policy(); p != nil {
		dst, x.reason = p.AppendExposing(dst, x.req.Origin, x.req.OriginLines, exposed)
		x.noteUnshared()
		origin = p.VaryOrigin()
	}
	x.vary = x.vary[:0]
	return x.appendVary(dst, e, origin)
}

// editsFor returns the fields that the route sets on a response that is made here.
func (x *exchange) editsFor(status int) *rewrite.FieldEdits {
	switch r := x.route; {
	case r == nil:
		return nil
	case r.Redirect != nil && r.Redirect.Status == status:
		return r.Response
	default:
		return r.Errors
	}
}
