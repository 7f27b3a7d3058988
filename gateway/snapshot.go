package gateway

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/corsgate/corsgate/cache"
	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/backend"
	"github.com/corsgate/corsgate/gateway/certs"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/descriptors"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/lint"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/policy"
	"github.com/corsgate/corsgate/gateway/ratelimit"
	"github.com/corsgate/corsgate/gateway/rewrite"
	"github.com/corsgate/corsgate/gateway/route"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// A snapshot is everything compiled from one configuration. Once compiled it is never written to.
type snapshot struct {
	config     *config.Config
	generation uint64 // 1, 2, 3 …
	edge       edge.Options
	table      *route.Table
	routes     []*target
	upstreams  backend.Set
	policies   policy.Set
	unrouted   *cors.Policy // default_cors; nil: see policyFor
	limits     *ratelimit.Set
	tracing    *tracing // nil: traces pass as they are
	logged     access.Choice
	preflights *cache.LRU // nil: switched off
	proxies    []netip.Prefix
	certs      *certs.Set
}

// trusts reports whether a peer's word about clients is believed.
func (s *snapshot) trusts(peer netip.Addr) bool {
	for _, p := range s.proxies {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

// target is one compiled route.
type target struct {
	id         uint32 // first part of the preflight cache's keys
	name       string
	policy     *cors.Policy      // nil: transparent, the upstream owns CORS
	shadow     *policy.Shadow    // nil: none
	upstream   *backend.Upstream // nil: answered here, by redirect or respond
	redirect   *redirect
	respond    *respond
	split      *backend.Split  // nil: all to upstream
	splits     []*target       // of split: each differs from this route in the upstream only
	mirror     *backend.Mirror // nil: none
	upgrades   []string        // protocols that requests may switch to, beside WebSocket
	timeout    time.Duration   // of the whole exchange; 0: none; or config.Auto
	streamIdle config.Bound    // of event streams
	tunnelIdle config.Bound    // of tunnels
	maxContent int64           // octets
	csrf       csrfMode
	room       room
	limit      *ratelimit.Limit // nil: none
	limitKey   []byte           // the name, for limits that count by route

	metrics metrics.Route
	rewrite.Rules
}

type redirect struct {
	to     string
	status int
}

type respond struct {
	status int
	head   string // status line and Content-Type
	body   string
}

// compile makes the snapshot of a configuration. It takes over from prev, which may be nil, the
// upstreams that did not change, with their connections, the policies, and the limits with what they counted. It starts nothing: a snapshot that is
// not used leaves no trace. The problems are those that only the parts can see; warnings are
// reported apart.
func compile(cfg *config.Config, prev *snapshot, m *metrics.Metrics) (s *snapshot, problems, warnings config.Problems) {
	s = &snapshot{config: cfg, generation: 1, proxies: cfg.Trust.Proxies, logged: access.ParseChoice(cfg.Log.Access)}
	now, before := time.Now(), new(snapshot)
	if prev != nil {
		before = prev
		s.generation = prev.generation + 1
	}
	if cfg.Cache.Preflights > 0 {
		s.preflights = cache.New(cfg.Cache.Preflights)
	}
	s.edge = edgeOptions(cfg)
	if before.config == cfg {
		s.certs = before.certs // what only compiles the configuration in force again must not fail for files that are being replaced
	} else {
		s.certs, problems, warnings = certs.Compile(cfg, before.certs, now)
	}
	s.edge.TLS = s.certs.TLS
	var moreProblems, moreWarnings config.Problems
	s.policies, moreProblems, moreWarnings = policy.Compile(cfg, before.policies)
	problems, warnings = append(problems, moreProblems...), append(warnings, moreWarnings...)
	if p := s.policies[cfg.DefaultCORS]; p != nil {
		s.unrouted = p.CORS
	}
	s.upstreams, moreProblems = backend.Compile(cfg, s.edge.Connections, s.edge.Descriptors, before.upstreams, m)
	problems = append(problems, moreProblems...)
	s.limits, moreProblems = ratelimit.Compile(cfg, before.limits, m, now)
	problems = append(problems, moreProblems...)
	s.tracing = compileTracing(cfg.Trace, prev, m)
	problems = append(problems, s.compileRoutes(cfg, m)...)
	table, conflicts := route.New(rules(cfg))
	s.table = table
	var taken config.Findings
	for _, c := range conflicts {
		first, second := cfg.Routes[c.First].Name, cfg.Routes[c.Second].Name
		taken.Add(func() config.Problem { return conflictProblem(cfg, first, second, c.Reason) })
	}
	return s, append(problems, taken.All("mistakes")...), append(warnings, lint.Check(cfg, table)...)
}

func conflictProblem(cfg *config.Config, first, second, reason string) config.Problem {
	p := cfg.Problem("route."+second, -1, "takes the same requests as route."+first+": "+reason,
		"give one of them another host, path or method, or remove it")
	p.Message += ", at " + cfg.Problem("route."+first, -1, "", "").Place()
	return p
}

func rules(cfg *config.Config) []route.Rule {
	list := make([]route.Rule, len(cfg.Routes))
	groups := map[string]int{} // by policy; see snapshot.policyFor
	for i := range cfg.CORS {
		groups[cfg.CORS[i].Name] = i + 1
	}
	for i := range cfg.Routes {
		r := &cfg.Routes[i]
		list[i] = route.Rule{Hosts: r.Hosts, Path: r.Path, Methods: r.Methods, Group: groups[r.CORS]}
	}
	return list
}

func (s *snapshot) compileRoutes(cfg *config.Config, m *metrics.Metrics) (problems config.Problems) {
	for i := range cfg.Routes {
		c := &cfg.Routes[i]
		r := &target{
			id:         uint32(i),
			name:       c.Name,
			upstream:   s.upstreams[c.Upstream],
			limit:      s.limits.Limit(c.Limit),
			limitKey:   []byte(c.Name),
			timeout:    c.Timeout,
			tunnelIdle: c.TunnelIdle(&cfg.Timeouts),
			maxContent: int64(cfg.Limits.BodyBytes),
			upgrades:   c.Upgrades,
			room:       roomOf(c, s.inFlight()),
		}
		var to *upstream.Upstream
		if r.upstream != nil {
			r.streamIdle = c.StreamIdle(&r.upstream.Config)
			to = r.upstream.Pool
		}
		r.Rules = rewrite.Compile(cfg, c, to)
		if c.BodyBytes != nil {
			r.maxContent = int64(*c.BodyBytes)
		}
		if c.Redirect != nil {
			r.redirect = &redirect{to: c.Redirect.To, status: c.Redirect.Status}
		}
		if c.Respond != nil {
			head := string(edge.AppendStatusLine(nil, c.Respond.Status))
			if c.Respond.Body != "" {
				head += "Content-Type: " + c.Respond.ContentType + "\r\n"
			}
			r.respond = &respond{status: c.Respond.Status, head: head, body: c.Respond.Body}
		}
		if p := s.policies[c.CORS]; p != nil {
			r.policy, r.csrf = p.CORS, csrfModes[p.Table.CSRF]
			r.shadow = policy.CompileShadow(p, s.policies[p.Table.Shadow], m)
		}
		r.metrics = m.Route(c.Name, c.CORS, c.Upstream)
		r.mirror = backend.NewMirror(c, s.upstreams, m)
		if r.split = backend.NewSplit(c); r.split != nil {
			r.splits = s.compileSplits(r, c, m) // of all that r is by now
		}
		s.routes = append(s.routes, r)
		problems = append(problems, rewrite.Check(cfg, c)...)
	}
	return problems
}

// compileSplits returns what r is for each of the upstreams that its requests are divided among.
func (s *snapshot) compileSplits(r *target, c *config.Route, m *metrics.Metrics) (list []*target) {
	for _, share := range c.Split {
		t := *r
		if t.upstream = s.upstreams[share.Upstream]; t.upstream == nil {
			continue // the parser has said so
		}
		t.streamIdle = c.StreamIdle(&t.upstream.Config)
		t.Locations = rewrite.CompileLocations(c, t.upstream.Pool)
		t.metrics = m.Route(c.Name, c.CORS, share.Upstream)
		list = append(list, &t)
	}
	return list
}

// blocking reports whether only the blocking engine can forward all requests of the route.
func (r *target) blocking() bool {
	if r.split == nil {
		return r.upstream.Blocking
	}
	for _, t := range r.splits {
		if t.upstream.Blocking {
			return true
		}
	}
	return false
}

var csrfModes = map[string]csrfMode{"report": csrfReport, "enforce": csrfEnforce}

func edgeOptions(cfg *config.Config) edge.Options {
	files := descriptors.For(cfg)
	return edge.Options{
		Limits:           wire.Limits{HeadBytes: int(cfg.Limits.HeaderBytes), Fields: cfg.Limits.HeaderFields},
		Header:           cfg.Timeouts.Header,
		Idle:             cfg.Timeouts.Idle,
		BodyIdle:         cfg.Timeouts.BodyIdle,
		Connections:      files.Connections(cfg.Limits.Connections),
		Descriptors:      files.Last(),
		ConnectionsPerIP: cfg.Limits.ConnectionsPerIP,
		Proxies:          cfg.Trust.Proxies,
	}
}

// limitOf returns the key of the limit that a fault of a head is about, with its value, for the access log; "": it is about none.
func (s *snapshot) limitOf(f *wire.Fault) string {
	switch f {
	case wire.FaultHeadSize, wire.FaultTargetLength:
		return "limits.header_bytes = " + s.config.Limits.HeaderBytes.String()
	case wire.FaultFieldCount:
		return "limits.header_fields = " + strconv.Itoa(s.config.Limits.HeaderFields)
	case edge.FaultTimeout:
		return "timeouts.header = " + s.config.Timeouts.Header.String()
	}
	return ""
}

// policyFor returns the policy that shares what is said of a request for which no route is responsible: the one that the
// configuration names, or else that of the routes which are nearest; see [route.Table.Nearest]. It may be nil.
func (s *snapshot) policyFor(host, path []byte) *cors.Policy {
	if s.unrouted != nil {
		return s.unrouted
	}
	if i := s.table.Nearest(host, path); i != route.None {
		if p := s.policies[s.config.CORS[i-1].Name]; p != nil {
			return p.CORS
		}
	}
	return nil
}
