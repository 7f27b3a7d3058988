package proxy

import (
	"encoding/hex"
	"math/rand/v2"

	"github.com/corsgate/corsgate/gateway/wire"
)

// maxRequestID bounds an X-Request-Id that is taken over, in bytes. A UUID has 36.
const maxRequestID = 128

// requestID returns what names this request in logs, here and behind: the X-Request-Id of a trusted
// peer, or else 128 random bits in hexadecimal. It is made when it is first asked for, and stays
// valid until the next request.
//
// The bits come from the runtime's ChaCha8, which has separate state per core and cannot be
// predicted from other ids. They are not secret: knowing an id proves nothing.
func (q *request) requestID() []byte {
	switch {
	case len(q.id) > 0:
	case q.trusted && q.req.RequestIDLines == 1 && isRequestID(q.req.RequestID):
		q.id = append(q.id, q.req.RequestID...)
	default:
		q.id = appendRandom(q.id)
	}
	return q.id
}

// appendRandom appends 32 hexadecimal digits.
func appendRandom(dst []byte) []byte {
	return appendHex(appendHex(dst, rand.Uint64()), rand.Uint64())
}

// appendHex appends n as 16 hexadecimal digits.
func appendHex(dst []byte, n uint64) []byte {
	b := [8]byte{byte(n >> 56), byte(n >> 48), byte(n >> 40), byte(n >> 32), byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	return hex.AppendEncode(dst, b[:])
}

// isRequestID reports whether v can be taken over: what others use for ids, and nothing that would be another
// thing in a log, a list or a quoted string.
func isRequestID(v []byte) bool {
	for _, b := range v {
		if b != '/' && b != ':' && b != '=' && b != '@' && !wire.IsTokenByte(b) {
			return false
		}
	}
	return len(v) > 0 && len(v) <= maxRequestID
}
