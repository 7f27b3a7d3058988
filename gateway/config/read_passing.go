package config

import (
	"fmt"
	"slices"
	"strings"
)

// This file reads what a route changes on requests and responses that pass, and where else it sends them.

// routeActions say of each key that only some actions have a use for which they are, and why not the others.
var routeActions = []struct {
	key     string
	actions []string
	message string
}{
	{"strip_prefix", []string{"upstream", "split", "redirect"}, "a fixed response does not use the path: remove this key"},
	{"add_prefix", []string{"upstream", "split", "redirect"}, "a fixed response does not use the path: remove this key"},
	{"request_set_headers", []string{"upstream", "split"}, "this route forwards nothing: remove this key"},
	{"request_remove_headers", []string{"upstream", "split"}, "this route forwards nothing: remove this key"},
	{"response_remove_headers", []string{"upstream", "split"}, "this route has no upstream whose fields could be removed: remove this key"},
	{"location_rewrite", []string{"upstream", "split"}, "this route has no upstream whose URLs could be changed: remove this key"},
	{"mirror", []string{"upstream", "split"}, "this route forwards nothing: remove this key"},
	{"upgrades", []string{"upstream", "split"}, "this route forwards nothing: remove this key"},
	{"split_key", []string{"split"}, "there is no split on this route: remove this key"},
}

// checkAction notes the keys that are of no use to a route that does action, which may be "".
func checkAction(t *table, action string) {
	for _, a := range routeActions {
		if action != "" && filled(t.values[a.key]) && !slices.Contains(a.actions, action) {
			t.problem(a.key, fault{message: a.message})
		}
	}
}

// segments returns the segments of a path, as routing counts them.
func segments(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" })
}

// checkPrefixes notes prefixes that change nothing, and one to strip that not all requests of the route have.
func checkPrefixes(t *table, route *Route) {
	for _, key := range []string{"strip_prefix", "add_prefix"} {
		if value, _ := t.values[key].(string); value != "" && len(segments(value)) == 0 {
			t.problem(key, faultf("%q changes nothing: remove this key", value))
		}
	}
	strip, path := segments(route.StripPrefix), segments(route.Path)
	if len(strip) > len(path) || !slices.Equal(strip, path[:len(strip)]) {
		where := "its default"
		if t.has("path") {
			where = "at " + t.r.at(t.key("path"), -1)
		}
		f := faultf("the route takes paths without %q: its path is %q, %s", route.StripPrefix, route.Path, where)
		f.hint = fmt.Sprintf("write path = %q", route.StripPrefix)
		t.problem("strip_prefix", f)
	}
}

// readSplit returns the elements of split, or nil.
func readSplit(t *table) (split []SplitShare) {
	value, present := lookup[any](t, "split", "an array of tables")
	if !present {
		return nil
	}
	key, total, whole := t.key("split"), 0, true
	elements, f := tables(value)
	if f.message != "" {
		t.problem("split", f)
		return nil
	}
	if !t.spend("split", len(elements)) {
		return nil
	}
	seen := map[string]bool{}
	for i, e := range elements {
		share, f := splitShare(e)
		if f.message == "" && seen[share.Upstream] {
			f = faultf("upstream %q is listed twice", share.Upstream)
		}
		seen[share.Upstream] = true
		if f.message != "" {
			t.r.problem(key, i, f)
			whole = false
		}
		split, total = append(split, share), total+share.Weight
	}
	switch example := `write [{ upstream = "api", weight = 95 }, { upstream = "api-next", weight = 5 }]`; {
	case !whole:
	case len(split) < 2:
		t.problem("split", fault{"a split has two upstreams or more", example})
	case total == 0:
		t.problem("split", fault{"all weights are 0, so no request could be forwarded", example})
	}
	return split
}

// tables returns the tables in an array.
func tables(value any) (list []map[string]any, f fault) {
	switch v := value.(type) {
	case []map[string]any:
		return v, fault{}
	case []any:
		for _, e := range v {
			m, ok := e.(map[string]any)
			if !ok {
				return nil, wrongType("an array of tables", value)
			}
			list = append(list, m)
		}
		return list, fault{}
	}
	return nil, wrongType("an array of tables", value)
}

// splitShare understands one element of a split.
func splitShare(e map[string]any) (share SplitShare, f fault) {
	known := []string{"upstream", "weight"}
	for key := range e {
		if !slices.Contains(known, key) {
			f = faultf("unknown key %s", key)
			f.hint = didYouMean("%s", key, known)
			return share, f
		}
	}
	name, ok := e["upstream"].(string)
	weight, number := e["weight"].(int64)
	switch {
	case !ok || name == "":
		f = fault{message: `an element of a split needs upstream = "NAME"`}
	case !number:
		f = fault{message: "an element of a split needs weight, an integer"}
	default:
		share.Upstream = name
		share.Weight, f = parseWeight(weight)
	}
	return share, f
}

// parseSplitKey understands split_key.
func parseSplitKey(s string) (string, fault) {
	if _, f := parseHashKey(s); f.message != "" || s == "path" {
		return "", faultf(`%q is not one of "client_ip", "header:NAME", "cookie:NAME"`, s)
	}
	return s, fault{}
}

// readMirror returns the mirror of a route, or nil.
func readMirror(route *table) *Mirror {
	t := route.sub("mirror")
	if t.values == nil {
		return nil
	}
	defer t.done()
	m := &Mirror{Upstream: t.str("upstream", ""), Share: scalar(t, "share", 1, parseRatio)}
	if m.Upstream == "" && (!t.has("upstream") || t.values["upstream"] == "") {
		t.problem("upstream", fault{"a mirror needs an upstream", `write mirror = { upstream = "api-next", share = "1%" }`})
	}
	if name, _ := route.values["upstream"].(string); name != "" && name == m.Upstream {
		t.problem("upstream", faultf("%q already receives every request of this route, at %s", name, t.r.at(route.key("upstream"), -1)))
	}
	return m
}

// newUpgrades returns what understands the elements of upgrades, one after the other: each a protocol as an Upgrade
// field names it. See RFC 9110, section 7.8.
//
// Some protocols would undo what the gateway is for: HTTP in a tunnel brings requests that it does not see.
func newUpgrades() func(string) (string, fault) {
	seen := map[string]bool{}
	return func(s string) (string, fault) {
		name, version, versioned := strings.Cut(strings.ToLower(s), "/")
		switch {
		case name == "*":
			return "", fault{"upgrades must be listed one by one: the gateway does not inspect tunnels", `write them such as "tcp"`}
		case !isToken(name) || versioned && !isToken(version):
			return "", faultf(`%q is not a protocol such as "tcp" or "SPDY/3.1"`, s)
		case name == "websocket":
			return "", faultf("%q passes on every route, and its handshake is checked: remove it", s)
		case slices.Contains([]string{"http", "h2c", "h2", "h3", "tls"}, name):
			return "", faultf("%q would let requests bypass all routes, policies and limits: remove it", s)
		case seen[strings.ToLower(s)]:
			return "", faultf("%q is listed twice", s)
		}
		seen[strings.ToLower(s)] = true
		return s, fault{}
	}
}

// filled reports whether a value is not empty: strings, arrays and tables.
func filled(v any) bool {
	switch v := v.(type) {
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return false
}
