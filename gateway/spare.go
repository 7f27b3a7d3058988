package gateway

import "time"

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
