package probe

import (
	"context"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// This file holds the questions. The rules are:
//
//   - unknown origins have names below .test, which cannot be registered, or names that look
//     like the server's or like the first allowed origin's;
//   - if any stranger at all is let in, that is the finding: the ways to disguise as a friend are not asked then.

// stranger is an origin that no server has a reason to allow.
const stranger = "https://corsgate-probe.test"

// questions asks all there is to ask after the plain request.
func (p *prober) questions(ctx context.Context, base *answer) {
	get := func(origins ...string) *answer { return p.ask(ctx, question{origins: origins}) }
	p.plain(base)
	model := stranger
	if len(p.Origins) > 0 {
		model = p.Origins[0]
	}
	p.caches(ctx, model)
	foreign := get(stranger)
	p.reflection(foreign)
	if null := get("null"); !foreign.echoes() && null.echoes() {
		p.disguise(null, "null-origin", `the origin null is allowed: any site can send it from a sandboxed frame`, `do not allow "null"`)
	}
	if junk := get("corsgate-probe-not-an-origin"); junk.echoes() && !foreign.echoes() {
		p.find(junk, "junk-echoed", Low, "compare Origin with a list, and echo nothing else", "a value that is not an origin is echoed")
	}
	if !foreign.echoes() {
		p.disguises(ctx)
		p.hosts(ctx)
		p.ownMachine(ctx)
	}
	p.strangersPreflight(ctx, foreign)
	for i, origin := range p.Origins {
		p.friend(ctx, origin, i == 0)
	}
	if len(p.Origins) == 0 && foreign.shares() {
		p.notModified(ctx, foreign)
	}
	p.judgeFields()
	p.judgeVary()
}

// reflection judges the answer to a stranger.
func (p *prober) reflection(a *answer) {
	switch {
	case a.err != nil:
		p.note("a request with an Origin was not answered: %s", printable(a.err.Error()))
	case a.echoes() && a.credentials():
		p.find(a, "reflection", Critical, "allow a list of origins, compared as a whole",
			"any origin is echoed, with credentials: every site can read what a signed-in user may see")
	case a.echoes():
		p.find(a, "reflection", Low, `send Access-Control-Allow-Origin: * to all, or allow a list of origins`,
			"any origin is echoed: like *, but with less use of caches, and a hole once credentials are allowed")
	case a.shares():
		p.note("any page can read the answers, without credentials (Access-Control-Allow-Origin: *)")
	}
}

// disguise notes that a stranger was let in.
func (p *prober) disguise(a *answer, id, text, fix string) {
	severity := Medium
	if a.credentials() {
		severity, text = Critical, text+", with credentials"
	}
	p.find(a, id, severity, fix, "%s", text)
}

// disguises asks as unknown origins whose names resemble an allowed one: the first allowed
// origin, and the server itself.
func (p *prober) disguises(ctx context.Context) {
	models := []string{p.url.Scheme + "://" + p.url.Host}
	if len(p.Origins) > 0 {
		models = append(p.Origins[:1:1], models...)
	}
	asked := map[string]bool{}
	for _, model := range models {
		for _, d := range disguisesOf(model) {
			if asked[d.origin] || slices.Contains(p.Origins, d.origin) {
				continue
			}
			asked[d.origin] = true
			if a := p.ask(ctx, question{origins: []string{d.origin}}); a.echoes() {
				switch {
				case d.severity == "":
					p.disguise(a, d.id, d.text+" ("+d.origin+")", d.fix)
				case a.credentials() && d.id == "http-origin":
					p.find(a, d.id, High, d.fix, "%s (%s), with credentials", d.text, d.origin)
				default:
					p.find(a, d.id, d.severity, d.fix, "%s (%s)", d.text, d.origin)
				}
			}
		}
	}
}

// A lookalike is an origin that looks like a model's.
type lookalike struct {
	origin, id, text, fix string
	severity              Severity // "": it is a stranger's
}

const anchor = "compare the whole origin; an expression needs ^, $ and \\. for each dot"

func disguisesOf(model string) (list []lookalike) {
	u, err := url.Parse(model)
	if err != nil {
		return nil
	}
	host := u.Hostname()
	list = append(list, lookalike{"https://" + host + ".corsgate-probe.test", "suffix-unchecked",
		"an origin that only begins like an allowed one is allowed", anchor, ""})
	if _, err := netip.ParseAddr(host); err == nil || !strings.Contains(host, ".") {
		return list[:0]
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(host); err == nil {
		list = append(list, lookalike{"https://corsgateprobe" + domain, "prefix-unchecked",
			"an origin that only ends like an allowed one is allowed", anchor, ""})
	}
	if first, rest, ok := strings.Cut(host, "."); ok && strings.Contains(rest, ".") {
		list = append(list, lookalike{"https://" + first + "x" + rest, "dot-unescaped",
			"a dot in an allowed name matches any character", anchor, ""})
	}
	if u.Scheme == "https" {
		list = append(list, lookalike{"http://" + u.Host, "http-origin",
			"the http origin of an allowed host is allowed: a network attacker can impersonate it", "allow https origins only", Medium})
	}
	if u.Port() == "" {
		list = append(list, lookalike{"https://" + host + ":8443", "port-unchecked",
			"any port of an allowed host is allowed", "compare the whole origin, its port included", Low})
	}
	return list
}

// strangersPreflight asks for a stranger what a browser asks before anything unusual.
func (p *prober) strangersPreflight(ctx context.Context, foreign *answer) {
	a := p.ask(ctx, question{origins: []string{stranger}, preflight: "PUT", headers: []string{"x-corsgate-probe"}, private: true})
	if a.err != nil {
		p.note("a preflight was not answered: %s", printable(a.err.Error()))
		return
	}
	if a.echoes() && a.credentials() && !foreign.echoes() {
		p.find(a, "preflight-reflection", Critical, "use one list of origins for preflights and requests",
			"preflights echo any origin, with credentials: every site can make requests that change something")
	}
	if a.get("Access-Control-Allow-Private-Network") == "true" && !(a.shares() && !a.echoes()) { // to all, by "*", is meant
		p.find(a, "private-network", Medium, "send Access-Control-Allow-Private-Network to allowed origins only, if at all",
			"unknown origins may reach into the private network")
	}
	if !a.shares() && a.credentials() {
		p.note("a refused preflight still says Access-Control-Allow-Credentials: true")
	}
	p.judgeField(a)
}

// friend asks what an origin that should be allowed needs. first asks for all of it.
func (p *prober) friend(ctx context.Context, origin string, first bool) {
	a := p.ask(ctx, question{origins: []string{origin}})
	if a.err == nil && !a.shares() {
		p.refused(ctx, a)
		return
	}
	if !first || a.err != nil {
		return
	}
	p.notModified(ctx, a)
	p.preflights(ctx, origin)
	if two := p.ask(ctx, question{origins: []string{origin, stranger}}); two.err == nil && strings.Contains(two.get("Access-Control-Allow-Origin"), stranger) {
		p.find(two, "second-origin", Medium, "treat a request with two Origin lines as one without Origin", "if a request has two Origin lines, the unknown origin is echoed as well")
	}
	missing := p.ask(ctx, question{origins: []string{origin}, missing: true})
	if missing.err == nil && missing.code >= 400 && !missing.shares() {
		p.find(missing, "errors-unreadable", Low, `send the CORS fields with errors as well (nginx: add_header … always)`,
			"pages cannot read the status of errors: to scripts they look like network failures")
	}
	if missing.err == nil {
		p.judgeField(missing)
	}
}

// refused judges that a friend cannot read an answer: its preflights may be allowed all the same.
func (p *prober) refused(ctx context.Context, a *answer) {
	plain := p.ask(ctx, question{origins: a.origins, preflight: "GET"})
	if plain.err != nil || !plain.shares() {
		p.find(a, "friend-refused", High, "allow "+a.origin(), "a page of %s cannot read the answer", a.origin())
		return
	}
	p.judgeField(plain)
	p.find(a, "responses-unshared", High, "send Access-Control-Allow-Origin with the response to each request, not only with the answers to OPTIONS",
		"OPTIONS only: preflights of %s are allowed, but the responses to its requests have no CORS fields for it", a.origin())
}

// unansweredPreflight judges a preflight without CORS fields, of an origin that can read responses.
func (p *prober) unansweredPreflight(a *answer) {
	const fix = "answer preflights of allowed origins with Access-Control-Allow-Origin, -Methods and -Headers"
	if a.code/100 == 2 {
		p.find(a, "preflight-unshared", Medium, fix,
			"responses only: preflights of %s are answered %d without CORS fields, so every request that needs a preflight fails", a.origin(), a.code)
		return
	}
	p.find(a, "preflight-refused", Low, fix+", unless pages only need GET and POST as forms send them",
		"responses only: preflights of %s are refused (%s): its pages can only make simple requests", a.origin(), printable(a.status))
}

// preflights asks preflights of an allowed origin, in the forms that browsers, proxies and people give them.
func (p *prober) preflights(ctx context.Context, origin string) {
	ask := func(headers ...string) *answer {
		a := p.ask(ctx, question{origins: []string{origin}, preflight: "GET", headers: headers})
		if a.err == nil {
			p.judgeField(a)
		}
		return a
	}
	plain := ask()
	switch {
	case plain.err != nil:
		p.note("a preflight of %s was not answered: %s", origin, printable(plain.err.Error()))
		return
	case plain.code == 401 || plain.code == 407 || plain.code/100 == 3:
		p.find(plain, "preflight-status", Medium, "answer preflights before authentication and redirects, with 204",
			"preflights are answered %d, so browsers refuse all requests that need one", plain.code)
		return
	case plain.shares() && plain.code/100 != 2:
		p.find(plain, "preflight-status", Medium, "answer allowed preflights with 204 or 200",
			"allowed preflights are answered %d, so browsers refuse all requests that need one", plain.code)
		return
	case !plain.shares():
		p.unansweredPreflight(plain)
		return
	}
	names := []string{"x-corsgate-a", "x-corsgate-b"}
	var listed []string
	for _, name := range members(plain.header, "Access-Control-Allow-Headers") {
		if name = strings.ToLower(name); name != "*" && !slices.Contains(listed, name) {
			listed = append(listed, name)
		}
	}
	if len(listed) >= 2 {
		names = listed[:2]
	}
	slices.Sort(names)
	if usual := ask(strings.Join(names, ",")); !usual.permits() {
		return // nothing is known that is allowed
	}
	const fix = "accept Access-Control-Request-Headers in any case, order and spacing, and in several lines"
	if odd := ask(strings.ToUpper(names[1]) + " ,\t" + names[0]); odd.err == nil && !odd.permits() {
		p.find(odd, "list-unsorted", Low, fix, "a list of headers that is not sorted, lower case and without blanks is refused: proxies and other clients send such lists")
	}
	if lines := ask(names[0], names[1]); lines.err == nil && !lines.permits() {
		p.find(lines, "list-lines", Low, fix, "a list of headers in two lines is refused, or only its first line is read: some proxies split lists")
	}
}
