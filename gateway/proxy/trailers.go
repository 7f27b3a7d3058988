package proxy

import (
	"slices"

	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file decides on trailer sections. They pass both ways, as trailer sections: none of them
// becomes a field of the head. The rules are:
//
//   - those of a response are for clients of HTTP/2 and HTTP/3, and for those of HTTP/1.1 that say "TE: trailers". HTTP/1.0 has no chunks
//     to carry them. That a client takes them, the upstream hears only from a client that says so;
//   - those of a request of HTTP/1.1 pass if its head has announced them by Trailer, as it should: there are upstreams that do not expect
//     a trailer section which they were not told of. In HTTP/2 and HTTP/3 nothing is announced in practice;
//   - Trailer passes with content that may be followed by a trailer section, and only then;
//   - some upstreams merge trailers into the head. So a name passes only if the field would have passed in the head without being
//     judged by its value: not one that the gateway or the route sets, removes, believes, counts or balances by, in any spelling that
//     could be taken for it. See also [wire.MayTrail].

// faultTrailerName is the fault of a request whose trailer section contains a name for which
// limits.underscores refuses requests.
var faultTrailerName = &wire.Fault{Status: 400, Class: "field-name", Reason: "The name of a trailer field holds a character that is neither a letter, a digit nor '-'."}

// appendAnnounced appends what Trailer says of the message that fields are of.
func appendAnnounced(dst []byte, fields []wire.Field, named func([]byte) bool) []byte {
	for i := range fields {
		if f := &fields[i]; f.ID == wire.Trailer && !named(f.Name) {
			dst = appendField(dst, f)
		}
	}
	return dst
}

// announces reports whether a request has a line of Trailer.
func announces(req *wire.Request) bool {
	return slices.ContainsFunc(req.Fields, func(f wire.Field) bool { return f.ID == wire.Trailer })
}

// requestTrailers returns the lines of a request's trailer section that are forwarded to the
// upstream, or why the request is refused. It may be called while the response is on its way, by
// another goroutine.
func requestTrailers(r *snapshot.Route, req *wire.Request, major int, lines []byte) (passing []byte, fault *wire.Fault) {
	pass := major > 1 || len(lines) > 0 && announces(req)
	for len(lines) > 0 {
		var line, name []byte
		line, name, lines = wire.CutTrailer(lines)
		named := !wire.IsLookalike(name) || r.Lookalikes.Passes(name)
		if !named && r.Lookalikes.Refuse {
			return nil, faultTrailerName
		}
		if pass && named && wire.MayTrail(name) && !req.Named(name) && !r.Request.Hides(name) && !r.Lookalikes.Counts(name) {
			passing = append(passing, line...)
		}
	}
	return passing, nil
}

// trailersOf makes the upload continue with the trailer section of the request. It runs beside b,
// so that it uses nothing that changes.
func (b *blocking) trailersOf() func() ([]byte, error) {
	c, r, major := b.c, b.route, b.major
	return func() ([]byte, error) {
		lines, fault := requestTrailers(r, &c.Request, major, c.Trailers())
		if fault != nil {
			return nil, fault
		}
		return lines, nil
	}
}

// appendTrailers appends those lines of the response's trailer section that the client gets.
func (q *request) appendTrailers(dst, lines []byte) []byte {
	if !q.takesTrailers() {
		return dst
	}
	for len(lines) > 0 {
		var line, name []byte
		line, name, lines = wire.CutTrailer(lines)
		if wire.MayTrail(name) && !q.route.Response.Hides(name) {
			dst = append(dst, line...)
		}
	}
	return dst
}
