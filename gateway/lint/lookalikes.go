package lint

import (
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/rewrite"
	"github.com/corsgate/corsgate/gateway/wire"
)

// lookalikes warns of names that a policy allows and the gateway drops.
func (l *linter) lookalikes(r *config.Route) {
	p := l.cfg.Policy(r.CORS)
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
	edits := rewrite.CompileFields(r.RequestSetHeaders, r.RequestRemoveHeaders)
	for _, name := range edits.Removed() {
		for _, i := range of.byVariable[variableOf(name)] {
			l.drops(p, i, r)
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
	byVariable map[string][]int // the others without a warning so far
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
		"%s never reaches the upstream of route %s: some servers would read it as %s, which pages must not set",
		name, r.Name, strings.Map(dashed, name))
}

// passed warns of names in trust.pass_headers that need no such key, or have no use for it.
func (l *linter) passed() {
	for i, name := range l.cfg.Trust.PassHeaders {
		if wire.Identify([]byte(name)) != wire.XOriginal {
			l.warn("trust.pass_headers", i, "remove it", "%s is not one of the fields that this key concerns: it has no effect", name)
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
