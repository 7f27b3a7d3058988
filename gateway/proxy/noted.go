package proxy

import (
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/report"
)

// This file notes what pages were refused, and what they were allowed; see package report.

// noteUnshared lists the request if its response is not shared with its origin. On the loop no more than its method, path,
// Host and Origin are left of it then.
func (x *response) noteUnshared() {
	if x.reason > cors.NoOrigin && x.route != nil && !x.noted && !x.sameOrigin() {
		x.noteRefusal(report.Response)
	}
}

// noteUntaken lists a request of a page that no route takes, or whose head is refused, by x.failure.
func (x *response) noteUntaken() {
	if x.failure == "" || x.noted || !fromPage(x.req) || x.sameOrigin() {
		return
	}
	what := report.Blocked
	if x.isPreflight {
		what = report.Preflight
	}
	x.noted = true
	q := x.listed()
	x.p.report.RefuseUntaken(&q, what, x.failure, x.limit)
}

// noteRefusal lists the request. Precondition: its route has a policy, which refuses it with x.reason.
func (x *response) noteRefusal(what report.Kind) {
	x.noted = true
	q := x.listed()
	x.p.report.Refuse(&q, what, x.reason)
}

// noteAllowed lists a preflight that is allowed, if one is due. key is all of its question but the origin.
func (x *exchange) noteAllowed(key []byte) {
	if x.p.report.AllowDue(x.now) {
		q := x.listed()
		x.p.report.Allow(&q, key)
	}
}
