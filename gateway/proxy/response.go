package proxy

import (
	"net/http"
	"strconv"
	"time"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/ratelimit"
)

// A response is the response to a request as it is written, and what has been decided about it. It is written field line by
// field line, with what the route and its policy add; how a request is judged, how it is forwarded and what is recorded of it
// is beyond its reach.
type response struct {
	request
	out     []byte // bytes for the client
	status  int
	length  int64  // bytes of content as declared; -1: not known
	closing bool   // the connection ends after it
	failure string // code of what failed, for the access log; "": nothing
	limit   string // that the request exceeded, with its value; as above

	reason cors.Reason      // of the policy's verdict
	actual bool             // reason is about an actual request, not a preflight
	noted  bool             // the request is listed as refused
	rate   ratelimit.Result // of the route's limit, if it has one

	vary [][]byte // values for Vary; see appendVary
	date date
}

// reset makes x ready for another response. The connection ends after it if ends is set.
func (x *response) reset(ends bool) {
	x.closing = ends
	x.status, x.reason, x.actual, x.noted = 0, cors.NoOrigin, true, false
	x.failure, x.limit, x.length = "", "", -1
}

// A date is a Date field line, which is written once a second.
type date struct {
	line [len("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n")]byte
	sec  int64 // the second that line stands for
}

// append appends the field line for a time.
func (d *date) append(dst []byte, now time.Time) []byte {
	if sec := now.Unix(); sec != d.sec {
		line := append(d.line[:0], "Date: "...)
		line = now.UTC().AppendFormat(line, http.TimeFormat)
		d.sec = sec
		copy(d.line[:], append(line, '\r', '\n'))
	}
	return append(dst, d.line[:]...)
}

// appendOwn appends Date and X-Request-Id.
func (x *response) appendOwn(dst []byte) []byte { return x.appendRequestID(x.date.append(dst, x.now)) }

// appendRequestID appends X-Request-Id, unless the route sets it by hand, or leaves it out.
func (x *response) appendRequestID(dst []byte) []byte {
	if x.route != nil && x.route.UserSet.RequestID {
		return dst
	}
	return append(append(append(dst, "X-Request-Id: "...), x.requestID()...), '\r', '\n')
}

// appendEnd appends Alt-Svc and the Connection field, if they are needed, and the end of the head.
func (x *response) appendEnd(dst []byte) []byte {
	if x.on.AltSvc != nil {
		dst = x.appendAltSvc(dst)
	}
	switch {
	case x.closing:
		dst = append(dst, "Connection: close\r\n"...)
	case x.req.Minor == 0:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return append(dst, '\r', '\n')
}

// appendContent appends the length of the content, the end of the head, and, unless the request
// is a HEAD, the content.
func (x *response) appendContent(dst []byte, content ...string) []byte {
	x.length = 0
	for _, part := range content {
		x.length += int64(len(part))
	}
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, x.length, 10)
	dst = append(dst, '\r', '\n')
	dst = x.appendEnd(dst)
	if string(x.req.Method) != "HEAD" {
		for _, part := range content {
			dst = append(dst, part...)
		}
	}
	return dst
}
