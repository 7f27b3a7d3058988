package convert

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// This file reads Traefik's headers middleware: of the file provider in YAML or TOML, of
// Kubernetes (kind: Middleware), and of labels ("traefik.http.middlewares.NAME.headers.…=…").
// Keys are in any case. The facts are those of its documentation and source
// (pkg/middlewares/headers/header.go):
//
//   - accessControlAllowOriginListRegex matches a part of the Origin, unless it is anchored;
//   - "*" with accessControlAllowCredentials echoes any origin;
//   - Vary: Origin is only sent with addVaryHeader;
//   - customResponseHeaders may contain the fields themselves, which are then sent to all clients.

func readTraefik(text string) (*document, error) {
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
	f := &traefikFile{byName: map[string]*policy{}, strips: map[string][]string{}, chains: map[string][]string{}, guards: map[string]*guard{}, services: map[string]*upstream{}}
	for _, d := range documents {
		walk(d, nil, nil, func(m map[string]any, path []string, around []map[string]any) {
			f.add(middleware(m, path, around))
			f.routers(m, path)
			if tree := labelTree(m); tree != nil {
				f.labels(tree)
			}
		})
	}
	for _, write := range f.unwritten {
		write()
	}
	return &f.document, nil
}

// add adds a policy, which may be nil.
func (f *traefikFile) add(p *policy) {
	if p != nil {
		f.policies = append(f.policies, p)
		f.byName[strings.ToLower(p.name)] = p
	}
}

// labels adds what the labels of a container say, as a tree.
func (f *traefikFile) labels(tree map[string]any) {
	http, _ := tree["http"].(map[string]any)
	middlewares, _ := http["middlewares"].(map[string]any)
	for _, name := range sortedKeys(middlewares) {
		m, _ := middlewares[name].(map[string]any)
		options, _ := m["headers"].(map[string]any)
		if custom, ok := options["customresponseheaders"].(map[string]any); ok {
			options = maps.Clone(options)
			maps.Copy(options, custom)
		}
		if options = folded(options); hasCORS(options) {
			f.add(fromTraefik(name, "labels of middleware "+name, options))
		}
	}
	f.routers(http, []string{"labels"})
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

// middleware returns the policy of a map of headers, or nil if it contains nothing about CORS.
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
	p.literalStars()
	p.strangeOptions(f)
	if s := text(f["accesscontrolmaxage"]); s != "" {
		p.age(s)
	}
	dynamic := len(expressions) > 0 || len(texts(f["accesscontrolalloworiginlist"])) > 0 && !p.any
	if dynamic && text(f["addvaryheader"]) != "true" {
		p.hole("without addVaryHeader, caches serve one origin the answer for another (no Vary: Origin)")
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
