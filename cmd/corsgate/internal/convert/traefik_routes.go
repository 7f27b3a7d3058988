package convert

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// This file carries over Traefik's routers and services: http.routers and http.services of the
// file provider or of labels, and Kubernetes' IngressRoute.

// A traefikFile is what the routers of all documents refer to.
type traefikFile struct {
	document
	byName    map[string]*policy // by the names of middlewares
	strips    map[string][]string
	chains    map[string][]string
	guards    map[string]*guard
	services  map[string]*upstream
	unwritten []func() // routers: what they refer to may stand behind them
}

// routers collects the services of a tree, and its routers.
func (f *traefikFile) routers(m map[string]any, path []string) {
	http := folded(m)
	services, _ := http["services"].(map[string]any)
	for _, name := range sortedKeys(services) {
		if u := service(name, services[name]); u != nil {
			f.services[strings.ToLower(name)] = u
		}
		m, _ := services[name].(map[string]any)
		balancer, _ := folded(m)["loadbalancer"].(map[string]any)
		for _, key := range sortedKeys(balancer) {
			if k := strings.ToLower(key); k != "servers" && k != "server" {
				f.leave("service %s: %s: %s", name, key, shown(balancer[key]))
			}
		}
	}
	middlewares, _ := http["middlewares"].(map[string]any)
	for _, name := range sortedKeys(middlewares) {
		f.strip(name, middlewares[name])
		f.leaveMiddleware(name, middlewares[name])
	}
	routers, _ := http["routers"].(map[string]any)
	for _, name := range sortedKeys(routers) {
		r, ok := routers[name].(map[string]any)
		if !ok || text(folded(r)["rule"]) == "" {
			continue
		}
		fields := folded(r)
		f.router(name, strings.Join(append(slices.Clone(path), "routers", name), "."), text(fields["rule"]), texts(fields["middlewares"]), text(fields["service"]))
		for _, key := range sortedKeys(fields) {
			if !slices.Contains([]string{"rule", "middlewares", "service"}, key) {
				f.leave("router %s: %s: %s", name, key, shown(fields[key]))
			}
		}
	}
	if spec, ok := m["spec"].(map[string]any); ok {
		meta, _ := m["metadata"].(map[string]any)
		switch name := text(meta["name"]); {
		case strings.EqualFold(text(m["kind"]), "IngressRoute"):
			f.ingressRoute(name, spec)
		case strings.EqualFold(text(m["kind"]), "Middleware"):
			f.strip(name, spec)
			f.leaveMiddleware(name, spec)
		}
	}
}

// strip notes the prefixes that a middleware takes off.
func (f *traefikFile) strip(name string, v any) {
	m, _ := v.(map[string]any)
	if s, ok := folded(m)["stripprefix"].(map[string]any); ok {
		f.strips[strings.ToLower(name)] = texts(folded(s)["prefixes"])
	}
}

// leaveMiddleware lists the contents of a middleware other than CORS and prefixes to strip.
func (f *traefikFile) leaveMiddleware(name string, v any) {
	m, _ := v.(map[string]any)
	for _, kind := range sortedKeys(m) {
		options, _ := m[kind].(map[string]any)
		switch strings.ToLower(kind) {
		case "stripprefix":
		case "headers":
			for _, key := range sortedKeys(options) {
				custom, isCustom := options[key].(map[string]any)
				for _, field := range sortedKeys(custom) {
					if !aboutCORS(field) {
						f.leave("middleware %s: %s: %s", name, key, field)
					}
				}
				if !isCustom && !aboutCORS(key) {
					f.leave("middleware %s: %s: %s", name, key, shown(options[key]))
				}
			}
		case "chain":
			f.chains[strings.ToLower(name)] = names(folded(options)["middlewares"])
		default:
			if f.guard(name, kind, options); f.guards[strings.ToLower(name)] == nil {
				f.leave("middleware %s: %s: %s", name, kind, shown(m[kind]))
			}
		}
	}
}

// aboutCORS reports whether a key of a headers middleware was read with its policy.
func aboutCORS(key string) bool {
	key = strings.ToLower(strings.ReplaceAll(key, "-", ""))
	return strings.HasPrefix(key, "accesscontrol") || key == "addvaryheader"
}

// service returns the upstream of a service with servers, or nil.
func service(name string, v any) *upstream {
	m, _ := v.(map[string]any)
	balancer, _ := folded(m)["loadbalancer"].(map[string]any)
	servers, _ := folded(balancer)["servers"].([]any)
	u := &upstream{name: name}
	for _, s := range servers {
		fields, _ := s.(map[string]any)
		if address, ok := server(text(folded(fields)["url"])); ok && !slices.Contains(u.endpoints, address) {
			u.endpoints = append(u.endpoints, address)
		}
	}
	if one, ok := folded(balancer)["server"].(map[string]any); ok && len(u.endpoints) == 0 { // of a label: the port of the container
		if address, ok := server("http://" + name + ":" + text(folded(one)["port"])); ok {
			u.endpoints = []string{address}
			u.notes = []string{"the label says only the port: see that the container's name is right"}
		}
	}
	if len(u.endpoints) == 0 {
		return nil
	}
	return u
}

// server returns the URL of a server as an endpoint.
func server(s string) (endpoint string, ok bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !serverAddress.MatchString(u.Host) || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return "", false
	}
	return u.Scheme + "://" + u.Host, true
}

