package gateway

// Pseudonym returns what the gateway calls itself in Via.
func (g *Gateway) Pseudonym() string { return g.pseudonym }

// Crowded reports whether responses end their connections, because others wait.
func (g *Gateway) Crowded() bool { return g.server.Crowded() }

// CachedPreflights returns how many answers the preflight cache holds.
func (g *Gateway) CachedPreflights() int { return g.current.Load().Preflights.Len() }

// Break makes every request that is forwarded from now on panic: its upstream has no counters.
func (g *Gateway) Break() {
	broken := *g.current.Load()
	broken.Routes = nil
	for _, r := range g.current.Load().Routes {
		r := *r
		r.Upstream = nil
		broken.Routes = append(broken.Routes, &r)
	}
	g.current.Store(&broken)
}

// Shares reports whether the limits of g in Redis are shared now.
func Shares(g *Gateway) bool { return g.current.Load().Limits.Shared() }

// StoreOf tells the stores of shared limits apart.
func StoreOf(g *Gateway) any { return g.current.Load().Limits.Store() }
