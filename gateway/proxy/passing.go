package proxy

import (
	"strconv"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file passes the field lines of an upstream's response on to the client.

// appendUnshared appends the upstream's fields where no policy owns any of them.
func (x *response) appendUnshared(dst []byte, res *wire.Response) []byte {
	for i := range res.Fields {
		if f := &res.Fields[i]; x.route.Passes(res, f) && !x.overrides(f) {
			dst = x.appendPassing(dst, f)
		}
	}
	if e := x.route.Response; e != nil {
		x.vary = x.vary[:0]
		dst = x.appendVary(dst, e, false)
	}
	return dst
}

// appendShared appends the upstream's fields but for those that the policy owns, which it then
// sets itself. Vary is merged into one line if the answer depends on Origin.
func (x *response) appendShared(dst []byte, res *wire.Response, p *cors.Policy) []byte {
	x.vary = x.vary[:0]
	var exposed [][]byte
	for i := range res.Fields {
		f := &res.Fields[i]
		switch {
		case !x.route.Passes(res, f) || x.overrides(f):
			continue
		case f.ID == wire.Vary && p.VaryOrigin():
			x.vary = append(x.vary, f.Value)
			continue
		case x.route.Owns(f):
			x.route.Metrics.Conflict(f.Name)
			if p.MergeExpose() && wire.EqualFold(f.Name, "Access-Control-Expose-Headers") {
				exposed = append(exposed, f.Value)
			}
			continue
		}
		dst = x.appendPassing(dst, f)
	}
	dst, x.reason = p.AppendExposing(dst, x.req.Origin, x.req.OriginLines, exposed)
	x.noteUnshared()
	return x.appendVary(dst, x.route.Response, p.VaryOrigin())
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
