package proxy

import (
	"strconv"
	"time"

	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// An exchange is one request on its way through the gateway, whichever engine makes it. This file is its life, in the order of
// the methods: start and find (in request.go) take what is known; begin decides; what is not answered then is exchanged with an
// upstream by an engine, see blocking and looped; finish makes the head of the response; account counts and logs all that.
type exchange struct {
	response
	record   record
	inFlight bool // counted; see shed

	head     []byte // the request for the upstream
	attempts upstream.Attempts
	traced   traced // what the upstream hears of a trace
}

// newExchange returns an exchange of p for requests that req holds.
func newExchange(p *Proxy, req *wire.Request, shard *access.Shard) exchange {
	return exchange{response: response{request: request{client: client{req: req}, p: p}}, record: record{shard: shard}}
}

// start makes x ready for the request that x.req holds. The connection ends after it if ends is set.
func (x *exchange) start(a *arrival, ends bool) {
	x.request.start(a)
	x.response.reset(ends)
	x.record.start(x.s.Logged)
}

// begin decides how a request is handled, whose route find has found. It reports true if x.out
// holds the whole response, false if x.head holds the head of a request to the route's upstream.
func (x *exchange) begin() (answered bool) {
	preflight := x.answersPreflight()
	switch flaw := x.req.Flaw; {
	case x.answersChallenge && x.answerChallenge():
	case x.asksReady:
		x.sayReady()
	case flaw != nil && !preflight:
		x.refuseFlaw(flaw)
	case x.bare && !preflight:
		x.answer(ownCertificate, "")
	case x.route == nil:
		x.refuseMiss()
		x.noteUntaken()
	default:
		return x.judge(preflight)
	}
	return true
}

// judge is begin for a request that a route takes; preflight says that the route's policy answers it. The order of the cases is
// the order in which a request is judged, which is why they stand on one screen.
func (x *exchange) judge(preflight bool) (answered bool) {
	r := x.route
	if r.Shadow != nil && !x.isPreflight {
		x.tryActual()
	}
	if r.NeedsHost || r.NeedsID {
		x.capture(r)
	}
	switch {
	case preflight:
		if r.Limit != nil && !x.admitPreflight() {
			x.refuseLimited()
		} else {
			x.preflight()
		}
	case x.on.RedirectHTTPS && !x.https:
		x.redirectToHTTPS()
	case hasPassed(x.req, x.p.pseudonym):
		x.answer(ownLoop, "")
	case r.Addresses != nil && !r.Addresses.Admits(x.address):
		x.answer(ownAddress, "")
	case r.Auth != nil && !x.admitted():
		x.refuseAuth()
	case r.Limit != nil && !x.admit():
		x.refuseLimited()
	case r.Policy != nil && x.guarded():
		x.refuseGuarded()
	case x.refusesConnectionAuth():
		x.answer(ownConnection, "")
	case r.Lookalikes.RefusesRequest(x.req):
		x.answer(ownName, "")
	case x.content > r.MaxContent:
		x.answer(ownContent, "")
	case r.Rewrite != nil && r.Rewrite.Refuses(x.req.Path):
		x.answer(ownPrefix, "")
	case r.Redirect != nil:
		x.redirect(r.Redirect)
	case r.Respond != nil:
		x.respond(r.Respond)
	case x.shed():
		x.refuseShed()
	default:
		if r.Split != nil {
			x.route = r.Splits[r.Split.Pick(x.req, x.address)]
		}
		x.prepareAttempts()
		x.appendRequest()
		return false
	}
	return true
}

// finish makes x.out, the head of the response for the client, from the upstream's: every field
// that may be forwarded, then the policy's. It returns how the content must be framed.
func (x *exchange) finish(res *wire.Response) wire.Framing {
	x.status, x.length = res.Status, res.Length
	dst := append(x.out[:0], "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(res.Status), 10)
	dst = append(append(append(dst, ' '), res.Reason...), '\r', '\n')
	if p := x.route.Policy; p != nil && !p.Passthrough() {
		dst = x.appendShared(dst, res, p)
	} else {
		dst = x.appendUnshared(dst, res)
	}
	dst = x.appendEdits(dst, x.route.Response)
	if !res.HasDate {
		dst = x.date.append(dst, x.now)
	}
	dst = x.appendRate(dst)
	if res.Status == 101 {
		dst = x.appendBearer(dst, res)
		x.out = append(x.appendUpgrade(dst), '\r', '\n')
		return wire.NoContent
	}
	if res.Status == 426 && x.major < 2 && x.req.Minor == 1 {
		dst = appendOffers(dst, res)
	}
	framing := res.Framing(string(x.req.Method) == "HEAD")
	switch {
	case framing == wire.NoContent && res.Length >= 0 && res.Status != 204:
		// Of a HEAD or a 304 it is the length that a GET would have had.
		dst = appendLength(dst, res.Length)
	case framing == wire.NoContent:
	case framing == wire.ByLength:
		dst = appendLength(dst, res.Length)
	case x.req.Minor == 1:
		framing = wire.ByChunks
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
		if res.Chunked && x.takesTrailers() {
			dst = appendAnnounced(dst, res.Fields, res.Named)
		}
	default:
		framing = wire.UntilClose
		x.closing = true
	}
	x.out = x.appendEnd(dst)
	return framing
}

// account ends the exchange: it counts the request, and its exchange with an endpoint unless e is nil, and logs it. Each engine
// calls it once for each request.
func (x *exchange) account(e *upstream.Endpoint, now time.Time) {
	x.left()
	x.record.end(&x.response, e, now)
}
