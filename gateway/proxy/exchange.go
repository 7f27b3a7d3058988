package proxy

import (
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/limit"
	"github.com/corsgate/corsgate/gateway/rewrite"
	"github.com/corsgate/corsgate/gateway/route"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/tlsconf"
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
	p   *Proxy
	s   *snapshot.Snapshot
	req *wire.Request

	peer          netip.Addr
	peerText      []byte            // peer as it stands in X-Forwarded-For
	identity      *tlsconf.Identity // what the client's certificate says; nil: it has shown none
	bare          bool              // the listener requires a certificate, and the client has none
	redirectHTTPS bool              // the listener's
	altSvc        []byte            // likewise
	readyPath     string            // likewise
	asksReady     bool              // the request is for it
	closing       bool              // the connection ends after this response
	content       int64             // bytes of content that the request is known to have
	now           time.Time

	route    *snapshot.Route // nil: none takes the request
	client   netip.Addr      // as far as it is known; see clientOf
	trusted  bool            // the peer is believed
	https    bool            // the client used https, as far as we know
	rate     limit.Decision  // of the route's limit, if it has one
	status   int             // of the response, for the counters
	miss     route.Miss      // why, if nothing more is known
	reason   cors.Reason
	actual   bool   // reason is about an actual request, not a preflight
	major    int    // version of HTTP by which it came
	inFlight bool   // counted; see shed
	noted    bool   // as refused
	failure  string // code of what failed, for the access log
	limit    string // that the request exceeded, with its value; as above
	length   int64  // bytes of the response's content as declared; -1: not known

	shard   *access.Shard // nil: no access log
	seq     uint32        // requests so far
	sampled bool          // it is logged in any case
	timed   bool          // busy is measured
	busy    time.Duration // the gateway's share of the time so far

	isPreflight      bool
	upgrade          string        // the protocol to switch to, if the upstream agrees; "": none
	answersChallenge bool          // it may be an authority's; see answerChallenge
	host             []byte        // what $host stands for; see capture
	said             []byte        // the host that a trusted proxy says the client has asked for; empty: none; see asked
	asker            rewrite.Asked // what Location is rewritten by; see capture
	id               []byte        // see requestID

	out  []byte // bytes for the client
	head []byte // the request head for the upstream
	vary [][]byte

	attempts upstream.Attempts

	traced traced      // what the upstream hears of a trace
	span   *trace.Span // nil: the request is not recorded

	date    [len("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n")]byte
	dateSec int64 // the second that date stands for
}

// start makes x ready for the request that x.req holds. The connection ends after it if ends is
// set; content is how long the content is known to be.
func (x *exchange) start(peer netip.Addr, identity *tlsconf.Identity, on *edge.Listener, ends bool, content int64, now time.Time) {
	if peer != x.peer {
		x.peer, x.peerText = peer, peer.AppendTo(x.peerText[:0])
	}
	x.s = x.p.current.Load()
	x.redirectHTTPS, x.altSvc, x.closing, x.content, x.now = on.RedirectHTTPS, on.AltSvc, ends, content, now
	x.readyPath = on.ReadyPath
	x.identity, x.bare = identity, identity == nil && on.ClientAuth != nil && on.ClientAuth.Exempt
	x.route, x.status, x.reason, x.actual, x.noted = nil, 0, cors.NoOrigin, true, false
	x.failure, x.limit, x.length = "", "", -1
	x.time()
	x.trusted = x.s.Trusts(x.peer)
	x.https, x.said = on.TLS, x.said[:0]
	if x.trusted && x.req.HasForwarding {
		x.believe()
	}
	x.client = x.clientOf()
	x.id = x.id[:0]
	x.span = nil
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
	if x.altSvc != nil {
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
