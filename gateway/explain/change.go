package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/policy"
	"github.com/corsgate/corsgate/gateway/route"
	"github.com/corsgate/corsgate/gateway/snapshot"
)

// This file looks for the fewest edits that would allow a request. The rules are:
//
//   - the edits are made to a copy of the configuration, reduced to the route and the policy at hand, which is then
//     compiled and asked again: edits that do not help, or that the linter refuses, are not offered;
//   - nothing dangerous is offered without its warning.

// A editSearch is a search for edits.
type editSearch struct {
	s       *snapshot.Snapshot
	a       *inquiry
	miss    route.Miss
	cfg     config.Config // the copy; what it shares with the original is replaced, never written to
	changes []Change
	notes   []string
	found   *Explanation // of the copy, as it was asked last
}

func newEditSearch(s *snapshot.Snapshot, a *inquiry, miss route.Miss) *editSearch {
	return &editSearch{s: s, a: a, miss: miss, cfg: *s.Config}
}

// change notes an edit of a key of the table.
func (t *editSearch) change(key, warning, format string, args ...any) {
	t.changes = append(t.changes, Change{Key: key, Place: place(t.s.Config, key), Edit: fmt.Sprintf(format, args...), Warning: warning})
}

// run finds the edits, and drops them if they do not help.
func (t *editSearch) run(e *Explanation) {
	if t.a.readyOf != "" || e.Actual.Status == 400 && !t.miss.Misread() && e.Route == nil || !t.route(e) || !t.policy() {
		return
	}
	p := &t.cfg.CORS[0]
	compiled := t.compiled(p)
	if compiled == nil {
		return
	}
	t.origin(p, compiled)
	t.method(p, compiled)
	t.headers(p, compiled)
	t.credentials(p)
	t.nullCredentials(p)
	outcome, problems := t.outcome()
	switch {
	case len(problems) > 0:
		for _, problem := range problems {
			t.notes = append(t.notes, "after this, check would still refuse the file: "+problem.Error())
		}
	case !outcome.Allowed() && outcome != fetch.Redirected:
		t.changes = nil
	case outcome == fetch.Redirected: // a path that ends in Origin: null is not advice unless it says so
		t.notes = append(t.notes, "after this, "+t.a.followed(t.found))
	}
}

// outcome compiles and asks the copy.
func (t *editSearch) outcome() (fetch.Outcome, config.Problems) {
	s, problems, _ := snapshot.Compile(&t.cfg, t.s, t.a.metrics)
	if len(problems) > 0 {
		return fetch.Denied, problems
	}
	t.found, _ = examine(s, t.a)
	return t.found.Outcome, nil
}

// compiled returns a policy as it is in force, or makes one that is new. It is nil if that will not do.
func (t *editSearch) compiled(p *config.CORS) *cors.Policy {
	if c := t.s.Policies[p.Name]; c != nil {
		return c.CORS
	}
	made, _ := cors.New(policy.Settings(p))
	return made
}

// route makes sure that one route takes the request, and reduces the copy to it.
func (t *editSearch) route(e *Explanation) bool {
	if e.Route != nil {
		i := slices.IndexFunc(t.cfg.Routes, func(r config.Route) bool { return r.Name == e.Route.Name })
		t.cfg.Routes = []config.Route{t.cfg.Routes[i]}
		return true
	}
	host, path := []byte(t.a.Host), []byte(t.a.Path)
	switch t.miss {
	case route.NoMethod:
		methods := t.s.Table.Methods(host, path, snapshot.StandardMethods)
		if len(methods) == 0 {
			return false
		}
		i, _ := t.s.Table.Find(host, path, []byte(methods[0]), true)
		r := t.s.Config.Routes[i]
		r.Methods = append(slices.Clone(r.Methods), t.a.Method)
		t.change("route."+r.Name+".methods", "", "add %q to methods in [route.%s]", t.a.Method, r.Name)
		t.cfg.Routes = []config.Route{r}
		return true
	case route.NoHost:
		for _, r := range t.s.Config.Routes {
			table, _ := route.New([]route.Rule{{Path: r.Path, Methods: r.Methods}})
			if i, _ := table.Find(nil, path, []byte(t.a.Method), false); i >= 0 {
				name := t.a.HostName()
				r.Hosts = append(slices.Clone(r.Hosts), name)
				t.change("route."+r.Name+".hosts", "", "add %q to hosts in [route.%s]", name, r.Name)
				t.cfg.Routes = []config.Route{r}
				return true
			}
		}
		t.newRoute(fmt.Sprintf("hosts = [%q], ", t.a.HostName()))
	case route.NoPath:
		t.newRoute("")
	}
	return false
}

// newRoute tells to write a route. What it is to do is for its author to say, so it is not tried.
func (t *editSearch) newRoute(hosts string) {
	first, _, _ := strings.Cut(strings.TrimPrefix(t.a.Path, "/"), "/")
	t.change("route", "", "add a table [route.NAME] with %spath = %q, a policy in cors, and an upstream", hosts, "/"+first)
}

