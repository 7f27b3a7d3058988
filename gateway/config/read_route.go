package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// This file reads the keys of [route.NAME], and checks what depends on several tables.

func readRoute(t *table) Route {
	defer t.done()
	route := Route{
		Name:            t.name,
		Hosts:           list[string, string](t, "hosts", "a string", parseRouteHost),
		Path:            cmp.Or(scalar(t, "path", "/", optional(parsePath)), "/"),
		Methods:         list[string, string](t, "methods", "a string", parseMethod),
		CORS:            t.str("cors", ""),
		Upstream:        t.str("upstream", ""),
		Split:           readSplit(t),
		SplitKey:        scalar(t, "split_key", "", parseSplitKey),
		Mirror:          readMirror(t),
		Redirect:        readRedirect(t),
		Respond:         readRespond(t),
		Auth:            t.strs("auth"),
		AuthOptional:    t.boolean("auth_optional", false),
		Allow:           list[string, string](t, "allow", "a string", parseAddressOrFile),
		Deny:            list[string, string](t, "deny", "a string", parseAddressOrFile),
		Limit:           t.str("limit", ""),
		Limits:          t.strs("limits"),
		StripPrefix:     scalar(t, "strip_prefix", "", optional(parsePath)),
		AddPrefix:       scalar(t, "add_prefix", "", optional(parsePath)),
		LocationRewrite: t.oneOf("location_rewrite", "auto", "off"),
		Timeout:         readTimeout(t),
		Upgrades:        list[string, string](t, "upgrades", "a string", newUpgrades()),
		Priority:        t.oneOf("priority", "normal", "low", "high"),
	}
	if t.values["idle_timeout"] == "" {
		t.known = append(t.known, "idle_timeout")
	} else if d, ok := t.optionalDuration("idle_timeout", 0); ok {
		route.IdleTimeout = &d
	}
	readEdits(t, &route)
	if t.values["body_bytes"] == "" {
		t.known = append(t.known, "body_bytes")
	} else if size := t.size("body_bytes", -1, 0, maxSize); size >= 0 {
		route.BodyBytes = &size
	}
	checkRouteAuth(t, &route)
	action := readAction(t)
	checkAction(t, action)
	checkPrefixes(t, &route)
	return route
}

// readTimeout returns the route's timeout, or Auto.
func readTimeout(t *table) time.Duration {
	if s, ok := t.values["timeout"].(string); !t.has("timeout") || ok && s == "auto" {
		t.known = append(t.known, "timeout")
		return Auto
	}
	return t.duration("timeout", Auto)
}

// readAction returns the key that says how the route's requests are handled, or "".
func readAction(t *table) string {
	const choice = "exactly one of upstream, split, redirect and respond"
	var actions []string
	for _, key := range []string{"upstream", "split", "redirect", "respond"} {
		if t.has(key) && t.values[key] != "" {
			actions = append(actions, key)
		}
	}
	switch {
	case len(actions) == 0:
		t.r.problem(t.path, -1, fault{"a route needs " + choice, `write upstream = "NAME"`})
		return ""
	case len(actions) > 1:
		t.problem(actions[1], faultf("a route has %s: %s is at %s", choice, actions[0], t.r.at(t.key(actions[0]), -1)))
		return ""
	}
	return actions[0]
}

// optional makes parse accept "".
func optional(parse func(string) (string, fault)) func(string) (string, fault) {
	return func(s string) (string, fault) {
		if s == "" {
			return "", fault{}
		}
		return parse(s)
	}
}

func readRedirect(route *table) *Redirect {
	t := route.sub("redirect")
	if t.values == nil {
		return nil
	}
	defer t.done()
	redirect := &Redirect{
		To:     scalar(t, "to", "", parseRedirectTo),
		Status: t.integer("status", 308, 300, 399),
	}
	if t.template("to", "") != "" && t.template("to", "") != t.values["to"] {
		t.problem("to", fault{message: "a dollar sign in a referenced value would begin a variable"})
	}
	if !t.has("to") {
		t.problem("to", fault{"a redirect needs a target", `write redirect = { to = "https://example.com$path" }`})
	}
	if !slices.Contains([]int{301, 302, 303, 307, 308}, redirect.Status) {
		t.problem("status", faultf("%d is not one of 301, 302, 303, 307, 308", redirect.Status))
	}
	return redirect
}

func readRespond(route *table) *Respond {
	t := route.sub("respond")
	if t.values == nil {
		return nil
	}
	defer t.done()
	respond := &Respond{
		Status:      t.integer("status", 200, 200, 599),
		Body:        t.str("body", ""),
		ContentType: t.str("content_type", "text/plain"),
	}
	if s := respond.Status; respond.Body != "" && (s == 204 || s == 205 || s == 304) {
		t.problem("body", faultf("a response with status %d cannot have content: remove this key", s))
		respond.Body = ""
	}
	if !isFieldValue(respond.ContentType) || !strings.Contains(respond.ContentType, "/") {
		t.problem("content_type", faultf(`%q is not a media type such as "text/plain"`, respond.ContentType))
	}
	return respond
}

