package convert

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// This file reads Envoy's CORS policies, wherever they stand in a tree of YAML or JSON: cors of
// a route or virtual host, or typed_per_filter_config. Names are in snake or camel case. The
// facts are those of its documentation and source (cors_filter.cc):
//
//   - the Origin is echoed, never answered with "*"; with allow_credentials "*" allows every site;
//   - prefix, suffix and contains compare text, not hosts;
//   - safe_regex matches the whole Origin;
//   - a matcher of any kind that matches the text "*" allows every origin;
//   - Vary is never sent.

// envoyKeys are keys of a CORS policy that nothing else has.
var envoyKeys = []string{"alloworiginstringmatch", "alloworigin", "alloworiginregex"}

func readEnvoy(text string) (*document, error) {
	documents, err := readYAML(text)
	if err != nil {
		return nil, err
	}
	doc := &document{}
	for _, d := range documents {
		walk(d, nil, nil, func(m map[string]any, path []string, around []map[string]any) {
			f := folded(m)
			if slices.ContainsFunc(envoyKeys, func(k string) bool { return f[k] != nil }) {
				doc.policies = append(doc.policies, fromEnvoy(f, path, around))
			}
			doc.leaveEnvoy(f)
			doc.guardEnvoy(f)
		})
	}
	return doc, nil
}

// leaveEnvoy lists the other contents of a map: the routes of a virtual host, and the addresses of a cluster.
func (d *document) leaveEnvoy(f map[string]any) {
	name := text(f["name"])
	if routes, ok := f["routes"].([]any); ok && f["domains"] != nil {
		for _, v := range routes {
			r, _ := v.(map[string]any)
			var said []string
			for _, key := range sortedKeys(r) {
				if key != "name" && key != "cors" && !strings.HasPrefix(key, "typed") {
					said = append(said, key+": "+shown(withoutPolicy(r[key])))
				}
			}
			d.leave("virtual host %s: %s", name, strings.Join(said, ", "))
		}
	}
	for _, key := range []string{"loadassignment", "hosts"} {
		if f[key] != nil && name != "" {
			d.leave("cluster %s: %s", name, shown(f[key]))
		}
	}
}

// withoutPolicy returns the action of a route without a policy that stands in it.
func withoutPolicy(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	m = maps.Clone(m)
	delete(m, "cors")
	return m
}

func fromEnvoy(f map[string]any, path []string, around []map[string]any) *policy {
	p := newPolicy("app", strings.Join(path, "."))
	p.place(around)
	p.credentials = truth(f["allowcredentials"])
	matchers, _ := f["alloworiginstringmatch"].([]any)
	for _, m := range matchers {
		tree, _ := m.(map[string]any)
		p.stringMatch(folded(tree))
	}
	for _, o := range texts(f["alloworigin"]) {
		p.stringMatch(map[string]any{"exact": o})
	}
	for _, e := range texts(f["alloworiginregex"]) {
		p.stringMatch(map[string]any{"saferegex": map[string]any{"regex": e}})
	}
	p.methods = split(text(f["allowmethods"]))
	p.requestHeaders = split(text(f["allowheaders"]))
	p.literalStars()
	p.exposeHeaders = split(text(f["exposeheaders"]))
	if s := text(f["maxage"]); s != "" {
		p.age(s)
	}
	p.hole("Envoy sends no Vary: Origin with these answers: caches serve one origin the answer for another")
	if f["shadowenabled"] != nil || f["filterenabled"] != nil {
		p.note("filter_enabled and shadow_enabled were not carried over: to try a policy, use shadow")
	}
	if truth(f["allowprivatenetworkaccess"]) {
		p.note("allow_private_network_access was not carried over: current browsers do not ask; private_network = true answers older ones")
	}
	return p
}

// place takes name, hosts and path from the route and the virtual host around p.
func (p *policy) place(around []map[string]any) {
	for _, m := range around {
		f := folded(m)
		if domains := texts(f["domains"]); len(domains) > 0 {
			for _, d := range domains {
				host, _, _ := strings.Cut(d, ":")
				if p.hosts = p.addHost(strings.ToLower(host)); d == "*" {
					p.hosts = nil
					break
				}
			}
			if name := text(f["name"]); name != "" {
				p.name, p.where = name, "virtual host "+name
			}
		}
		if match, ok := f["match"].(map[string]any); ok {
			prefix := folded(match)["prefix"]
			if prefix == nil {
				prefix = folded(match)["pathseparatedprefix"]
			}
			p.path = plainPrefix(text(prefix))
			if name := text(f["name"]); name != "" {
				p.name, p.where = name, p.where+", route "+name
			}
		}
	}
}

// hostName matches the hosts that a route can have, but for their lengths.
var hostName = regexp.MustCompile(`^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (p *policy) addHost(host string) []string {
	if hostName.MatchString(host) && len(host) <= 253 && !slices.Contains(p.hosts, host) {
		return append(p.hosts, host)
	}
	return p.hosts
}

var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_~-]+)+/?$`)

// plainPrefix returns a prefix as corsgate has it, or "".
func plainPrefix(prefix string) string {
	if !plainPath.MatchString(prefix) {
		return ""
	}
	return strings.TrimSuffix(prefix, "/")
}

func truth(v any) bool {
	if m, ok := v.(map[string]any); ok {
		v = m["value"]
	}
	return text(v) == "true"
}

// stringMatch takes a matcher of origins.
func (p *policy) stringMatch(m map[string]any) {
	e, shown, ok := stringMatcher(m)
	if !ok {
		p.lose(shown, "this kind of match is unknown")
		p.doubt("the match %s", shown)
		return
	}
	if re, err := regexp.Compile(e.goText()); err == nil && re.MatchString("*") {
		p.reflect(shown + " matches the text *, which allows every origin")
		return
	}
	if m["exact"] != nil && !e.fold {
		p.origin(text(m["exact"]))
		return
	}
	p.expression(e, shown)
}

// stringMatcher returns what a matcher matches as an expression, and how to show it.
func stringMatcher(m map[string]any) (e expression, as string, ok bool) {
	fold := truth(m["ignorecase"])
	for _, kind := range []struct{ key, before, after string }{{"exact", "^", "$"}, {"prefix", "^", ""}, {"suffix", "", "$"}, {"contains", "", ""}} {
		if v := m[kind.key]; v != nil {
			return expression{kind.before + regexp.QuoteMeta(text(v)) + kind.after, fold, true}, kind.key + " " + strconv.Quote(text(v)), true
		}
	}
	if m["saferegex"] != nil {
		tree, _ := m["saferegex"].(map[string]any)
		e := text(folded(tree)["regex"])
		return expression{`^(?:` + e + `)$`, fold, false}, "safe_regex " + strconv.Quote(e), true
	}
	return expression{}, shown(m), false
}