// policy makes sure that a policy decides, and reduces the copy to it. It is the copy's first then.
func (t *editSearch) policy() bool {
	r := &t.cfg.Routes[0]
	if p := t.cfg.Policy(r.CORS); p != nil {
		c := *p
		t.cfg.CORS = []config.CORS{c}
		if c.UpstreamCORS == "passthrough" {
			t.cfg.CORS[0].UpstreamCORS = "override"
			t.change("cors."+c.Name+".upstream_cors", "the upstream's own CORS fields are then dropped, on every route with this policy",
				`write upstream_cors = "override" in [cors.%s], so that the gateway decides`, c.Name)
		}
		return true
	}
	const dropped = "the upstream's own CORS fields are then dropped"
	warning := ""
	if r.Upstream != "" || len(r.Split) > 0 {
		warning = dropped
	}
	all := t.cfg.CORS
	use := func(c config.CORS) {
		t.cfg.CORS = []config.CORS{c}
		t.cfg.Routes = []config.Route{*r}
		r = &t.cfg.Routes[0]
		r.CORS = c.Name
	}
	// One that names its origins is a smaller permission than one for any.
	candidates := slices.SortedStableFunc(slices.Values(all), func(x, y config.CORS) int {
		return btoi(slices.Contains(x.Origins, "*")) - btoi(slices.Contains(y.Origins, "*"))
	})
	for _, c := range candidates {
		if use(c); c.UpstreamCORS != "passthrough" {
			if outcome, _ := t.outcome(); outcome.Allowed() {
				t.change("route."+r.Name+".cors", warning, "write cors = %q in [route.%s]", c.Name, r.Name)
				return true
			}
		}
	}
	if len(all) == 1 && all[0].UpstreamCORS != "passthrough" {
		use(all[0])
		t.change("route."+r.Name+".cors", warning, "write cors = %q in [route.%s]", all[0].Name, r.Name)
		return true
	}
	name := "pages"
	for t.s.Config.Policy(name) != nil {
		name += "_too"
	}
	use(config.CORS{Name: name, Origins: []string{t.a.Origin}})
	t.change("route."+r.Name+".cors", warning, `write cors = %q in [route.%s], and add a table [cors.%s] with origins = [%q]`, name, r.Name, name, t.a.Origin)
	t.oddOrigin(&t.cfg.CORS[0])
	return true
}

func (t *editSearch) origin(p *config.CORS, compiled *cors.Policy) {
	if _, reason := compiled.AllowedOrigin([]byte(t.a.Origin)); reason == cors.Allowed {
		return
	}
	pattern, warning := installedOrigin(t.a.Origin)
	p.Origins = append(slices.Clone(p.Origins), pattern)
	switch {
	case t.a.Origin == "null":
		warning = nobody
	case t.a.Origin == "file://":
		warning = anyFile
	case strings.HasPrefix(t.a.Origin, "http://") && !t.a.PageOnLoopback():
		warning = overHTTP
	}
	t.change("cors."+p.Name+".origins", warning, "add %q to origins in [cors.%s]", pattern, p.Name)
	t.oddOrigin(p)
	t.nearOrigins(p.Name, compiled)
}

func (t *editSearch) method(p *config.CORS, compiled *cors.Policy) {
	if !t.a.NeedsPreflight() || compiled.AllowsMethod(t.a.Method) {
		return
	}
	p.Methods = append(slices.Clone(p.Methods), t.a.Method)
	t.change("cors."+p.Name+".methods", "", "add %q to methods in [cors.%s]", t.a.Method, p.Name)
	if upper := strings.ToUpper(t.a.Method); upper != t.a.Method && compiled.AllowsMethod(upper) {
		t.notes = append(t.notes, fmt.Sprintf("%s is allowed, but %s is a different method: browsers normalize the case of some methods, but not of this one; write %s in the page",
			upper, t.a.Method, upper))
	}
}

func (t *editSearch) headers(p *config.CORS, compiled *cors.Policy) {
	var missing []string
	for _, name := range t.a.Unsafe {
		if !compiled.AllowsHeader(name) {
			missing = append(missing, canonical(name))
		}
	}
	if len(missing) == 0 {
		return
	}
	p.RequestHeaders = append(slices.Clone(p.RequestHeaders), missing...)
	t.change("cors."+p.Name+".request_headers", "", "add %s to request_headers in [cors.%s]", quoted(missing), p.Name)
}

// credentials comes last: what it turns on makes other entries dangerous.
func (t *editSearch) credentials(p *config.CORS) {
	if !t.a.Credentials {
		return
	}
	table := "cors." + p.Name
	if !p.Credentials {
		p.Credentials = true
		t.change(table+".credentials", "pages of every origin that the policy allows can then read what a signed-in user may see",
			"write credentials = true in [cors.%s]", p.Name)
		if slices.Contains(p.Origins, "*") {
			p.Origins = []string{t.a.Origin}
			t.change(table+".origins", `"*" cannot be combined with credentials: all other origins that pages need must be listed too`,
				`write origins = [%q] in [cors.%s], instead of "*"`, t.a.Origin, p.Name)
			t.oddOrigin(p)
		}
		if slices.Contains(p.ExposeHeaders, "*") {
			p.ExposeHeaders = nil
			t.change(table+".expose_headers", "", `list the names in expose_headers in [cors.%s]: with credentials, "*" exposes nothing`, p.Name)
		}
	}
	if strings.HasPrefix(t.a.Origin, "http://") && !t.a.PageOnLoopback() && !p.DangerouslyAllowHTTPOrigins {
		p.DangerouslyAllowHTTPOrigins = true
		t.change(table+".dangerously_allow_http_origins", overHTTP, "write dangerously_allow_http_origins = true in [cors.%s]", p.Name)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// canonical returns a header name as people write it: "X-Request-Id".
func canonical(name string) string {
	parts := strings.Split(name, "-")
	for i, p := range parts {
		if p != "" {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "-")
}

func quoted(list []string) string {
	var b strings.Builder
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", s)
	}
	return b.String()
}
