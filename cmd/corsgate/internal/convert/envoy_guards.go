package convert

import (
	"slices"
	"strconv"
	"strings"
)

// envoyGuards are filters by which Envoy asks who sends a request.
var envoyGuards = []string{"envoy.filters.http.jwt_authn", "envoy.filters.http.ext_authz", "envoy.filters.http.rbac", "envoy.filters.http.oauth2",
	"envoy.filters.http.basic_auth", "envoy.filters.http.api_key_auth"}

// guardEnvoy notes a filter that protects all routes.
func (d *document) guardEnvoy(f map[string]any) {
	for _, guard := range envoyGuards {
		if key := strings.ReplaceAll(guard, "_", ""); f[key] != nil && !slices.Contains(d.closed, guard) {
			d.closed = append(d.closed, guard) // a route has a configuration of its own
		}
	}
	name := text(f["name"])
	if !slices.Contains(envoyGuards, name) || truth(f["disabled"]) {
		return
	}
	typed, _ := f["typedconfig"].(map[string]any)
	if name == "envoy.filters.http.jwt_authn" && len(d.everywhere) == 0 {
		if a := jwtAuthn(folded(typed)); a != nil {
			d.everywhere = []*auth{a}
			return
		}
	}
	if !slices.Contains(d.closed, name) {
		d.closed = append(d.closed, name)
	}
	if name == "envoy.filters.http.ext_authz" {
		d.leave("%s: Envoy asks with the method and path of the request, corsgate with GET, one path and X-Forwarded-Method and -Uri: see forward in [auth.NAME]", name)
	}
	providers, _ := folded(typed)["providers"].(map[string]any)
	for _, provider := range sortedKeys(providers) {
		p, _ := providers[provider].(map[string]any)
		o := folded(p)
		remote, _ := o["remotejwks"].(map[string]any)
		uri, _ := folded(remote)["httpuri"].(map[string]any)
		d.leave("%s: provider %s: issuer = %q, audience = [%s], jwks = %q in [auth.NAME], with the algorithms of its keys, which Envoy does not say",
			name, provider, text(o["issuer"]), quotedList(texts(o["audiences"])), text(folded(uri)["uri"]))
	}
}

// jwtAuthn returns the table for a filter with one provider, which all requests need, or nil if it says what corsgate does not do.
func jwtAuthn(o map[string]any) *auth {
	if !only(o, "@type", "providers", "rules") {
		return nil
	}
	providers, _ := o["providers"].(map[string]any)
	rules, _ := o["rules"].([]any)
	if len(providers) != 1 || len(rules) != 1 {
		return nil
	}
	name := sortedKeys(providers)[0]
	rule, _ := rules[0].(map[string]any)
	match, _ := folded(rule)["match"].(map[string]any)
	requires, _ := folded(rule)["requires"].(map[string]any)
	if !only(folded(rule), "match", "requires") || !only(folded(match), "prefix") || !only(folded(requires), "providername") ||
		text(folded(match)["prefix"]) != "/" || text(folded(requires)["providername"]) != name {
		return nil
	}
	p, _ := providers[name].(map[string]any)
	provider := folded(p)
	remote, _ := provider["remotejwks"].(map[string]any)
	uri, _ := folded(remote)["httpuri"].(map[string]any)
	issuer, keys, audiences := text(provider["issuer"]), text(folded(uri)["uri"]), texts(provider["audiences"])
	if !only(provider, "issuer", "audiences", "remotejwks", "forward") || issuer == "" || len(audiences) == 0 || !strings.HasPrefix(keys, "https://") {
		return nil
	}
	return &auth{name: name, notes: []string{"Envoy accepts the algorithms of all keys; here they are listed: write those of yours"}, settings: []setting{
		{"issuer", strconv.Quote(issuer)},
		{"jwks", strconv.Quote(keys)},
		{"audience", "[" + quotedList(audiences) + "]"},
		{"algorithms", `["ES256", "RS256"]`},
	}}
}

// only reports whether a map has no keys but these.
func only(m map[string]any, keys ...string) bool {
	for key := range m {
		if !slices.Contains(keys, key) {
			return false
		}
	}
	return true
}