func (f *traefikFile) ingressRoute(name string, spec map[string]any) {
	routes, _ := spec["routes"].([]any)
	for _, v := range routes {
		r, _ := v.(map[string]any)
		var middlewares []string
		list, _ := r["middlewares"].([]any)
		for _, m := range list {
			ref, _ := m.(map[string]any)
			middlewares = append(middlewares, text(ref["name"]))
		}
		target := ""
		services, _ := r["services"].([]any)
		for _, s := range services {
			fields, _ := s.(map[string]any)
			if address, ok := server("http://" + text(fields["name"]) + ":" + text(fields["port"])); ok {
				target = text(fields["name"])
				f.services[strings.ToLower(target)] = &upstream{name: target, endpoints: []string{address}}
			}
		}
		f.router(name, "IngressRoute "+name, text(r["match"]), middlewares, target)
	}
}

// names returns the names of middlewares, which Kubernetes has in objects.
func names(v any) (all []string) {
	objects, _ := v.([]any)
	for _, o := range objects {
		if m, ok := o.(map[string]any); ok {
			all = append(all, text(m["name"]))
		}
	}
	return append(all, texts(v)...)
}

// router makes a route, when all documents were read.
func (f *traefikFile) router(name, where, rule string, middlewares []string, target string) {
	f.unwritten = append(f.unwritten, func() {
		r := &route{name: name, where: where}
		if !r.rule(rule) {
			r.notes = append(r.notes, "the rule "+rule+" was not carried over as a whole: write hosts and path")
		}
		for _, m := range f.expand(middlewares, 0) {
			strips := f.strips[m]
			switch {
			case f.byName[m] != nil:
				r.policy = f.byName[m]
			case len(strips) == 1 && plainPrefix(strips[0]) != "" && (r.path == plainPrefix(strips[0]) || strings.HasPrefix(r.path, plainPrefix(strips[0])+"/")):
				set(&r.settings, "strip_prefix", strconv.Quote(plainPrefix(strips[0])))
			case f.guards[m] != nil:
				r.protect(f.guards[m])
			default:
				if f.leave("router %s: middleware %s", name, m); protecting.MatchString(m) {
					r.close("middleware " + m)
				}
			}
		}
		target, _, _ := strings.Cut(strings.ToLower(target), "@")
		if target == "" && len(f.services) == 1 {
			for only := range f.services {
				target = only
			}
		}
		if r.upstream = f.services[target]; r.upstream == nil {
			f.leave("router %s: service %q", name, target)
		} else if !slices.Contains(f.upstreams, r.upstream) {
			f.upstreams = append(f.upstreams, r.upstream)
		}
		f.routes = append(f.routes, r)
	})
}

var (
	ruleCall = regexp.MustCompile("(Host|PathPrefix|Path)\\(((?:\\s*[`\"][^`\"]*[`\"]\\s*,?)+)\\)")
	ruleText = regexp.MustCompile("[`\"]([^`\"]*)[`\"]")
	ruleRest = regexp.MustCompile(`^[\s&|()]*$`)
)

// rule takes hosts and path of a rule. It reports whether that is all that the rule says.
func (r *route) rule(rule string) bool {
	whole := ruleRest.MatchString(ruleCall.ReplaceAllString(rule, ""))
	var p policy
	for _, call := range ruleCall.FindAllStringSubmatch(rule, -1) {
		for _, arg := range ruleText.FindAllStringSubmatch(call[2], -1) {
			if call[1] == "Host" {
				if p.hosts = p.addHost(strings.ToLower(arg[1])); !slices.Contains(p.hosts, strings.ToLower(arg[1])) {
					whole = false
				}
				continue
			}
			path := plainPrefix(arg[1])
			whole = whole && call[1] == "PathPrefix" && r.path == "" && (path != "" || arg[1] == "/")
			if r.path == "" {
				r.path = path
			}
		}
	}
	r.hosts = p.hosts
	return whole && (len(r.hosts) > 0 || r.path != "" || strings.Contains(rule, "PathPrefix"))
}

// labelTree returns the options that the labels of a container stand for as a tree, or nil.
func labelTree(m map[string]any) map[string]any {
	tree := map[string]any{}
	add := func(key, value string) {
		rest, ok := strings.CutPrefix(strings.ToLower(key), "traefik.")
		if !ok {
			return
		}
		at := tree
		parts := strings.Split(rest, ".")
		for _, part := range parts[:len(parts)-1] {
			inner, ok := at[part].(map[string]any)
			if !ok {
				inner = map[string]any{}
				at[part] = inner
			}
			at = inner
		}
		if last := parts[len(parts)-1]; at[last] == nil {
			at[last] = value
		}
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
	if len(tree) == 0 {
		return nil
	}
	return tree
}

// known are the options of a headers middleware that say something of CORS.
var known = []string{"accesscontrolallowcredentials", "accesscontrolallowheaders", "accesscontrolallowmethods", "accesscontrolalloworigin", "accesscontrolalloworiginlist",
	"accesscontrolalloworiginlistregex", "accesscontrolexposeheaders", "accesscontrolmaxage"}

// strangeOptions notes options that Traefik does not have, which it ignores or refuses.
func (p *policy) strangeOptions(f map[string]any) {
	for _, key := range sortedKeys(f) {
		if strings.HasPrefix(key, "accesscontrol") && !slices.Contains(known, key) {
			p.note("%s is no option of Traefik's: it allowed nothing (%s)", key, shown(f[key]))
			p.doubt("the option %s, which Traefik does not have", key)
		}
	}
}
