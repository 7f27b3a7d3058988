package proxy

import (
	"strings"

	"github.com/corsgate/corsgate/gateway/route"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file answers requests that are for no upstream: where no route takes them, or the route redirects or has a response.

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
		to += string(x.route.Auth.AppendQuery(nil, x.req.Query))
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
