package probe

import (
	"slices"
	"strconv"
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/matcher"
)

// This file judges the fields of answers, whatever the question was.

// plain judges the answer to a request without Origin.
func (p *prober) plain(a *answer) {
	if a.code/100 == 3 {
		p.note("the URL redirects (%s to %s): pages follow the redirect, so probe the target as well", a.status, printable(a.get("Location")))
	}
	if a.code >= 400 {
		p.note("the URL is answered %s: the findings may apply to errors only", printable(a.status))
	}
	p.unread = p.unread || a.code/100 != 2
}

// judgeFields judges the fields of all answers to GET.
func (p *prober) judgeFields() {
	for _, a := range p.gets {
		if len(a.origins) < 2 { // who sends two may be told two
			p.judgeField(a)
		}
	}
}

func (p *prober) judgeField(a *answer) {
	origins := a.header.Values("Access-Control-Allow-Origin")
	value := a.get("Access-Control-Allow-Origin")
	credentials := a.header.Values("Access-Control-Allow-Credentials")
	switch {
	case len(origins) > 1 || len(credentials) > 1:
		p.find(a, "duplicate-fields", High, "let one server set the fields: remove them from the upstream or from the proxy",
			"Access-Control-Allow-Origin or -Credentials is sent twice, which browsers refuse")
	case len(origins) == 1 && strings.ContainsAny(value, ", "):
		p.find(a, "several-origins", High, "send only the requesting origin, if it is allowed",
			"Access-Control-Allow-Origin contains several origins, which no browser accepts")
	case value == "null" && a.origin() != "null":
		p.find(a, "static-null", Medium, `do not send "null": any site can have that origin`, "Access-Control-Allow-Origin is null for every origin")
	case len(origins) == 1 && value != "*" && value != a.origin() && !matcher.ValidOrigin([]byte(value)):
		p.find(a, "malformed-origin", Medium, "write scheme, host and port as browsers send them, without a slash or a star",
			"Access-Control-Allow-Origin is not an origin, so it matches none")
	}
	switch v := a.get("Access-Control-Allow-Credentials"); {
	case v == "true" && value == "*":
		p.find(a, "star-credentials", Medium, "list the origins, or leave Access-Control-Allow-Credentials out",
			"* with credentials: browsers refuse it, and the usual repair is to echo any origin, which is worse")
	case v != "" && v != "true" && len(credentials) == 1:
		p.find(a, "credentials-value", Low, "send true, in lower case, or leave the field out", "Access-Control-Allow-Credentials is %q; only true has a meaning", printable(v))
	}
	p.judgeLists(a)
}

func (p *prober) judgeLists(a *answer) {
	for _, name := range []string{"Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Expose-Headers"} {
		list := members(a.header, name)
		if a.credentials() && slices.Contains(list, "*") && a.shares() {
			p.findAlso(a, "star-in-list", Low, "list the names", "%s is * with credentials, where browsers treat it as a name", name)
		}
		if name == "Access-Control-Allow-Methods" && slices.ContainsFunc(list, cors.ForbiddenMethod) {
			p.find(a, "forbidden-method", Low, "remove CONNECT, TRACE and TRACK", "Access-Control-Allow-Methods lists a method that no browser sends")
		}
	}
	if v := a.get("Access-Control-Max-Age"); v != "" {
		switch n, err := strconv.ParseInt(v, 10, 64); {
		case err != nil || n < 0:
			p.find(a, "max-age-value", Low, "send a number of seconds, such as 600, or 0 for no caching", "Access-Control-Max-Age is %q, so browsers use 5 seconds", printable(v))
		case n > 86400:
			p.note("Access-Control-Max-Age is %d: browsers cut it to 86400 (Firefox), 7200 (Chromium) or 600 (WebKit)", n)
		}
	}
}

// judgeVary finds answers that depend on Origin and do not say so.
func (p *prober) judgeVary() {
	depends := false
	for _, a := range p.gets {
		depends = depends || a.header.Get("Access-Control-Allow-Origin") != p.gets[0].header.Get("Access-Control-Allow-Origin")
	}
	if !depends {
		return
	}
	for _, a := range p.gets {
		if a.varies() || !a.cacheable() {
			continue
		}
		who := "to an allowed origin"
		switch {
		case len(a.origins) == 0:
			who = "to a request without Origin"
		case !a.shares():
			who = "to a refused origin"
		}
		p.find(a, "vary-missing", Medium, "send Vary: Origin with every answer of this resource, to all clients",
			"the answer depends on Origin, but the one %s does not say so (Vary): caches serve one origin the answer for another", who)
		return
	}
}
