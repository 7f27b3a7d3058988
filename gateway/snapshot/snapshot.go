// Package snapshot compiles a configuration into the tables that serve it. A snapshot is never written to after Compile; its
// mutable parts are safe for concurrent use. It is internal to corsgate.
package snapshot

import (
	"maps"
	"net/netip"
	"strconv"
	"time"

	"github.com/corsgate/corsgate/cache"
	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/auth"
	"github.com/corsgate/corsgate/gateway/backend"
	"github.com/corsgate/corsgate/gateway/certs"
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/files"
	"github.com/corsgate/corsgate/gateway/lint"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/policy"
	"github.com/corsgate/corsgate/gateway/ratelimit"
	"github.com/corsgate/corsgate/gateway/route"
	"github.com/corsgate/corsgate/gateway/wire"
)

// A Snapshot is everything compiled from one configuration. Once compiled it is never written to, and it is safe for
// concurrent use.
type Snapshot struct {
	Config     *config.Config
	Generation uint64 // 1, 2, 3 …
	Edge       edge.Options
	Table      *route.Table
	Routes     []*Route // by the number that table finds
	Upstreams  backend.Set
	Policies   policy.Set
	Auth       *auth.Set
	Limits     *ratelimit.Set
	Tracing    *Tracing // nil: traces pass as they are
	Logged     access.Choice
	Preflights *cache.LRU // nil: switched off
	Proxies    []netip.Prefix
	Certs      *certs.Set

	unrouted     *cors.Policy          // default_cors; nil: see PolicyFor
	addresses    map[string]*Addresses // by route
	addressFiles map[string]files.Digest
}

// PreflightEntries returns how many answers to preflights are remembered.
func (s *Snapshot) PreflightEntries() int {
	if s.Preflights == nil {
		return 0
	}
	return s.Preflights.Len()
}

// PreflightBytes returns how much memory they take.
func (s *Snapshot) PreflightBytes() int {
	if s.Preflights == nil {
		return 0
	}
	return s.Preflights.Bytes()
}

// Trusts reports whether a peer's word about clients is believed.
func (s *Snapshot) Trusts(peer netip.Addr) bool {
	for _, p := range s.Proxies {
		if p.Contains(peer) {
			return true
		}
	}
	return false
}

// Compile makes the snapshot of a configuration. It takes over from prev, which may be nil, what did not change: the
// upstreams with their connections, the policies, and the limits with what they counted. It starts nothing: a snapshot that
// is not used leaves no trace. The problems are those that only the parts can see; warnings are reported apart.
func Compile(cfg *config.Config, prev *Snapshot, m *metrics.Metrics) (s *Snapshot, problems, warnings config.Problems) {
	s = &Snapshot{Config: cfg, Generation: 1, Proxies: cfg.Trust.Proxies, Logged: access.ParseChoice(cfg.Log.Access)}
	now, before := time.Now(), new(Snapshot)
	if prev != nil {
		before = prev
		s.Generation = prev.Generation + 1
	}
	if cfg.Cache.Preflights > 0 {
		s.Preflights = cache.New(cfg.Cache.Preflights)
	}
	s.Edge = edgeOptions(cfg)
	if before.Config == cfg {
		s.Certs = before.Certs // what only compiles the configuration in force again must not fail for files that are being replaced
	} else {
		s.Certs, problems, warnings = certs.Compile(cfg, before.Certs, now)
	}
	s.Edge.TLS = s.Certs.TLS
	var found, worth config.Problems
	s.Policies, found, worth = policy.Compile(cfg, before.Policies)
	problems, warnings = append(problems, found...), append(warnings, worth...)
	if p := s.Policies[cfg.DefaultCORS]; p != nil {
		s.unrouted = p.CORS
	}
	s.Upstreams, found = backend.Compile(cfg, s.Edge.Connections, s.Edge.Descriptors, before.Upstreams, m)
	problems = append(problems, found...)
	s.Auth, found = auth.Compile(cfg, before.Auth, m)
	problems = append(problems, found...)
	problems = append(problems, s.compileAddresses(cfg)...)
	s.Limits, found = ratelimit.Compile(cfg, before.Limits, m, now)
	problems = append(problems, found...)
	s.Tracing = compileTracing(cfg.Trace, before.Tracing, m)
	problems = append(problems, s.compileRoutes(cfg, m)...)
	table, conflicts := route.New(rules(cfg))
	s.Table = table
	var taken config.Findings
	for _, c := range conflicts {
		first, second := cfg.Routes[c.First].Name, cfg.Routes[c.Second].Name
		taken.Add(func() config.Problem { return conflictProblem(cfg, first, second, c.Reason) })
	}
	return s, append(problems, taken.All("mistakes")...), append(warnings, lint.Check(cfg, table)...)
}

// LimitOf returns the key of the limit that a fault of a head is about, with its value, for the access log; "": it is about none.
func (s *Snapshot) LimitOf(f *wire.Fault) string {
	switch f {
	case wire.FaultHeadSize, wire.FaultTargetLength:
		return "limits.header_bytes = " + s.Config.Limits.HeaderBytes.String()
	case wire.FaultFieldCount:
		return "limits.header_fields = " + strconv.Itoa(s.Config.Limits.HeaderFields)
	case edge.FaultTimeout:
		return "timeouts.header = " + s.Config.Timeouts.Header.String()
	}
	return ""
}

// PolicyFor returns the policy that shares the gateway's responses to requests that match no route:
// the one that the configuration names, or else that of the nearest routes; see
// [route.Table.Nearest]. It may be nil.
func (s *Snapshot) PolicyFor(host, path []byte) *cors.Policy {
	if s.unrouted != nil {
		return s.unrouted
	}
	if i := s.Table.Nearest(host, path); i != route.None {
		if p := s.Policies[s.Config.CORS[i-1].Name]; p != nil {
			return p.CORS
		}
	}
	return nil
}

// PolicyTable returns the table of a route's policy, or nil.
func (s *Snapshot) PolicyTable(r *Route) *config.CORS {
	if p := s.Policies[s.Config.Routes[r.ID].CORS]; p != nil {
		return &p.Table
	}
	return nil
}

// Lists returns those of the files that hold keys or addresses.
func (s *Snapshot) Lists() map[string]files.Digest {
	all := s.Auth.Files()
	maps.Copy(all, s.addressFiles)
	return all
}

// Files returns the files that the configuration names and that are watched, by path, with digests of what was read.
func (s *Snapshot) Files() map[string]files.Digest {
	all := s.Policies.Files()
	maps.Copy(all, s.Certs.Files)
	maps.Copy(all, s.Lists())
	maps.Copy(all, s.Config.ValueFiles())
	return all
}
