package gateway

// Pseudonym returns what the gateway calls itself in Via.
func (g *Gateway) Pseudonym() string { return g.proxy.Pseudonym() }

// Crowded reports whether responses end their connections, because others wait.
func (g *Gateway) Crowded() bool { return g.server.UnderPressure() }

// CachedPreflights returns how many answers the preflight cache holds.
func (g *Gateway) CachedPreflights() int { return g.proxy.Current().Preflights.Len() }

// Break makes every request that is forwarded from now on panic: its upstream has no counters.
func (g *Gateway) Break() {
	broken := *g.proxy.Current()
	broken.Routes = nil
	for _, r := range g.proxy.Current().Routes {
		r := *r
		r.Upstream = nil
		broken.Routes = append(broken.Routes, &r)
	}
	g.proxy.Swap(&broken)
}

// Shares reports whether the limits of g in Redis are shared now.
func Shares(g *Gateway) bool { return g.proxy.Current().Limits.Shared() }

// StoreOf tells the stores of shared limits apart.
func StoreOf(g *Gateway) any { return g.proxy.Current().Limits.Store() }

// Relieve ends requests as if memory were short by so many bytes.
func (g *Gateway) Relieve(bytes int64) (freed int64) { return g.relieve(bytes, 1<<40) }
