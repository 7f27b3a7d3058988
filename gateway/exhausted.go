package gateway

import (
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
)

// noteShort says that the machine is short of something that connections need. Those that wait to be accepted go on waiting.
func (g *Gateway) noteShort(on *edge.Listener, err error) {
	g.metrics.Exhausted.Inc()
	held, ok := g.short.Pass(time.Now())
	if !ok {
		return
	}
	attrs := []any{"listener", on.Name, "error", err.Error(),
		"advice", "raise the limit of open files (LimitNOFILE), or bound limits.connections"}
	if held > 0 {
		attrs = append(attrs, "more_before", held)
	}
	g.log.Warn("connections cannot be taken in", attrs...)
}

// relieve ends requests that are not all there, until they give back so many bytes and hold no more than their share of the limit on
// all memory. It returns how many bytes they gave back.
func (g *Gateway) relieve(want, limit int64) (freed int64) {
	ended, freed := g.server.Relieve(want, limit)
	if ended > 0 {
		g.noteRelief(ended, freed)
	}
	return freed
}

func (g *Gateway) noteRelief(ended int, freed int64) {
	held, ok := g.relief.Pass(time.Now())
	if !ok {
		return
	}
	attrs := []any{"requests", ended, "bytes", freed, "advice", "raise GOMEMLIMIT, or lower limits.header_bytes, timeouts.header and timeouts.body_idle"}
	if held > 0 {
		attrs = append(attrs, "more_before", held)
	}
	g.log.Warn("memory is short: requests that were not all there have ended", attrs...)
}

// spareDescriptors makes room because a connection to an upstream found no descriptor: silent clients end, and connections that
// are kept for later. It is called again and again.
func (g *Gateway) spareDescriptors() {
	const pause = 50 * time.Millisecond
	now, last := time.Now().UnixNano(), g.spared.Load()
	if now-last < int64(pause) || !g.spared.CompareAndSwap(last, now) {
		return
	}
	g.server.MakeRoom(true)
	if s := g.proxy.Current(); s != nil { // it is nil while the first one starts
		for _, u := range s.Upstreams {
			u.Pool.Spare()
		}
	}
	g.listen.Spare()
}
