// Package lint warns of configurations that are valid but likely mistakes. It reports only problems that it can prove: users
// ignore a linter with false alarms. Warnings about a single policy are in package cors. It is internal to corsgate.
package lint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/descriptors"
	"github.com/corsgate/corsgate/gateway/route"
	"github.com/corsgate/corsgate/matcher"
)

// A linter looks at a configuration that was compiled, perhaps with problems.
type linter struct {
	table   *route.Table
	cfg     *config.Config
	found   config.Findings
	names   map[string]bool     // methods and hosts of all routes; nil: not collected yet
	allowed map[string]*allowed // by policy
}

// Check returns the warnings of a configuration, whose routes are in t.
func Check(cfg *config.Config, t *route.Table) config.Problems {
	l := &linter{table: t, cfg: cfg}
	l.unused()
	for i := range l.cfg.Routes {
		r := &l.cfg.Routes[i]
		key := "route." + r.Name
		l.repeated(key+".hosts", r.Hosts)
		l.repeated(key+".methods", r.Methods)
		l.unreachable(r)
		l.tooLarge(key, r)
		l.lookalikes(r)
	}
	for i := range l.cfg.CORS {
		l.ownHost(&l.cfg.CORS[i])
		l.redirected(&l.cfg.CORS[i])
	}
	l.redirectedAll()
	l.passed()
	l.auth()
	l.connections()
	return l.found.All("warnings")
}

func (l *linter) warn(key string, index int, hint, format string, args ...any) {
	l.found.Add(func() config.Problem { return l.cfg.Problem(key, index, fmt.Sprintf(format, args...), hint) })
}

// at returns the place of a key.
func (l *linter) at(key string, index int) string { return l.cfg.Problem(key, index, "", "").Place() }

// unused finds policies, upstreams and rate limits that nothing refers to. That an unused policy names a shadow does not count.
func (l *linter) unused() {
	shadow := map[string]string{}
	for i := range l.cfg.CORS {
		shadow[l.cfg.CORS[i].Name] = l.cfg.CORS[i].Shadow
	}
	used := map[string]bool{"cors." + l.cfg.DefaultCORS: true}
	for i := range l.cfg.Routes {
		r := &l.cfg.Routes[i]
		used["upstream."+r.Upstream] = true
		for _, name := range r.Limits {
			used["limit."+name] = true
		}
		for _, name := range r.Auth {
			used["auth."+name] = true
			if a := l.cfg.Auth(name); a != nil {
				used["upstream."+a.Forward] = true
			}
		}
		for _, share := range r.Split {
			used["upstream."+share.Upstream] = true
		}
		if r.Mirror != nil {
			used["upstream."+r.Mirror.Upstream] = true
		}
		used["cors."+r.CORS] = true
		used["cors."+shadow[r.CORS]] = true // its own shadow is not tried
	}
	for i := range l.cfg.CORS {
		if name := l.cfg.CORS[i].Name; !used["cors."+name] {
			l.warn("cors."+name, -1, fmt.Sprintf("remove it, or write cors = %q in a route", name), "no route uses this policy")
		}
	}
	for i := range l.cfg.Upstreams {
		if name := l.cfg.Upstreams[i].Name; !used["upstream."+name] {
			l.warn("upstream."+name, -1, fmt.Sprintf("remove it, or write upstream = %q in a route", name), "no route uses this upstream")
		}
	}
	for i := range l.cfg.Auths {
		if name := l.cfg.Auths[i].Name; !used["auth."+name] {
			l.warn("auth."+name, -1, fmt.Sprintf("remove it, or write auth = [%q] in a route", name), "no route asks this auth")
		}
	}
	inRedis := func(r config.RateLimit) bool { return r.Store == "redis" }
	half := l.cfg.Fleet != nil && l.cfg.Revision == "" // limits are the fleet's
	if l.cfg.Redis != nil && !half && !slices.ContainsFunc(l.cfg.RateLimits, inRedis) {
		l.warn("redis", -1, `remove it, or write store = "redis" in a limit`, "no limit is counted in Redis")
	}
	for i := range l.cfg.RateLimits {
		if name := l.cfg.RateLimits[i].Name; !used["limit."+name] {
			l.warn("limit."+name, -1, fmt.Sprintf("remove it, or write limit = %q in a route", name), "no route uses this limit")
		}
	}
}

// repeated finds elements that are in a list twice.
func (l *linter) repeated(key string, list []string) {
	firsts := make(map[string]int, len(list))
	for i, e := range list {
		first, ok := firsts[e]
		if !ok {
			firsts[e] = i
			continue
		}
		l.warn(key, i, "remove it", "%q is already listed, at %s", e, l.at(key, first))
	}
}

// unserved reports whether requests with method never reach a route: see wire.FaultMethod.
func unserved(method string) bool {
	return strings.EqualFold(method, "CONNECT") || strings.EqualFold(method, "TRACE") || strings.EqualFold(method, "TRACK")
}

