package gateway

import (
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file decides on request fields whose name holds a character other than a letter, a digit or '-'. An upstream
// that makes variables of names, as CGI does, reads X_Real_IP and X.Real.IP as X-Real-IP. The rules are:
//
//   - no such field speaks for one that the gateway, a proxy or a browser vouches for, or that the route sets or
//     removes, or counts or balances by: it is dropped, whatever is configured;
//   - one that the route's policy or one of its keys names, in this spelling, passes;
//   - limits.underscores decides on the others.

// lookalikes are what a route lets pass of such fields.
type lookalikes struct {
	named  []string // by the policy: they pass
	keys   []string // names that the route counts or balances by: they pass, too, in this spelling
	others bool     // the others pass
	refuse bool     // the request is refused for others
}

func compileLookalikes(cfg *config.Config, c *config.Route) lookalikes {
	l := lookalikes{others: cfg.Limits.Underscores == "pass", refuse: cfg.Limits.Underscores == "refuse"}
	key := func(s string) {
		if name, ok := strings.CutPrefix(s, "header:"); ok {
			l.keys = append(l.keys, name)
		}
	}
	key(c.SplitKey)
	for i := range cfg.RateLimits {
		if r := &cfg.RateLimits[i]; r.Name == c.Limit {
			key(r.Key)
		}
	}
	for i := range cfg.Upstreams {
		if u := &cfg.Upstreams[i]; u.Name == c.Upstream || slices.ContainsFunc(c.Split, func(d config.SplitShare) bool { return d.Upstream == u.Name }) {
			key(u.HashKey)
		}
	}
	if p := policyOf(cfg, c.CORS); p != nil {
		l.named = p.RequestHeaders
		l.others = l.others || slices.Contains(p.RequestHeaders, "*")
	}
	return l
}

// passes reports whether a field with this name may go on, as far as the route's own edits have no say.
func (l *lookalikes) passes(name []byte) bool {
	if wire.Impersonates(name) {
		return false
	}
	for _, named := range [...][]string{l.named, l.keys} {
		for _, n := range named {
			if wire.EqualFold(name, n) {
				return true
			}
		}
	}
	for _, k := range l.keys {
		if wire.SameVariable(name, k) {
			return false
		}
	}
	return l.others
}

// refusesLookalike reports whether the request has a field for whose name it must be refused.
func (x *exchange) refusesLookalike() bool {
	l := &x.route.lookalikes
	if !l.refuse || !x.req.HasLookalike {
		return false
	}
	for i := range x.req.Fields {
		if f := &x.req.Fields[i]; f.ID == wire.Lookalike && !l.passes(f.Name) {
			return true
		}
	}
	return false
}

// lookalikes warns of names that a policy allows and the gateway drops.
func (l *linter) lookalikes(r *config.Route) {
	p := policyOf(l.cfg, r.CORS)
	if p == nil || r.Upstream == "" && len(r.Split) == 0 {
		return
	}
	of := l.allowed[p.Name]
	if of == nil {
		of = allowedLookalikes(p)
		if l.allowed == nil {
			l.allowed = map[string]*allowed{}
		}
		l.allowed[p.Name] = of
	}
	edits := compileEdits(r.RequestSetHeaders, r.RequestRemoveHeaders)
	if edits != nil {
		for _, name := range edits.gone {
			for _, i := range of.byVariable[variableOf(name)] {
				l.drops(p, i, r)
			}
		}
	}
	for _, i := range of.never {
		l.drops(p, i, r)
	}
	of.never = nil // it is said
}

// allowed are the lookalikes that a policy allows, by their place in the list.
type allowed struct {
	never      []int            // dropped whatever a route does
	byVariable map[string][]int // the others that there is no warning of yet
}

func allowedLookalikes(p *config.CORS) *allowed {
	a := &allowed{byVariable: map[string][]int{}}
	for i, name := range p.RequestHeaders {
		switch {
		case name == "*" || !wire.IsLookalike([]byte(name)):
		case wire.Impersonates([]byte(name)):
			a.never = append(a.never, i)
		default:
			a.byVariable[variableOf(name)] = append(a.byVariable[variableOf(name)], i)
		}
	}
	return a
}

// variableOf returns what CGI makes of the name of a field, as far as that tells names apart; see [wire.SameVariable].
func variableOf(name string) string { return strings.ToLower(strings.Map(dashed, name)) }

func (l *linter) drops(p *config.CORS, i int, r *config.Route) {
	name := p.RequestHeaders[i]
	delete(l.allowed[p.Name].byVariable, variableOf(name)) // once will do, whatever routes follow
	l.warn("cors."+p.Name+".request_headers", i, "name it with '-' only, or remove it from the list",
		"%s never reaches the upstream of route %s: some would take it for %s, which pages must not set",
		name, r.Name, strings.Map(dashed, name))
}

// passed warns of names in trust.pass_headers that need no such key, or have no use for it.
func (l *linter) passed() {
	for i, name := range l.cfg.Trust.PassHeaders {
		if wire.Identify([]byte(name)) != wire.XOriginal {
			l.warn("trust.pass_headers", i, "remove it", "%s is none of the fields that this key is about: it changes nothing", name)
		}
	}
	if len(l.cfg.Trust.PassHeaders) > 0 && len(l.cfg.Trust.Proxies) == 0 {
		l.warn("trust.pass_headers", -1, "name them in trust.proxies, or remove this key", "there are no trusted proxies whose fields could pass")
	}
}

func dashed(r rune) rune {
	if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
		return r
	}
	return '-'
}
