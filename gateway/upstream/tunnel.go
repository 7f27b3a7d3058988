package upstream

import (
	"crypto/sha1" //nolint:gosec // RFC 6455 chose it; nothing secret depends on it
	"encoding/base64"
	"net"

	"github.com/corsgate/corsgate/gateway/wire"
)

// agrees reports whether a response of status 101 switches to the protocol that was asked for, and
// to no other. See RFC 9110, section 15.2.2.
func (x *Exchange) agrees(r *wire.Response) bool {
	return x.Upgrade != "" && wire.EqualFold(r.Upgrade, x.Upgrade) && (len(x.WebSocketKey) == 0 || accepts(r, x.WebSocketKey))
}

// accepts reports whether a response proves that whoever sent it has read the key. See RFC 6455,
// section 4.1: an upstream that was tricked into a 101 cannot know the answer.
func accepts(r *wire.Response, key []byte) bool {
	sum := sha1.Sum(append(append([]byte(nil), key...), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...)) //nolint:gosec // as above
	return string(r.Accept) == base64.StdEncoding.EncodeToString(sum[:])
}

// Tunnel returns the connection behind a response of status 101, and what has been read of it
// already. The caller closes it before End.
func (x *Exchange) Tunnel() (nc net.Conn, read []byte) {
	x.unwatch()
	x.failed = true // End must not keep it
	return x.conn.Conn, x.conn.in[x.conn.r:x.conn.w]
}
