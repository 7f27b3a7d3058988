package proxy

import (
	"bytes"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/report"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file refuses what browsers send on behalf of a page that the policy does not trust, and
// which CORS itself lets through: CORS only decides who may read an answer.

// guarded reports whether a request that is not a preflight must not be forwarded. x.reason then
// says why. The target's own origin always passes. Precondition: the route has a policy.
func (x *exchange) guarded() bool {
	p := x.route.Policy
	block := p.Block() && fromPage(x.req)
	socket := x.req.WebSocket && p.WebSocketOriginCheck() && x.req.OriginLines > 0
	forged := x.route.CSRF != snapshot.CSRFOff && crossSite(x.req)
	if !block && !socket && !forged {
		return false
	}
	if x.trustedOrigin(p) {
		return false
	}
	switch {
	case block:
		x.noteRefusal(report.Blocked)
	case socket:
		x.noteRefusal(report.WebSocket)
	case x.route.CSRF == snapshot.CSRFEnforce:
		x.route.Metrics.CSRF.Inc()
		x.noteRefusal(report.CSRF)
	default:
		x.route.Metrics.CSRF.Inc()
		x.noteRefusal(report.CSRFReport)
		return false
	}
	return true
}

// refuseGuarded answers a request that guarded has refused.
func (x *response) refuseGuarded() {
	reason := x.reason.String() // of the guard, not of what sharing the answer comes to
	x.failure = ownGuard.failure
	x.write(ownGuard.status, "Cors-Refused: "+reason+"\r\n", ownGuard.text+" ("+reason+").")
}

// trustedOrigin reports whether the request's Origin is its target's own or one that p allows.
func (x *exchange) trustedOrigin(p *cors.Policy) bool {
	if x.req.OriginLines > 1 {
		x.reason = cors.OriginRepeated
		return false
	}
	if x.sameOrigin() {
		return true
	}
	_, x.reason = p.AllowedOrigin(x.req.Origin)
	return x.reason == cors.Allowed
}

// fromPage reports whether the request has an Origin: several lines are one, whatever they say, for others may read another.
func fromPage(req *wire.Request) bool { return req.OriginLines > 1 || len(req.Origin) > 0 }

// sameOrigin reports whether the request's Origin is the origin of its target. Where the gateway
// cannot know that clients use https, because the proxy that terminates TLS does not say so, an
// https origin of the same host counts; an http origin never does where https is known.
func (q *request) sameOrigin() bool {
	origin, secure := bytes.CutPrefix(q.req.Origin, []byte("https://"))
	if !secure {
		var plain bool
		if origin, plain = bytes.CutPrefix(origin, []byte("http://")); !plain || q.https {
			return false
		}
	}
	port := []byte(":80")
	if secure {
		port = []byte(":443")
	}
	// Not bytes.EqualFold, which takes the Kelvin sign for a k.
	return q.req.OriginLines == 1 && wire.EqualFold(origin, string(bytes.TrimSuffix(q.asked(), port)))
}

// crossSite reports whether a browser sent an unsafe request from another origin, by the rules of
// Go's net/http.CrossOriginProtection: what Sec-Fetch-Site says, or else, from browsers that do
// not send it, Origin. Trusted origins are for the caller to let through.
func crossSite(req *wire.Request) bool {
	switch string(req.Method) {
	case "GET", "HEAD", "OPTIONS":
		return false
	}
	if req.SecFetchSiteLines > 1 {
		return true // browsers send one: the other was added on the way
	}
	switch string(req.SecFetchSite) {
	case "":
		return fromPage(req)
	case "same-origin", "none":
		return false
	}
	return true
}
