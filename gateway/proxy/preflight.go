package proxy

import (
	"encoding/binary"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/report"
	"github.com/corsgate/corsgate/gateway/wire"
)

// maxKey bounds a key of the preflight cache, in bytes. What browsers send is a fifth of it;
// longer questions are worth no memory.
const maxKey = 512

// preflight answers a preflight on behalf of the route's policy.
//
// Once the origin is allowed the answer is a function of the key alone, so allowed answers are remembered, without their origin:
// however many origins ask, there are as many answers as there are questions that their pages ask, and these stay near the
// processor. Denied ones are not remembered: anyone can invent questions, and a memory of refusals would be the inventor's to fill.
func (x *exchange) preflight() {
	r := x.route
	x.actual = false
	x.status = r.Policy.PreflightStatus()
	req := cors.Preflight{
		Origin: x.req.Origin, OriginLines: x.req.OriginLines,
		Method: x.req.ACRM, MethodLines: x.req.ACRMLines, PrivateNetwork: x.req.WantsPrivate,
	}
	origin := r.Policy.PreflightOrigin(&req)
	var buf [maxKey]byte
	var key []byte
	listed, cacheable := false, false
	if origin == cors.Allowed {
		key, listed = appendKey(buf[:0], x.req, r.ID)
		// What a shadow makes of the question depends on the origin.
		if cacheable = listed && x.s.Preflights != nil && r.Shadow == nil; cacheable {
			if cached, ok := x.s.Preflights.Get(key); ok {
				x.allow(cached)
				x.noteAllowed(key)
				r.Metrics.Preflights.Hit.Inc()
				return
			}
		}
	}
	var lists [16][]byte // more lines than any browser sends; further ones are allocated
	if x.req.ACRHLines > 0 {
		req.Headers = x.req.Values(lists[:0], wire.AccessControlRequestHeaders)
	}
	out := edge.AppendStatusLine(x.out[:0], x.status)
	start := len(out)
	out, x.reason = r.Policy.AppendJudged(out, &req, origin)
	r.Metrics.Preflights.Computed[x.reason].Inc()
	if r.Shadow != nil {
		x.tryPreflight(&req, out[start:])
	}
	if x.reason != cors.Allowed {
		x.noteRefusal(report.Preflight)
		x.out = out
		var lines [shadowBuffer]byte
		x.deny(append(lines[:0], out[start:]...))
		return
	}
	if listed {
		x.noteAllowed(key)
	}
	if x.status != 204 {
		out = append(out, "Content-Length: 0\r\n"...)
	}
	if cacheable {
		at, size := 0, 0
		if r.Policy.VaryOrigin() {
			at, size = start+len("Access-Control-Allow-Origin: "), len(x.req.Origin)
		}
		var answer [answerBuffer]byte
		x.s.Preflights.Offer(key, appendAnswer(answer[:0], out, at, size))
	}
	x.out = x.appendEnd(x.appendOwn(out))
}

// allow makes the response from an answer that the cache holds.
func (x *response) allow(answer []byte) {
	end := len(answer) - 1
	at := int(answer[end])
	x.reason = cors.Allowed
	x.out = append(x.out[:0], answer[:at]...)
	if at > 0 {
		x.out = append(x.out, x.req.Origin...)
	}
	x.out = append(x.out, answer[at:end]...)
	x.out = x.appendEnd(x.appendOwn(x.out))
}

// Most answers fit in this many bytes; further ones are allocated.
const answerBuffer = 1024

// appendAnswer appends what the cache holds: the status line and the policy's lines without the origin, which has so many bytes in
// them, and where it goes, or 0 where there is none. That is within the first two lines.
func appendAnswer(dst, lines []byte, at, size int) []byte {
	return append(append(append(dst, lines[:at]...), lines[at+size:]...), byte(at))
}

// deny makes the response to a preflight that the policy refuses, whose lines may not be in x.out.
func (x *response) deny(lines []byte) {
	x.status = x.route.Policy.RefusedStatus(x.reason)
	out := edge.AppendStatusLine(x.out[:0], x.status)
	out = append(appendRefused(x.appendOwn(out), x.reason.String()), lines...)
	if x.status == 204 {
		x.out = x.appendEnd(out)
		return
	}
	out = append(out, "Content-Type: text/plain; charset=utf-8\r\n"...)
	x.out = x.appendContent(out, denials[x.reason])
}

// denials are the texts of refused preflights, by reason.
var denials = func() (t [cors.NumReasons]string) {
	for i := range t {
		t[i] = "CORS preflight refused: " + cors.Reason(i).String() + "\n"
	}
	return t
}()

// appendKey appends what the answer to a preflight of an allowed origin depends on: the route, the private-network
// bit, Access-Control-Request-Method, and the lines of Access-Control-Request-Headers.
// Each value stands behind its length, so no two questions have the same key. It reports false
// for a question that is not to be remembered.
func appendKey(dst []byte, q *wire.Request, route uint32) ([]byte, bool) {
	if q.OriginLines != 1 || q.ACRMLines != 1 {
		return dst, false
	}
	dst = binary.BigEndian.AppendUint32(dst, route)
	private := byte(0)
	if q.WantsPrivate {
		private = 1
	}
	dst = append(dst, private)
	dst, ok := appendValue(dst, q.ACRM)
	for i := 0; ok && q.ACRHLines > 0 && i < len(q.Fields); i++ {
		if f := &q.Fields[i]; f.ID == wire.AccessControlRequestHeaders {
			dst, ok = appendValue(dst, f.Value)
		}
	}
	return dst, ok
}

// appendValue appends v behind its length if there is room in dst.
func appendValue(dst, v []byte) ([]byte, bool) {
	if len(dst)+2+len(v) > cap(dst) {
		return dst, false
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(v))) // at most maxKey
	return append(dst, v...), true
}