// unreachable finds a route that takes no request. The most specific route wins, so another route can only ever take
// some of the requests; what remains are paths that are refused in every spelling, and methods.
func (l *linter) unreachable(r *config.Route) {
	methods := slices.DeleteFunc(slices.Clone(r.Methods), unserved)
	switch {
	case len(r.Methods) == 0:
		methods = []string{l.unnamed("METHOD", "")}
	case len(methods) == 0:
		l.warn("route."+r.Name+".methods", -1, "", "no request can reach this route: the gateway refuses %s", strings.Join(r.Methods, " and "))
		return
	}
	hosts := r.Hosts
	if len(hosts) == 0 {
		hosts = []string{"*"}
	}
	// "/a//b" is the rule of "/a/b".
	path := r.Path
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	for _, host := range hosts {
		if parent, wildcard := strings.CutPrefix(host, "*"); wildcard {
			host = l.unnamed("host", parent)
		}
		for _, method := range methods {
			if j, _ := l.table.Find([]byte(host), []byte(path), []byte(method), false); j >= 0 {
				return // if it is not i, there is a conflict, and that is an error
			}
		}
	}
	l.warn("route."+r.Name+".path", -1, "write it without dot segments, ';' and escaped slashes",
		"no request can reach this route: %q has several readings, so it is refused", r.Path)
}

// unnamed returns a name that no route has for a method or a host: prefix, a number, and suffix.
func (l *linter) unnamed(prefix, suffix string) string {
	if l.names == nil {
		l.names = map[string]bool{}
		for i := range l.cfg.Routes {
			for _, name := range slices.Concat(l.cfg.Routes[i].Methods, l.cfg.Routes[i].Hosts) {
				l.names[name] = true
			}
		}
	}
	for n := 0; ; n++ {
		if name := fmt.Sprint(prefix, n, suffix); !l.names[name] {
			return name
		}
	}
}

// fastest is what one client sends in a second at most, in bytes, unless it is in the same room.
const fastest = 125_000_000

// tooLarge finds a bound on content that no client can reach in the time allowed for it.
func (l *linter) tooLarge(key string, r *config.Route) {
	if r.BodyBytes == nil || r.Timeout <= 0 || float64(*r.BodyBytes) <= fastest*r.Timeout.Seconds() {
		return
	}
	needs := time.Duration(float64(*r.BodyBytes) / fastest * float64(time.Second)).Round(time.Second)
	l.warn(key+".body_bytes", -1, "give the route a longer timeout, or \"0s\"",
		"%v takes %v even at 1 Gbit/s, and timeout is %v, at %s", *r.BodyBytes, needs, r.Timeout, l.at(key+".timeout", -1))
}

// ownHost finds origins that are the only host of all routes with the policy: to pages there the API is same-origin.
func (l *linter) ownHost(c *config.CORS) {
	own, name := "", ""
	for i := range l.cfg.Routes {
		r := &l.cfg.Routes[i]
		if r.CORS != c.Name {
			continue
		}
		if len(r.Hosts) == 0 {
			return
		}
		for _, host := range r.Hosts {
			if own != "" && host != own {
				return
			}
			own, name = host, r.Name
		}
	}
	for i, text := range c.Origins {
		if p, err := matcher.ParsePattern(text); err == nil && own != "" && p.Host() == own && p.Port() == 0 && !p.AnyPort() && !p.Wildcard() {
			l.warn("cors."+c.Name+".origins", i, "remove it, unless such pages use another scheme or port for the API",
				"%q is the gateway's own host, at %s: pages there need no CORS", text, l.at("route."+name+".hosts", 0))
		}
	}
}

// redirected finds policies of http origins only, whose pages a redirect to https would strand: where a request is
// redirected from one foreign origin to another, a browser continues with Origin: null. See Fetch, "serializing a request
// origin", and "redirect-taint".
func (l *linter) redirected(c *config.CORS) {
	if c.OriginsFile != "" || len(c.Origins) == 0 || c.DangerouslyAllowNullOrigin ||
		slices.ContainsFunc(c.Origins, func(o string) bool { return !strings.HasPrefix(o, "http://") }) {
		return
	}
	for i := range l.cfg.Listeners {
		if n := &l.cfg.Listeners[i]; n.RedirectHTTPS {
			l.warn("cors."+c.Name+".origins", -1, "let the pages use the https URL directly",
				"only http:// origins, and listener.%s redirects to https, at %s: browsers follow with Origin: null, which is denied",
				n.Name, l.at("listener."+n.Name+".redirect_https", -1))
			return
		}
	}
}

// redirectedAll finds listeners that redirect to nowhere: no request is known to have used https.
func (l *linter) redirectedAll() {
	open := func(n config.Listener) bool { return n.TLS || !n.RedirectHTTPS }
	if len(l.cfg.Trust.Proxies) > 0 || len(l.cfg.Listeners) == 0 || slices.ContainsFunc(l.cfg.Listeners, open) {
		return
	}
	l.warn("listener."+l.cfg.Listeners[0].Name+".redirect_https", -1,
		"name the proxy that ends TLS in trust.proxies, or remove the key from one listener",
		"only preflights can reach a route: all other requests are redirected, because no proxy is trusted to say that a client used https")
}

// connections finds bounds on connections that cannot be reached.
func (l *linter) connections() {
	n, each := l.cfg.Limits.Connections, l.cfg.Limits.ConnectionsPerIP
	if n > 0 && each > n {
		l.warn("limits.connections_per_ip", -1, "", "%d can never be reached: limits.connections is %d, at %s", each, n, l.at("limits.connections", -1))
	}
	if files := descriptors.For(l.cfg); n > files.Most() {
		l.warn("limits.connections", -1, "raise the limit: LimitNOFILE in systemd, or ulimit -n",
			"%d cannot be reached: this process may open %d files, and needs %d of them for other purposes; %d are in force", n, files.Limit, files.Limit-files.Most(), files.Most())
	}
}
