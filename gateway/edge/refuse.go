package edge

import (
	"strconv"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/valyala/fasthttp"
)

// Refuse answers a request that cannot be trusted to be one, and ends the connection.
func (c *Conn) Refuse(f *wire.Fault) {
	c.server.onFault(f, c.peer)
	c.closing, c.refused = true, true
	var b [512]byte
	c.Send(AppendRefusal(b[:0], f)) //nolint:errcheck // the connection ends either way
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
