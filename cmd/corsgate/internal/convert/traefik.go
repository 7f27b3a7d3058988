package convert

import (
	"slices"
	"strconv"
	"strings"
)

// This file reads Traefik's headers middleware: of the file provider in YAML or TOML, of Kubernetes (kind: Middleware), and
// of labels ("traefik.http.middlewares.NAME.headers.…=…"). Keys are in any case. The facts are those of its documentation
// and source (pkg/middlewares/headers/header.go):
//
//   - accessControlAllowOriginListRegex matches a part of the Origin, unless it is anchored;
//   - "*" with accessControlAllowCredentials echoes any origin;
//   - Vary: Origin is only sent with addVaryHeader;
//   - customResponseHeaders may hold the fields themselves, which are then sent to whoever asks.

func readTraefik(text string) ([]*policy, error) {
	documents, err := readYAML(text)
	if err != nil || len(documents) == 1 && !isTree(documents[0]) {
		tree, tomlErr := readTOML(text)
		switch {
		case tomlErr == nil:
			documents = []any{tree}
		case looksLikeTOML(text):
			return nil, tomlErr
		case err != nil:
			return nil, err
		}
	}
	var policies []*policy
	for _, d := range documents {
		walk(d, nil, nil, func(m map[string]any, path []string, around []map[string]any) {
			if p := middleware(m, path, around); p != nil {
				policies = append(policies, p)
			}
			policies = append(policies, labels(m, path)...)
		})
	}
	return policies, nil
}

func isTree(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

// looksLikeTOML reports whether the first line that says something is a table or an assignment.
func looksLikeTOML(text string) bool {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return line[0] == '[' || strings.Contains(line, " = ")
		}
	}
	return false
}

// middleware returns the policy of a map of headers, or nil if it says nothing of CORS.
func middleware(m map[string]any, path []string, around []map[string]any) *policy {
	f := folded(m)
	if !hasCORS(f) {
		return nil
	}
	name := "app"
	for i := len(path) - 1; i >= 0; i-- {
		if !slices.Contains([]string{"headers", "customresponseheaders", "spec"}, strings.ToLower(path[i])) {
			name = path[i]
			break
		}
	}
	for _, outer := range around {
		if meta, ok := outer["metadata"].(map[string]any); ok && strings.EqualFold(text(outer["kind"]), "Middleware") {
			name = text(meta["name"])
		}
	}
	return fromTraefik(name, strings.Join(path, "."), f)
}

func hasCORS(f map[string]any) bool {
	for key := range f {
		if strings.HasPrefix(key, "accesscontrol") {
			return true
		}
	}
	return false
}

// labels returns the policies of the labels of a container, by middleware.
func labels(m map[string]any, path []string) (policies []*policy) {
	byName := map[string]any{}
	add := func(key, value string) {
		rest, ok := strings.CutPrefix(strings.ToLower(key), "traefik.http.middlewares.")
		name, option, found := strings.Cut(rest, ".headers.")
		if !ok || !found {
			return
		}
		if byName[name] == nil {
			byName[name] = map[string]any{}
		}
		byName[name].(map[string]any)[strings.TrimPrefix(option, "customresponseheaders.")] = value
	}
	for key, v := range m {
		add(key, text(v))
		list, _ := v.([]any)
		for _, e := range list {
			if key, value, ok := strings.Cut(text(e), "="); ok {
				add(strings.TrimSpace(key), strings.ReplaceAll(strings.TrimSpace(value), "$$", "$"))
			}
		}
	}
	for _, name := range sortedKeys(byName) {
		if options := folded(byName[name].(map[string]any)); hasCORS(options) {
			policies = append(policies, fromTraefik(name, "labels of middleware "+name, options))
		}
	}
	return policies
}

func fromTraefik(name, where string, f map[string]any) *policy {
	p := newPolicy(name, where)
	p.credentials = text(f["accesscontrolallowcredentials"]) == "true"
	for _, o := range texts(f["accesscontrolalloworiginlist"]) {
		if o == "*" {
			p.reflectIfCredentials()
		}
		p.origin(o)
	}
	p.origin(text(f["accesscontrolalloworigin"])) // of customResponseHeaders
	expressions := texts(f["accesscontrolalloworiginlistregex"])
	if s := text(f["accesscontrolalloworiginlistregex"]); strings.ContainsAny(s, "{(") {
		expressions = []string{s} // a comma in it may be its own
	}
	for _, e := range expressions {
		p.expression(expression{text: e, search: true}, "the expression "+strconv.Quote(e))
	}
	p.methods = texts(f["accesscontrolallowmethods"])
	p.requestHeaders = texts(f["accesscontrolallowheaders"])
	p.exposeHeaders = texts(f["accesscontrolexposeheaders"])
	if s := text(f["accesscontrolmaxage"]); s != "" {
		p.age(s)
	}
	dynamic := len(expressions) > 0 || len(texts(f["accesscontrolalloworiginlist"])) > 0 && !p.any
	if dynamic && text(f["addvaryheader"]) != "true" {
		p.hole("without addVaryHeader, caches hand the answer for one origin to another (no Vary: Origin)")
	}
	return p
}

// age reads a max age in seconds.
func (p *policy) age(s string) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < -1<<31 || n > 1<<40 {
		p.note("the max age %q is no number of seconds and was left out", s)
		return
	}
	p.maxAge = n
}

// reflectIfCredentials notes that "*" is echoed where there are credentials.
func (p *policy) reflectIfCredentials() {
	if p.credentials {
		p.reflect(`"*" means to echo any origin`)
	}
}
