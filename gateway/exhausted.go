package gateway

import (
	"net/netip"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
)

// noteShort says that the machine is short of something that connections need. Those that wait to be accepted go on waiting.
func (g *Gateway) noteShort(on *edge.Listener, err error) {
	g.metrics.Exhausted.Inc()
	g.short.Warn(g.log, "connections cannot be accepted", "listener", on.Name, "error", err.Error(),
		"advice", "raise the limit of open files (LimitNOFILE), or bound limits.connections")
}

// noteFlood says that a client's connection was ended, and for what. One address may have many of them: those that follow within a
// second are counted in the next line.
func (g *Gateway) noteFlood(on *edge.Listener, peer netip.Addr, protocol, kind string) {
	g.floods.Warn(g.log, "a connection was ended because of a flood", "listener", on.Name, "peer", peer.String(), "protocol", protocol, "kind", kind)
}

// relieve ends requests that are not all there, until they give back so many bytes and hold no more than their share of the limit on
// all memory. It returns how many bytes they gave back.
func (g *Gateway) relieve(want, limit int64) (freed int64) {
	ended, freed := g.server.Relieve(want, limit)
	if ended > 0 {
		g.relief.Warn(g.log, "memory is short: requests that were not all with their upstreams were ended", "requests", ended, "bytes", freed,
			"advice", "raise GOMEMLIMIT, or lower limits.header_bytes, timeouts.header and timeouts.body_idle")
	}
	return freed
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
