package convert

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/cors"
)

// This file brings policies into a form that corsgate accepts. What its linter refuses becomes
// a comment with the linter's reason, until it refuses nothing.

// maxAge is the longest max age, in seconds, that corsgate does not warn of.
const maxAge = 2 * 60 * 60

// settle brings p into the form of a corsgate policy, noting what is left out and why.
func (p *policy) settle() {
	if p.any && p.credentials && len(p.origins) > 0 && !p.echoed {
		p.lose("*", "pages of any origin could read responses without credentials, in addition to the listed ones: one policy cannot express both")
		p.any = false
	}
	if p.any && p.credentials {
		if !slices.ContainsFunc(p.holes, func(h string) bool { return strings.Contains(h, "with credentials") }) {
			p.hole("any origin with credentials: every site can read what a signed-in user may see")
		}
		p.lose("*", `"*" with credentials lets every site read what a signed-in user may see: list the origins`)
		p.any = false
	}
	if p.any && len(p.origins) > 0 {
		p.note(`the origins %s are covered by "*" and were left out`, quotedList(p.origins))
		p.origins = nil
	}
	p.settleMethods()
	if slices.Contains(p.requestHeaders, "*") && !p.credentials && !slices.ContainsFunc(p.requestHeaders, func(name string) bool { return strings.EqualFold(name, "Authorization") }) {
		p.requestHeaders = append(p.requestHeaders, "Authorization")
		p.note("request_headers: browsers do not count Authorization among *, so pages could not send a token; here they can")
	}
	p.exposeHeaders = without(p.exposeHeaders, func(name string) bool { return p.credentials && name == "*" },
		func(string) { p.note("expose_headers: with credentials, browsers take * for a name: list the names") })
	switch {
	case p.maxAge == noMaxAge:
	case p.maxAge < 0:
		p.maxAge = 0
	case p.maxAge > maxAge:
		p.note("a max age of %d seconds was cut to 2h: Chromium honours no more, and WebKit ten minutes", p.maxAge)
		p.maxAge = maxAge
	}
	if p.status != 0 && (p.status < 200 || p.status > 299) {
		p.note("preflights were answered %d, which is no ok status: browsers refused them", p.status)
		p.status = 0
	}
	p.lint()
}

func (p *policy) settleMethods() {
	var kept []string
	for _, m := range p.methods {
		switch m = cors.NormalizeMethod(m); {
		case m == "GET" || m == "HEAD" || m == "POST" || slices.Contains(kept, m):
		case m == "OPTIONS":
			p.note("methods: OPTIONS was left out: preflights are answered anyway, and pages hardly send it themselves")
		default:
			kept = append(kept, m)
		}
	}
	if slices.Contains(kept, "*") && len(kept) > 1 {
		kept = []string{"*"}
	}
	p.methods = kept
}

// without returns the names that are not refused.
func without(names []string, refused func(string) bool, dropped func(string)) (kept []string) {
	for _, name := range names {
		if refused(name) {
			dropped(name)
		} else {
			kept = append(kept, name)
		}
	}
	return kept
}

// config returns p as the linter reads it.
func (p *policy) config() cors.Config {
	c := cors.Config{Origins: slices.Clone(p.origins), Methods: p.methods, RequestHeaders: p.requestHeaders, ExposeHeaders: p.exposeHeaders,
		Credentials: p.credentials, PreflightStatus: p.status}
	if p.any {
		c.Origins = []string{"*"}
	}
	if len(c.Origins) == 0 {
		c.Origins = []string{placeholder}
	}
	if p.maxAge != noMaxAge {
		age := time.Duration(p.maxAge) * time.Second
		c.MaxAge = &age
	}
	return c
}

// lint leaves out, one at a time, what the linter refuses or warns of, since the result is to pass check --strict.
func (p *policy) lint() {
	for {
		_, problems := cors.New(p.config())
		i := slices.IndexFunc(problems, func(problem cors.Problem) bool {
			return problem.Index >= 0 && p.list(problem.Key) != nil
		})
		if i < 0 {
			return
		}
		problem := problems[i]
		list := p.list(problem.Key)
		if problem.Index >= len(*list) {
			return
		}
		text := (*list)[problem.Index]
		*list = slices.Delete(slices.Clone(*list), problem.Index, problem.Index+1)
		switch reason := strings.TrimPrefix(problem.Message, fmt.Sprintf("pattern %q: ", text)); {
		case problem.Warning && saysNothing(problem):
		case problem.Key != "origins":
			p.note("%s: %s was left out: %s", problem.Key, text, problem.Message)
		case problem.Hint != "":
			p.lose(text, "%s: %s", reason, problem.Hint)
			p.danger(text, reason)
		default:
			p.lose(text, "%s", reason)
		}
	}
}

// saysNothing reports whether what a warning is about can be left out without a word: the
// policy is the same without it.
func saysNothing(problem cors.Problem) bool {
	return strings.Contains(problem.Message, "redundant") || strings.Contains(problem.Message, "twice") || strings.Contains(problem.Message, "covered")
}

// danger notes origins that let more people in than they seem to.
func (p *policy) danger(text, reason string) {
	switch {
	case text == "null":
		p.hole("the origin null is allowed: any site can send it from a sandboxed frame")
	case p.credentials && strings.Contains(reason, "public suffix"):
		p.hole("%s with credentials: anybody can have an origin there", text)
	case p.credentials && strings.HasPrefix(text, "http://"):
		p.hole("%s with credentials: a network attacker can impersonate this origin", text)
	}
}

// list returns a list by its key, or nil.
func (p *policy) list(key string) *[]string {
	switch key {
	case "origins":
		if p.any || len(p.origins) == 0 {
			return nil
		}
		return &p.origins
	case "methods":
		return &p.methods
	case "request_headers":
		return &p.requestHeaders
	case "expose_headers":
		return &p.exposeHeaders
	}
	return nil
}
