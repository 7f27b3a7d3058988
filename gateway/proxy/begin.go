package proxy

import (
	"bytes"
	"strings"

	"github.com/corsgate/corsgate/gateway/route"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/wire"
)

// begin decides how a request is handled, whose route find has found. It reports true if x.out
// holds the whole response, false if x.head holds the head of a request to the route's upstream. The order of its cases is the
// order in which a request is judged, which is why they stand on one screen.
func (x *exchange) begin() (answered bool) {
	if x.answersChallenge && x.answerChallenge() {
		return true
	}
	if x.asksReady {
		x.sayReady()
		return true
	}
	r := x.route
	if flaw := x.req.Flaw; flaw != nil && (r == nil || !x.answersPreflight()) {
		x.refuseFlaw(flaw)
		return true
	}
	if x.bare && (r == nil || !x.answersPreflight()) {
		x.answer(ownCertificate, "")
		return true
	}
	if r != nil && r.Shadow != nil && !x.isPreflight {
		x.tryActual()
	}
	if r != nil && (r.NeedsHost || r.NeedsID) {
		x.capture(r)
	}
	switch {
	case r == nil:
		x.refuseMiss()
		x.noteUntaken()
	case x.answersPreflight():
		if r.Limit != nil && !x.admitPreflight() {
			x.refuseLimited()
		} else {
			x.preflight()
		}
	case x.on.RedirectHTTPS && !x.https:
		x.redirectToHTTPS()
	case hasPassed(x.req, x.p.pseudonym):
		x.answer(ownLoop, "")
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

// refuseMiss answers a request that no route takes.
func (x *response) refuseMiss() {
	switch {
	case len(x.req.Path) == 1 && x.req.Path[0] == '*':
		x.answerOptions()
	case x.miss.Misread():
		x.p.metrics.Malformed("path")
		x.closing, x.failure = true, ownPath.failure
		x.write(ownPath.status, "", x.miss.Misreading()+": "+x.miss.MisreadingFix())
	case x.miss == route.NoHost:
		x.answer(ownHost, "")
	case x.isPreflight && x.miss == route.NoMethod:
		x.answer(ownUnrouted, "")
	case x.isPreflight:
		x.answer(ownPreflight, "")
	case x.miss == route.NoMethod:
		x.answer(ownMethod, allowed(x.s, x.req))
	default:
		x.answer(ownNotFound, "")
	}
}

// answerOptions answers a question to the server as a whole. See RFC 9110, section 9.3.7.
func (x *response) answerOptions() {
	x.answer(ownOptions, "Allow: "+strings.Join(snapshot.StandardMethods, ", ")+"\r\n")
}

// hasPassed reports whether the request has passed through the process with a pseudonym before. See RFC 9110,
// section 7.6.3.
func hasPassed(req *wire.Request, pseudonym string) bool {
	if !req.HasVia {
		return false
	}
	for i := range req.Fields {
		f := &req.Fields[i]
		if f.ID == wire.Via && bytes.Contains(f.Value, []byte(pseudonym)) {
			return true
		}
	}
	return false
}

// redirectToHTTPS answers with the same URI under https.
func (x *response) redirectToHTTPS() {
	if x.req.Path[0] != '/' {
		x.answerOptions() // "*" is not a resource, and has no URI
		return
	}
	if len(x.asked()) == 0 {
		x.answer(ownNoHost, "")
		return
	}
	host := string(wire.HostName(x.asked()))
	x.answer(ownHTTPS, "Location: https://"+host+string(x.req.Path)+string(x.req.Query)+"\r\n")
}

// redirect answers with a configured redirect.
func (x *response) redirect(r *snapshot.Redirect) {
	path := "/" // of "*", too
	if x.req.Path[0] == '/' {
		path = string(x.appendPath(nil))
	}
	to := strings.ReplaceAll(r.To, "$path", path)
	if !strings.Contains(r.To, "?") {
		to += string(x.req.Query)
	}
	x.write(r.Status, "Location: "+to+"\r\n", "See "+to)
}

// respond answers with a configured response.
func (x *response) respond(r *snapshot.Respond) {
	x.status = r.Status
	x.out = append(x.out[:0], r.Head...)
	x.out = x.appendOwn(x.out)
	x.out = x.appendRate(x.out)
	x.out = x.appendShareExposing(x.out, x.route.Response, exposedOf(r.Status))
	if r.Status == 204 || r.Status == 304 {
		x.out = x.appendEnd(x.out)
		return
	}
	x.out = x.appendContent(x.out, r.Body)
}
