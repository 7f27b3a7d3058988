package convert

import (
	"slices"
	"strconv"
	"strings"
)

// An answer is what a run sends.
type answer struct {
	origin *atom // nil: a stranger's
	method string
	sent   []header
	status int
}

// allow returns the lines that share the answer.
func (a *answer) allow() []header { return named(a.sent, "access-control-allow-origin") }

func (a *answer) credentials() bool {
	return slices.ContainsFunc(named(a.sent, "access-control-allow-credentials"), func(h header) bool {
		return strings.EqualFold(h.value, "true") || strings.Contains(h.value, "\x00")
	})
}

// shares reports whether the answer's value lets its own origin read it.
func (a *answer) shares(value string) bool {
	return value == originMark || a.origin != nil && a.origin.operator == "=" && value == a.origin.text
}

// conclude makes the policy of the answers to all origins.
func (p *policy) conclude(answers []answer) {
	for _, a := range answers {
		p.credentials = p.credentials || len(a.allow()) > 0 && a.credentials()
	}
	dynamic, varies := false, true
	for i := range answers {
		a := &answers[i]
		for _, h := range a.allow() {
			if p.allowed(a, h) {
				dynamic = true
				varies = varies && a.method == "OPTIONS" || varies && slices.ContainsFunc(named(a.sent, "vary"), func(v header) bool { return strings.Contains(strings.ToLower(v.value), "origin") })
			}
			if !h.always {
				p.hole(`line %d: without "always" pages cannot read errors: nginx adds the field to some statuses only`, h.line)
			}
		}
		if lines := a.allow(); len(lines) > 1 {
			p.hole("line %d: Access-Control-Allow-Origin is added %d times, and browsers refuse two", lines[1].line, len(lines))
		}
	}
	if dynamic && !varies {
		p.hole("without Vary: Origin, caches serve one origin the answer for another")
	}
	p.preflights(answers)
	for i := range answers {
		if len(answers[i].allow()) > 0 {
			p.take(&answers[i])
		}
	}
}

// allowed takes an Access-Control-Allow-Origin. It reports whether it depends on the Origin.
func (p *policy) allowed(a *answer, h header) (dynamic bool) {
	where := "line " + strconv.Itoa(h.line)
	switch v := h.value; {
	case a.shares(v):
		switch o := a.origin; {
		case o == nil && a.credentials():
			p.reflect(where + " echoes any origin")
		case o == nil:
			p.any = true
		case o.operator == "=":
			p.origin(o.text)
		default:
			p.expression(expression{o.text, o.operator == "~*", true}, "line "+strconv.Itoa(o.line)+": the expression "+strconv.Quote(o.text))
		}
		return true
	case strings.Contains(v, "\x00"):
		p.lose(where, "its value depends on variables that are unknown here")
		p.doubt("%s: the value of Access-Control-Allow-Origin", where)
		return true
	case v == "*" && a.credentials():
		p.lose("*", "with credentials browsers refuse it: list the origins")
		p.hole(`%s has "*" with credentials, which browsers refuse`, where)
	case strings.ContainsAny(v, " ,"):
		p.hole("%s has several origins in one value, which no browser matches", where)
		for _, o := range strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ',' }) {
			p.origin(o)
		}
	default:
		p.origin(v)
	}
	return a.origin != nil
}

// preflights notes where preflights are answered otherwise than the requests that follow.
// answers has, for each origin, the answer to a preflight and then those to the others.
func (p *policy) preflights(answers []answer) {
	for i, a := range answers {
		if a.method != "OPTIONS" || len(a.allow()) > 0 {
			continue
		}
		for _, b := range answers[i+1:] {
			if b.method == "OPTIONS" {
				break // of the next origin
			}
			if allow := b.allow(); len(allow) > 0 {
				p.hole("line %d: preflights were answered without Access-Control-Allow-Origin: the last if that applies to them does not add it, so only requests without a preflight worked", allow[0].line)
				return
			}
		}
	}
}

// take takes the lists, the max age and the status of preflights.
func (p *policy) take(a *answer) {
	preflight := a.method == "OPTIONS"
	if preflight && a.status >= 200 && a.status < 300 {
		p.status = a.status
	}
	for _, h := range a.sent {
		switch h.name {
		case "access-control-allow-methods":
			p.members(&p.methods, h, "methods")
		case "access-control-allow-headers":
			p.members(&p.requestHeaders, h, "request_headers")
		case "access-control-expose-headers":
			p.members(&p.exposeHeaders, h, "expose_headers")
		case "access-control-max-age":
			p.age(h.value)
		}
	}
}

// members adds the members of a list to the policy's.
func (p *policy) members(list *[]string, h header, key string) {
	add := func(name string) {
		if !slices.ContainsFunc(*list, func(other string) bool { return strings.EqualFold(other, name) }) {
			*list = append(*list, name)
		}
	}
	switch {
	case strings.Contains(h.value, askedMark):
		add("*")
		if key == "request_headers" && !p.credentials {
			add("Authorization")
		}
		p.note("line %d: everything that a preflight requests was allowed: list the names that pages need", h.line)
	case strings.Contains(h.value, "\x00"):
		p.note("%s: line %d depends on variables that are unknown here: write the names that pages need", key, h.line)
		p.doubt("line %d: the list %s", h.line, key)
	default:
		for _, m := range split(h.value) {
			if m == "*" && p.credentials && key != "expose_headers" {
				p.note("%s: * at line %dwas left out: with credentials browsers treat it as a name, so it allowed nothing", key, h.line)
				continue
			}
			add(m)
		}
	}
}
