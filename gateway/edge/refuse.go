package edge

import (
	"strconv"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/valyala/fasthttp"
)

// Bounds for reading on in a head that is already refused, to find out whose it is.
const (
	maxRefused  = 256 << 10
	refusedTime = 250 * time.Millisecond
)

// OnRefusal has f answer, by Conn.Send, requests that are refused for a fault of their head.
// Conn.Request then holds what could be salvaged of it, see [wire.Salvage], and the connection
// ends. Without it they are answered by AppendRefusal. It must be called before the server
// serves.
func (s *Server) OnRefusal(f func(*Conn, *wire.Fault)) { s.refuse = f }

// Refuse answers a request that cannot be trusted to be one, and ends the connection.
func (c *Conn) Refuse(f *wire.Fault) {
	c.closing, c.refused = true, true
	c.salvage(!Incomplete(f))
	if c.server.refuse != nil {
		c.server.refuse(c, f)
		return
	}
	c.server.onFault(f, c.peer)
	var b [512]byte
	c.Send(AppendRefusal(b[:0], f)) // the connection ends either way
}

// Incomplete reports whether a fault is that a request is not all there: more of it is not waited for.
func Incomplete(f *wire.Fault) bool {
	return f == FaultTimeout || f == FaultMemory || f == wire.FaultTruncated
}

// salvage fills c.Request with the certain parts of a head. With more it reads to the end of
// the head, within bounds: browsers send Origin after the fields that are most often too long.
func (c *Conn) salvage(more bool) {
	var s wire.Salvage
	ended, read := s.Feed(c.in[:c.w]), c.w
	if more && !ended {
		c.setReadDeadline(time.Now().Add(refusedTime))
	}
	for more && !ended && read < maxRefused {
		n, err := c.Conn.Read(c.in) // what was there has been used
		if read += n; err != nil && n == 0 {
			break
		}
		ended = s.Feed(c.in[:n])
	}
	c.r, c.w, c.head = 0, 0, 0
	s.Request(&c.Request)
}

// AppendRefusal appends the whole response for a fault: its status, its reason, and the end of
// the connection.
func AppendRefusal(dst []byte, f *wire.Fault) []byte {
	dst = AppendStatusLine(dst, f.Status)
	dst = append(dst, "Date: "...)
	dst = fasthttp.AppendHTTPDate(dst, time.Now())
	dst = append(dst, "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(f.Reason)+1), 10)
	dst = append(dst, "\r\n\r\n"...)
	dst = append(dst, f.Reason...)
	return append(dst, '\n')
}

// AppendStatusLine appends "HTTP/1.1 STATUS REASON CRLF" with the standard reason.
func AppendStatusLine(dst []byte, status int) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, fasthttp.StatusMessage(status)...)
	return append(dst, '\r', '\n')
}
