package gateway

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"

	"github.com/corsgate/corsgate/gateway/wire"
)

// maxID bounds an id that is taken over, in octets.
const maxID = 128

// requestID returns the id of the request: a trusted peer's X-Request-Id, if it is a token, or a new
// one. It must be asked for once before begin returns; the slice is valid until the next request.
func (x *exchange) requestID() []byte {
	if len(x.id) > 0 {
		return x.id
	}
	if x.trusted {
		for i := range x.req.Fields {
			f := &x.req.Fields[i]
			if f.ID == wire.Other && wire.EqualFold(f.Name, "X-Request-Id") && len(f.Value) <= maxID && wire.IsToken(f.Value) {
				x.id = append(x.id, f.Value...)
				return x.id
			}
		}
	}
	var b [16]byte
	binary.NativeEndian.PutUint64(b[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(b[8:], rand.Uint64())
	x.id = hex.AppendEncode(x.id, b[:])
	return x.id
}
