package proxy

import (
	"strings"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file is the list of what the gateway says by itself, beside configured redirects and responses, and how it says it.
// The rules are:
//
//   - every answer is shared by a policy, so that a page can read its status: the route's or, where no route is responsible,
//     the one of policyFor;
//   - every answer has an X-Request-Id, which the access log has, too; pages can read that of an error;
//   - a refused preflight shares nothing, because no browser lets a page see it, and says why in Cors-Refused;
//   - texts are for the users of a page: what failed, and nothing of what is behind the gateway.

// An ownAnswer is an answer that the gateway makes.
type ownAnswer struct {
	status  int
	failure string // code, for the access log and Cors-Refused; "": none
	text    string // without a line end; "": no content
}

// ownAnswers are all of them. A test holds that each can be read by a page.
var ownAnswers []*ownAnswer

// own declares an answer.
func own(status int, failure, text string) *ownAnswer {
	a := &ownAnswer{status, failure, text}
	ownAnswers = append(ownAnswers, a)
	return a
}

var (
	ownReady       = own(200, "", "ready")
	ownOptions     = own(200, "", "")
	ownHTTPS       = own(308, "", "Use https.")
	ownPath        = own(400, "path", "") // the text describes the misreading
	ownName        = own(400, failureName, "The name of a request header holds a character that is neither a letter, a digit nor '-'.")
	ownPrefix      = own(400, failurePrefix, "The path is not valid: behind its prefix it begins with two slashes.")
	ownNoHost      = own(400, failureHost, "The request has no Host, so it cannot be redirected to https.")
	ownConnection  = own(401, failureConnection, "NTLM and Negotiate authenticate a connection, and this one may be shared. Ask again by HTTP/1.1.")
	ownCertificate = own(403, failureCertificate, "This request needs a client certificate: without one only preflights are answered here.")
	ownGuard       = own(403, failureGuard, "Pages of this origin may not use this resource")
	ownAddress     = own(403, failureAddress, "This resource is not open to your network address.")
	ownNotFound    = own(404, failurePath, "No route is configured for this path.")
	ownMethod      = own(405, failureMethod, "The method is not allowed for this path.")
	ownReadyMethod = own(405, failureMethod, "use GET or HEAD to query readiness")
	ownContent     = own(413, edge.FaultContentSize.Class, "The content is larger than allowed here.")
	ownHost        = own(421, failureHost, "No route is configured for this host.")
	ownLimit       = own(429, failureLimit, "Rate limit exceeded.")
	ownPanic       = own(500, failurePanic, "The gateway failed to handle this request.")
	ownShed        = own(503, failureShed, "The service is overloaded. Try again in a few seconds.")
	ownDraining    = own(503, failureDraining, "not ready")
	ownLoop        = own(508, failureLoop, "The request has passed through this gateway before: a forwarding loop.")
	ownPreflight   = own(403, failurePath, "CORS preflight refused: no route is configured for this path.")
	ownUnrouted    = own(403, failureMethod, "CORS preflight refused: no route for this path accepts the method.")
)

// ownFailures are the answers to requests whose exchange with an upstream failed, by class. The
// status is the failure's, if it has one.
var ownFailures = map[string]*ownAnswer{
	upstream.ClassNowhere:   own(503, upstream.ClassNowhere, "No server is available at the moment."),
	upstream.ClassDown:      own(502, upstream.ClassDown, "The server does not respond at the moment."),
	upstream.ClassConnect:   own(502, upstream.ClassConnect, "The server cannot be reached."),
	upstream.ClassQueue:     own(503, upstream.ClassQueue, "The server is busy. Try again in a few seconds."),
	upstream.ClassSlow:      own(503, upstream.ClassSlow, "The content came too slowly while others were waiting. Try again in a few seconds."),
	upstream.ClassStreams:   own(503, upstream.ClassStreams, "The server has too many streams open. Try again in a few seconds."),
	upstream.ClassBroken:    own(502, upstream.ClassBroken, "The server closed the connection before it responded."),
	upstream.ClassMalformed: own(502, upstream.ClassMalformed, "The server's response is not valid HTTP."),
	upstream.ClassFirstByte: own(504, upstream.ClassFirstByte, "The server did not respond in time."),
	upstream.ClassTimeout:   own(504, upstream.ClassTimeout, "The request took too long."),
}

// answer makes the whole response to a request that is answered here. extra are further field lines.
func (x *response) answer(a *ownAnswer, extra string) {
	x.failure = a.failure
	x.write(a.status, extra, a.text)
}

// answerFault makes the whole response to a request that is refused for a fault of the message. The connection ends after it.
func (x *exchange) answerFault(f *wire.Fault) {
	x.closing, x.failure, x.limit = true, f.Class, x.s.LimitOf(f)
	extra := ""
	if f == edge.FaultMemory {
		x.p.metrics.ShedMemory.Inc()
		extra = retryAfter[x.record.seq%uint32(len(retryAfter))]
	} else {
		x.p.metrics.Malformed(f.Class)
	}
	if f.Status == 405 {
		extra = allowed(x.s, x.req)
	}
	x.write(f.Status, extra, f.Reason)
}

// reject is answerFault for a head that is refused; x.req has the parts that could be salvaged: see
// [wire.Salvage]. What looks like its route says who may read the answer, and names it in the log;
// the request goes nowhere.
func (x *exchange) reject(f *wire.Fault) {
	x.findSalvaged()
	x.failure, x.limit = f.Class, x.s.LimitOf(f)
	x.noteUntaken()
	x.answerFault(f)
}

// allowed returns an Allow field line for the request's path.
func allowed(s *snapshot.Snapshot, req *wire.Request) string {
	methods := s.Table.Methods(req.Host, req.Path, snapshot.StandardMethods)
	if len(methods) == 0 {
		methods = snapshot.StandardMethods
	}
	return "Allow: " + strings.Join(methods, ", ") + "\r\n"
}

// write makes the whole response to a request that is answered here, with a line of text for a person. extra are further
// field lines.
func (x *response) write(status int, extra, text string) {
	dst := append(x.open(status), extra...)
	if text == "" {
		x.close(dst)
	} else {
		x.close(dst, text, "\n")
	}
}

// open returns the beginning of a response that is made here, for further field lines.
func (x *response) open(status int) []byte {
	x.status = status
	return x.appendOwn(edge.AppendStatusLine(x.out[:0], status))
}

// close makes x.out of what open began, shared by the policy, or, of a preflight, refused.
func (x *response) close(dst []byte, content ...string) {
	x.closeExposing(dst, exposedOf(x.status), content...)
}

// closeExposing is close with what pages may read.
func (x *response) closeExposing(dst []byte, exposed [][]byte, content ...string) {
	if x.isPreflight && x.status >= 400 {
		dst = appendRefused(dst, x.failure)
		if p := x.policy(); p != nil && !p.Passthrough() {
			dst = p.AppendRefused(dst)
		} else {
			dst = append(dst, preflightVary...)
		}
	} else {
		dst = x.appendShareExposing(dst, editsFor(x.route, x.status), exposed)
	}
	x.out = x.appendContent(append(dst, "Content-Type: text/plain; charset=utf-8\r\n"...), content...)
}

const preflightVary = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\r\n"

// appendRefused appends the field by which developers see in their browser why a request was refused.
func appendRefused(dst []byte, reason string) []byte {
	return append(append(append(dst, "Cors-Refused: "...), reason...), '\r', '\n')
}