// checkAddresses finds listeners that would take each other's address. Port 0 is never the same twice.
func (r *reader) checkAddresses() {
	seen := map[Address]string{}
	if !r.bad("admin.address") {
		seen[r.cfg.Admin.Address] = "admin"
	}
	take := func(table, key string, a Address) {
		if r.bad(table + "." + key) {
			return // What it has now is only a default.
		}
		other, twice := seen[a]
		if !twice || strings.HasSuffix(string(a), ":0") {
			seen[a] = table
			return
		}
		where := "its default"
		if r.cfg.places.has(other) {
			where = "also at " + r.at(other+".address", -1)
		}
		r.problem(table+"."+key, -1, faultf("%q is taken by [%s], %s", a, other, where))
	}
	for _, l := range r.cfg.Listeners {
		take(joinKey("listener", l.Name), "address", l.Address)
	}
	if a := r.cfg.Admin.MetricsAddress; a != "" {
		take("admin", "metrics_address", a)
	}
}

// checkNames finds names in routes and policies that nothing bears. A table that is there but has problems of its
// own still bears its name.
func (r *reader) checkNames(values map[string]any) {
	names := func(key string) []string {
		tables, _ := values[key].(map[string]any)
		tables = maps.Clone(tables)
		maps.DeleteFunc(tables, func(_ string, v any) bool { return !isTables(v) && !isTable(v) })
		return slices.Sorted(maps.Keys(tables))
	}
	policies, upstreams, limits, auths := names("cors"), names("upstream"), names("limit"), names("auth")
	r.checkName("default_cors", -1, r.cfg.DefaultCORS, "cors", "policy", "policies", policies)
	for _, route := range r.cfg.Routes {
		table := joinKey("route", route.Name)
		r.checkName(table+".cors", -1, route.CORS, "cors", "policy", "policies", policies)
		r.checkName(table+".upstream", -1, route.Upstream, "upstream", "upstream", "upstreams", upstreams)
		r.checkName(table+".limit", -1, route.Limit, "limit", "rate limit", "rate limits", limits)
		for i, name := range route.Limits {
			if route.Limit != "" {
				break // it is that one
			}
			r.checkName(table+".limits", i, name, "limit", "rate limit", "rate limits", limits)
		}
		for i, name := range route.Auth {
			r.checkName(table+".auth", i, name, "auth", "auth", "auths", auths)
		}
		for i, share := range route.Split {
			r.checkName(table+".split", i, share.Upstream, "upstream", "upstream", "upstreams", upstreams)
		}
		if route.Mirror != nil {
			r.checkName(table+".mirror.upstream", -1, route.Mirror.Upstream, "upstream", "upstream", "upstreams", upstreams)
		}
	}
	for i := range r.cfg.Auths {
		a := &r.cfg.Auths[i]
		r.checkName(joinKey("auth", a.Name)+".forward", -1, a.Forward, "upstream", "upstream", "upstreams", upstreams)
	}
	r.checkAuthFields()
	byName := make(map[string]*CORS, len(r.cfg.CORS))
	for i := range r.cfg.CORS {
		byName[r.cfg.CORS[i].Name] = &r.cfg.CORS[i]
	}
	for i := range r.cfg.CORS {
		c := &r.cfg.CORS[i]
		key := joinKey("cors", c.Name) + ".shadow"
		r.checkName(key, -1, c.Shadow, "cors", "policy", "policies", policies)
		if shadow := byName[c.Shadow]; shadow != nil {
			r.checkShadow(key, c, shadow)
		}
	}
}

// checkShadow notes a problem at key if the policy c and its shadow cannot be compared.
func (r *reader) checkShadow(key string, c, shadow *CORS) {
	if shadow == c {
		r.problem(key, -1, fault{"a policy cannot be its own shadow", "name another policy, with what it should become"})
		return
	}
	for _, p := range []*CORS{c, shadow} {
		if p.UpstreamCORS == "passthrough" {
			r.problem(key, -1, faultf("there is nothing to compare: cors.%s leaves CORS to the upstream, at %s",
				p.Name, r.at(joinKey("cors", p.Name)+".upstream_cors", -1)))
		}
	}
}

// checkName notes a problem at key, or at one of its elements, if its value is a name that is not among names.
func (r *reader) checkName(key string, index int, name, table, one, many string, names []string) {
	if _, found := slices.BinarySearch(names, name); found || name == "" || r.full() {
		return
	}
	switch {
	case len(names) == 0:
		r.problem(key, index, fault{fmt.Sprintf("there is no %s %q, and no other %[1]s either", one, name), fmt.Sprintf("add [%s.NAME]", table)})
	case len(names) == 1:
		r.problem(key, index, faultf("there is no %s %q: the only one is %q", one, name, names[0]))
	default:
		f := faultf("there is no %s %q: the %s are %s", one, name, many, quoted(names))
		f.hint = didYouMean("%q", name, names)
		r.problem(key, index, f)
	}
}
