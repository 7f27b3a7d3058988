package proxy

import (
	"strconv"

	"github.com/corsgate/corsgate/gateway/wire"
)

// finish makes x.out, the head of the response for the client, from the upstream's: every field
// that may be forwarded, then the policy's. It returns how the content must be framed.
func (x *response) finish(res *wire.Response) wire.Framing {
	x.status, x.length = res.Status, res.Length
	dst := append(x.out[:0], "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(res.Status), 10)
	dst = append(append(append(dst, ' '), res.Reason...), '\r', '\n')
	edits := x.route.Response
	p := x.route.Policy
	if p != nil && !p.Passthrough() {
		dst = x.appendShared(dst, res, p)
	} else {
		for i := range res.Fields {
			if f := &res.Fields[i]; x.route.Passes(res, f) && !x.overrides(f) {
				dst = x.appendPassing(dst, f)
			}
		}
		if edits != nil {
			x.vary = x.vary[:0]
			dst = x.appendVary(dst, edits, false)
		}
	}
	dst = x.appendEdits(dst, edits)
	if !res.HasDate {
		dst = x.date.append(dst, x.now)
	}
	dst = x.appendRate(dst)
	if res.Status == 101 {
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

// appendPassing appends an upstream's field line that is for the client.
func (x *response) appendPassing(dst []byte, f *wire.Field) []byte {
	switch {
	case f.ID.Locates():
		return x.appendLocation(dst, f)
	case f.ID == wire.WWWAuthenticate && x.major > 1:
		return appendChallenges(dst, f)
	}
	return appendField(dst, f)
}

// appendInterim appends an interim response such as 103 (Early Hints) as the client gets it, which is
// nothing for HTTP/1.0, and nothing if it announces content, which it cannot have. CORS has no say
// in it: browsers look at the final response alone, so fields that the policy owns are dropped. So
// is what the route sets, which comes with the final response, or removes. See
// RFC 9110, section 15.2.
func (q *request) appendInterim(dst []byte, res *wire.Response) []byte {
	if q.req.Minor == 0 || res.Length >= 0 || res.Chunked {
		return dst
	}
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(res.Status), 10)
	dst = append(append(append(dst, ' '), res.Reason...), '\r', '\n')
	for i := range res.Fields {
		if f := &res.Fields[i]; q.route.Passes(res, f) && !q.route.Owns(f) {
			dst = appendField(dst, f)
		}
	}
	return append(dst, '\r', '\n')
}
