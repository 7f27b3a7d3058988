package snapshot

import (
	"time"

	"github.com/corsgate/corsgate/gateway/auth"
	"github.com/corsgate/corsgate/gateway/backend"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/policy"
	"github.com/corsgate/corsgate/gateway/ratelimit"
	"github.com/corsgate/corsgate/gateway/rewrite"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// A Route is one compiled route.
type Route struct {
	ID         uint32 // first part of the preflight cache's keys
	Name       string
	Policy     *cors.Policy      // nil: transparent, the upstream owns CORS
	Shadow     *policy.Shadow    // nil: none
	Upstream   *backend.Upstream // nil: answered here, by redirect or respond
	Redirect   *Redirect
	Respond    *Respond
	Split      *backend.Split  // nil: all to upstream
	Splits     []*Route        // of split: each differs from this route in the upstream only
	Mirror     *backend.Mirror // nil: none
	Upgrades   []string        // protocols that requests may switch to, beside WebSocket
	Timeout    time.Duration   // of the whole exchange; 0: none; or config.Auto
	StreamIdle config.Bound    // of event streams
	TunnelIdle config.Bound    // of tunnels
	MaxContent int64           // bytes
	CSRF       CSRF
	Room       Room
	Limit      ratelimit.List // nil: none
	LimitKey   []byte         // the name, for limits that count by route
	Auth       *auth.Gate     // nil: it is not asked who sends a request
	Addresses  *Addresses     // nil: clients may have any

	Metrics       metrics.Route
	rewrite.Rules // what the route changes
}

// A Redirect is how a route answers with another URL.
type Redirect struct {
	To     string // with "$path" for the path
	Status int
}

// A Respond is a configured response.
type Respond struct {
	Status int
	Head   string // status line and Content-Type
	Body   string
}

// StandardMethods are those that Allow can name where the rules name none.
var StandardMethods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

// Passes reports whether an upstream's field line is for the client: it does not end here, and is not
// for the route to set or to leave out. What it says of CORS may still be for the policy to say; see Owns.
func (r *Route) Passes(res *wire.Response, f *wire.Field) bool {
	return res.Forwardable(f) && !r.Response.Drops(f.Name)
}

// Owns reports whether the route's policy alone sets a field: an upstream's line never passes.
func (r *Route) Owns(f *wire.Field) bool {
	p := r.Policy
	return p != nil && !p.Passthrough() && (f.ID == wire.AccessControlAllowOrigin || f.ID == wire.Other && p.Owns(f.Name))
}

// CSRF is a policy's csrf key.
type CSRF uint8

// The modes of the guard.
const (
	CSRFOff CSRF = iota
	CSRFReport
	CSRFEnforce
)

// compileRoutes makes the routes. Precondition: all else of s that they refer to is compiled.
func (s *Snapshot) compileRoutes(cfg *config.Config, m *metrics.Metrics) (problems config.Problems) {
	for i := range cfg.Routes {
		c := &cfg.Routes[i]
		r := &Route{
			ID:         uint32(i),
			Name:       c.Name,
			Upstream:   s.Upstreams[c.Upstream],
			Limit:      s.Limits.List(c.Limits),
			LimitKey:   []byte(c.Name),
			Auth:       auth.NewGate(s.Auth, c),
			Addresses:  s.addresses[c.Name],
			Timeout:    c.Timeout,
			TunnelIdle: c.TunnelIdle(&cfg.Timeouts),
			MaxContent: int64(cfg.Limits.BodyBytes),
			Upgrades:   c.Upgrades,
			Room:       roomOf(c, s.inFlight()),
		}
		var to *upstream.Upstream
		if r.Upstream != nil {
			r.StreamIdle = c.StreamIdle(&r.Upstream.Config)
			to = r.Upstream.Pool
		}
		r.Rules = rewrite.Compile(cfg, c, to)
		if c.BodyBytes != nil {
			r.MaxContent = int64(*c.BodyBytes)
		}
		if c.Redirect != nil {
			r.Redirect = &Redirect{To: c.Redirect.To, Status: c.Redirect.Status}
		}
		if c.Respond != nil {
			head := string(edge.AppendStatusLine(nil, c.Respond.Status))
			if c.Respond.Body != "" {
				head += "Content-Type: " + c.Respond.ContentType + "\r\n"
			}
			r.Respond = &Respond{Status: c.Respond.Status, Head: head, Body: c.Respond.Body}
		}
		if p := s.Policies[c.CORS]; p != nil {
			r.Policy, r.CSRF = p.CORS, csrfModes[p.Table.CSRF]
			r.Shadow = policy.CompileShadow(p, s.Policies[p.Table.Shadow], m)
		}
		r.Metrics = m.Route(c.Name, c.CORS, c.Upstream)
		r.Mirror = backend.NewMirror(c, s.Upstreams, m)
		if r.Split = backend.NewSplit(c); r.Split != nil {
			r.Splits = s.compileSplits(r, c, m) // of all that r is by now
		}
		s.Routes = append(s.Routes, r)
		problems = append(problems, rewrite.Check(cfg, c)...)
	}
	return problems
}

// compileSplits returns what r is for each of the upstreams that its requests are divided among.
func (s *Snapshot) compileSplits(r *Route, c *config.Route, m *metrics.Metrics) (list []*Route) {
	for _, share := range c.Split {
		t := *r
		if t.Upstream = s.Upstreams[share.Upstream]; t.Upstream == nil {
			continue // the parser has said so
		}
		t.StreamIdle = c.StreamIdle(&t.Upstream.Config)
		t.Locations = rewrite.CompileLocations(c, t.Upstream.Pool)
		t.Metrics = m.Route(c.Name, c.CORS, share.Upstream)
		list = append(list, &t)
	}
	return list
}

// Blocking reports whether only the blocking engine can forward all requests of the route.
func (r *Route) Blocking() bool {
	if r.Split == nil {
		return r.Upstream.Blocking
	}
	for _, t := range r.Splits {
		if t.Upstream.Blocking {
			return true
		}
	}
	return false
}

var csrfModes = map[string]CSRF{"report": CSRFReport, "enforce": CSRFEnforce}

// roomShares are the shares of limits.in_flight, in percent, from which on routes are shed, by rank.
var roomShares = [...]int64{85, 95, 100}

// ranks are the priorities of routes.
var ranks = map[string]uint8{"low": 0, "normal": 1, "high": 2}

// A Room is what a route has: how many requests may be in flight for one of it to be let in.
type Room struct {
	Rank uint8 // of its priority: 0 is the lowest
	Most int64
}

// roomApart is how many places at least are left to each higher priority, or a quarter of all if that is less. What a share of a
// small limit leaves, one or two, is taken by the first requests of a burst.
const roomApart = 4

// roomOf returns the room of a route. inFlight is limits.in_flight, or what it is derived from.
func roomOf(c *config.Route, inFlight int) Room {
	rank := ranks[c.Priority]
	n := int64(inFlight)
	apart := min(roomApart, n/4) * int64(len(roomShares)-1-int(rank))
	return Room{rank, max(1, min(n*roomShares[rank]/100, n-apart))}
}

// inFlight returns how many requests may be in flight.
func (s *Snapshot) inFlight() int {
	if n := s.Config.Limits.InFlight; n > 0 {
		return n
	}
	return inFlightFor(s.Edge.Connections)
}

// inFlightFor derives how many requests may be in flight from how many connections there may be. Routes of normal priority can have one
// for each connection, which HTTP/1.1 cannot exceed, but HTTP/2 can: without that, clients that were let in would be refused when all of
// them ask at once.
func inFlightFor(connections int) int {
	normal := int(roomShares[ranks["normal"]])
	return max(connections+roomApart, (100*connections+normal-1)/normal)
}
