package upstream

import (
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// Some servers send content where there can be none: after the head of a response to HEAD, above all. If it comes late, the
// next exchange of the connection would take it for its response, and its client would get what another has asked for.
// So a connection rests after a response that has announced content which must not come: what comes meanwhile shows
// that it cannot be used again.

// RestTime is how long a connection rests, and MaxResting bounds the connections of a pool that do: beyond it they are closed.
const (
	RestTime   = 50 * time.Millisecond
	MaxResting = 64
)

// Rests reports whether a connection has to rest after a response, to HEAD if head is set.
func Rests(r *wire.Response, head bool) bool {
	announced := r.Length > 0 || r.Chunked
	return announced && r.Status == 304 || head && (announced || r.Length < 0)
}
