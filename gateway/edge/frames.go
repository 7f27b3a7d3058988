package edge

import (
	"bytes"
	"net/netip"
	"strings"

	"github.com/corsgate/corsgate/gateway/wire"
)

// This file learns of what net/http refuses of HTTP/2 by itself, which no handler sees. It tells of most: of errors of a
// connection in its log, with the client's address, and of those of a stream by a counter's name. It does not tell of a
// request with a field that HTTP/2 has not (RFC 9113, section 8.2.2), which it answers with 400, nor of a malformed name or
// value of a field, for which it resets the stream, nor of a window that overflows, for which it ends the connection.

// FaultFrames is that of a client whose frames of HTTP/2 are not what they should be.
var FaultFrames = &wire.Fault{Status: 400, Class: "http2", Reason: "that is no HTTP/2"}

// complaints is what net/http logs. All of it, the client did.
type complaints struct{ s *Server }

// Write takes one message. A test holds the text.
func (c complaints) Write(line []byte) (int, error) {
	if about, ok := bytes.CutPrefix(line, []byte("http2: server connection error from ")); ok {
		address, _, _ := strings.Cut(string(about), ": ")
		peer, _ := netip.ParseAddrPort(address)
		c.s.onFault(FaultFrames, peer.Addr().Unmap().WithZone(""))
	}
	return len(line), nil
}

// countStream takes the name of an error, such as "stream_PROTOCOL_ERROR_trailers_pseudo". Those of connections are logged,
// and a stream that was closed meanwhile is nobody's mistake.
func (s *Server) countStream(name string) {
	if strings.HasPrefix(name, "stream_PROTOCOL_ERROR_") || strings.HasPrefix(name, "stream_FLOW_CONTROL_ERROR_") {
		s.onFault(FaultFrames, netip.Addr{})
	}
}
