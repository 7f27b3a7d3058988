package rewrite

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

// Lookalikes are what a route lets pass of such fields.
type Lookalikes struct {
	named  []string // by the policy: they pass
	keys   []string // names that the route counts or balances by: they pass, too, in this spelling
	others bool     // the others pass
	// Refuse says that a request with another is refused.
	Refuse bool
}

// CompileLookalikes returns what a route lets pass.
func CompileLookalikes(cfg *config.Config, c *config.Route) Lookalikes {
	l := Lookalikes{others: cfg.Limits.Underscores == "pass", Refuse: cfg.Limits.Underscores == "refuse"}
	key := func(s string) {
		if name, ok := strings.CutPrefix(s, "header:"); ok {
			l.keys = append(l.keys, name)
		}
	}
	key(c.SplitKey)
	for _, name := range c.Auth {
		if a := cfg.Auth(name); a != nil {
			key(a.From) // what is read as a key, and what could be taken for it, are not two
		}
	}
	for i := range cfg.RateLimits {
		if r := &cfg.RateLimits[i]; slices.Contains(c.Limits, r.Name) {
			key(r.Key)
		}
	}
	for i := range cfg.Upstreams {
		if u := &cfg.Upstreams[i]; u.Name == c.Upstream || slices.ContainsFunc(c.Split, func(d config.SplitShare) bool { return d.Upstream == u.Name }) {
			key(u.HashKey)
		}
	}
	if p := cfg.Policy(c.CORS); p != nil {
		l.named = p.RequestHeaders
		l.others = l.others || slices.Contains(p.RequestHeaders, "*")
	}
	return l
}

// Passes reports whether a field with this name may be forwarded, unless the route's own edits
// decide.
func (l *Lookalikes) Passes(name []byte) bool {
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
	return l.others && !l.Counts(name)
}

// Counts reports whether a name is one that the route counts or balances by, or could be taken for it.
func (l *Lookalikes) Counts(name []byte) bool {
	for _, k := range l.keys {
		if wire.SameVariable(name, k) {
			return true
		}
	}
	return false
}

// RefusesRequest reports whether a request has a field for whose name it must be refused.
func (l *Lookalikes) RefusesRequest(req *wire.Request) bool {
	if !l.Refuse || !req.HasLookalike {
		return false
	}
	for i := range req.Fields {
		if f := &req.Fields[i]; f.ID == wire.Lookalike && !l.Passes(f.Name) {
			return true
		}
	}
	return false
}
