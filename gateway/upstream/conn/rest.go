package conn

import (
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// Some servers send content where there can be none: after the head of a response to HEAD,
// above all, or of a 204 or 304. If it comes late, the next exchange of the connection would
// take it for its response, and its client would get what another has asked for. Nothing in
// HTTP/1.1 tells the one from the other, but time does: so a connection rests after a response
// of that kind, and anything that arrives in that time shows that it cannot be used again.

const (
	// RestTime is how long a connection rests that has announced content which must not come.
	RestTime = 50 * time.Millisecond
	// ShortRest is how long it rests if only the status says that there is no content: a server
	// that sends some nevertheless does so at once, and most send none.
	ShortRest = 10 * time.Millisecond
	// MaxResting bounds the connections of a pool that rest: beyond it they are closed.
	MaxResting = 256
)

// Rest returns how long a connection has to rest after a response, to HEAD if head is set.
func Rest(r *wire.Response, head bool) time.Duration {
	announced, none := r.Length > 0 || r.Chunked, r.Status == 204 || r.Status == 304
	switch {
	case announced && none, head && (announced || r.Length < 0):
		return RestTime
	case none:
		return ShortRest
	}
	return 0
}
