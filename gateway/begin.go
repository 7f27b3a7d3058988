package gateway

import (
	"bytes"
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/route"
	"github.com/corsgate/corsgate/gateway/wire"
)

// begin decides what becomes of a request, of which find has found the route. It reports true if
// x.out holds the whole response, false if x.head holds the head of a request to the route's
// upstream.
func (x *exchange) begin() (answered bool) {
	if x.proves && x.prove() {
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
		x.failure = failureCertificate
		x.answer(403, "", "this request needs a client certificate: the listener serves preflights alone without one")
		return true
	}
	if r != nil && r.shadow != nil && !x.isPreflight {
		x.tryActual()
	}
	if r != nil && r.remembers {
		x.remember(r)
	}
	switch {
	case r == nil:
		x.refuseMiss()
	case x.answersPreflight():
		if r.limit != nil && !r.limit.admitPreflight(x) {
			r.limit.refusePreflight(x)
		} else {
			x.preflight()
		}
	case x.redirectHTTPS && !x.https:
		x.redirectToHTTPS()
	case x.loops():
		x.failure = failureLoop
		x.answer(508, "", "this request has been here before: the upstream leads back to the gateway")
	case r.limit != nil && !r.limit.admit(x):
		r.limit.refuseRequest(x)
	case r.policy != nil && x.guarded():
		x.failure = failureGuard
		x.answer(403, "", "this origin may not use this resource ("+x.reason.String()+")")
	case x.refusesConnectionAuth():
		x.failure = failureConnection
		x.answer(401, "", "NTLM and Negotiate authenticate a connection, and this one may be shared: ask again by HTTP/1.1")
	case x.refusesLookalike():
		x.failure = failureName
		x.answer(400, "", "the name of a request header holds a character that is neither a letter, a digit nor '-'")
	case x.content > r.maxContent:
		x.failure = edge.FaultContentSize.Class
		x.answer(413, "", "the content is larger than allowed here")
	case r.rewrite != nil && r.rewrite.refuses(x.req.Path):
		x.failure = failurePrefix
		x.answer(400, "", "without the prefix that this route takes off, the path would begin with two slashes")
	case r.redirect != nil:
		x.redirect(r.redirect)
	case r.respond != nil:
		x.respond(r.respond)
	case x.shed():
		x.refuseShed()
	default:
		if r.split != nil {
			x.route = r.split.pick(x)
		}
		x.aim()
		x.appendRequest()
		return false
	}
	return true
}

// find chooses the route: a preflight's by the method it asks for. Nothing is counted yet.
func (x *exchange) find() {
	if x.asksReady = x.readyPath != "" && string(x.req.Path) == x.readyPath; x.asksReady {
		x.proves, x.isPreflight, x.upgrade = false, false, ""
		return
	}
	x.proves = x.mayProve()
	method := x.req.Method
	x.isPreflight = cors.IsPreflight(method, x.req.Origin, x.req.OriginLines, x.req.ACRM)
	if x.isPreflight {
		method = x.req.ACRM
	}
	i, miss := x.s.table.Find(x.req.Host, x.req.Path, method, x.req.PlainPath)
	if x.miss = miss; i >= 0 {
		x.route = x.s.routes[i]
	}
	if x.upgrade = ""; len(x.req.Upgrade) > 0 {
		x.upgrade = x.switches()
	}
}

// answersPreflight reports whether the request is a preflight that the route's policy answers.
func (x *exchange) answersPreflight() bool {
	p := x.route.policy
	return x.isPreflight && p != nil && !p.Passthrough()
}

// standardMethods are those that Allow can name where the rules name none.
var standardMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// refuseMiss answers a request that no route takes.
func (x *exchange) refuseMiss() {
	switch {
	case len(x.req.Path) == 1 && x.req.Path[0] == '*':
		// RFC 9110, section 9.3.7: a question to the server as a whole.
		x.answer(200, "Allow: "+strings.Join(standardMethods, ", ")+"\r\n", "")
	case x.miss.Misread():
		x.g.metrics.malformed("path")
		x.closing, x.failure = true, "path"
		x.answer(400, "", misreading(x.miss)+": "+misreadingFix(x.miss))
	case x.miss == route.NoHost:
		x.failure = failureHost
		x.answer(421, "", "no route is configured for this host")
	case x.isPreflight:
		x.failure = failureMethod
		// Nothing is known that could be shared; 403 says so to whoever asks by hand.
		x.answer(403, preflightVary, "no route takes the method that this preflight asks for")
	case x.miss == route.NoMethod:
		x.failure = failureMethod
		allowed := x.s.table.Methods(x.req.Host, x.req.Path, standardMethods)
		x.answer(405, "Allow: "+strings.Join(allowed, ", ")+"\r\n", "the routes of this path do not take this method")
	default:
		x.failure = failurePath
		x.answer(404, "", "no route is configured for this path")
	}
}

const preflightVary = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"

// loops reports whether the request has passed through this process before. See RFC 9110,
// section 7.6.3.
func (x *exchange) loops() bool {
	if !x.req.HasVia {
		return false
	}
	for i := range x.req.Fields {
		f := &x.req.Fields[i]
		if f.ID == wire.Via && bytes.Contains(f.Value, []byte(x.g.pseudonym)) {
			return true
		}
	}
	return false
}

// redirectToHTTPS answers with the same URI under https.
func (x *exchange) redirectToHTTPS() {
	if len(x.req.Host) == 0 {
		x.answer(400, "", "a request without Host cannot be redirected to https")
		return
	}
	host := string(wire.HostName(x.req.Host))
	x.answer(308, "Location: https://"+host+string(x.req.Path)+string(x.req.Query)+"\r\n", "use https")
}

// redirect answers with a configured redirect.
func (x *exchange) redirect(r *redirect) {
	path := "/" // of "*", too
	if x.req.Path[0] == '/' {
		path = string(x.appendPath(nil))
	}
	to := strings.ReplaceAll(r.to, "$path", path)
	if !strings.Contains(r.to, "?") {
		to += string(x.req.Query)
	}
	x.answer(r.status, "Location: "+to+"\r\n", "see "+to)
}

// respond answers with a configured response.
func (x *exchange) respond(r *respond) {
	x.status = r.status
	x.out = append(x.out[:0], r.head...)
	x.out = x.appendDate(x.out)
	x.out = x.appendRate(x.out)
	x.out = x.appendShare(x.out, x.route.response)
	if r.status == 204 || r.status == 304 {
		x.out = x.appendEnd(x.out)
		return
	}
	x.out = x.appendContent(x.out, r.body)
}
