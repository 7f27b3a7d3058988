package proxy

import (
	"strconv"

	"github.com/corsgate/corsgate/gateway/wire"
)

// This file ends the head of a request for an upstream, and appends what of its content is here.

// appendFraming ends the head of a request with content of a known length. Methods that expect content get a
// Content-Length even without (RFC 9110, section 8.6).
func appendFraming(dst []byte, req *wire.Request, length int64) []byte {
	if length > 0 || expectsContent(req.Method) {
		dst = appendLength(dst, length)
	}
	return append(dst, '\r', '\n')
}

// appendChunkedFraming ends the head of a request with content of unknown length, or with a trailer section.
func appendChunkedFraming(dst []byte, req *wire.Request) []byte {
	dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	return append(appendAnnounced(dst, req.Fields, req.Named), '\r', '\n')
}

// appendWhole ends the head of a request whose content is all here, with the lines of its trailer section, and appends both.
func appendWhole(dst []byte, req *wire.Request, content, trailers []byte) []byte {
	if len(trailers) == 0 {
		return append(appendFraming(dst, req, int64(len(content))), content...)
	}
	return wire.AppendLastChunk(wire.AppendChunk(appendChunkedFraming(dst, req), content), trailers)
}

func expectsContent(method []byte) bool {
	switch string(method) {
	case "POST", "PUT", "PATCH":
		return true
	}
	return false
}

func appendLength(dst []byte, n int64) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, '\r', '\n')
}
