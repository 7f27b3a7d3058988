package convert

import (
	"fmt"
	"slices"
	"strings"
)

// A document is what a configuration says, as far as it was understood.
type document struct {
	policies  []*policy
	upstreams []*upstream
	limits    []*limit
	auths     []*auth
	routes    []*route
	closed    []string // what protects all routes, and was not carried over
	// everywhere is what protects all routes, and was carried over: one at most.
	everywhere []*auth
	left       []string // what was not carried over: "line 7: listen 443 ssl: …"
}

// An upstream is where requests are forwarded to.
type upstream struct {
	name      string // wanted; made unique and valid later
	endpoints []string
	weights   []int // nil: equal
	settings  []setting
	notes     []string
}

// A limit bounds how often requests come.
type limit struct {
	name, rate, key string
	burst           int
	notes           []string
}

// A setting is a key with its value as TOML has it.
type setting struct{ key, value string }

// A route says what becomes of requests.
type route struct {
	name, where string
	hosts       []string
	path        string // "" is "/"
	policy      *policy
	upstream    *upstream
	limit       *limit
	auths       []*auth  // one at most
	closed      []string // what protects it, and was not carried over
	settings    []setting
	notes       []string
}

// maxLeft bounds the list of entries that were not carried over.
const maxLeft = 500

func (d *document) leave(format string, args ...any) {
	switch s := fmt.Sprintf(format, args...); {
	case len(d.left) > maxLeft || slices.Contains(d.left, s):
	case len(d.left) == maxLeft:
		d.left = append(d.left, "and more")
	default:
		d.left = append(d.left, s)
	}
}

// set sets a key once; where it is set otherwise already it reports false.
func set(list *[]setting, key, value string) bool {
	for _, s := range *list {
		if s.key == key {
			return s.value == value
		}
	}
	*list = append(*list, setting{key, value})
	return true
}

// complete gives each policy a route, and each route an upstream.
func (d *document) complete() {
	for _, p := range d.policies {
		if !slices.ContainsFunc(d.routes, func(r *route) bool { return r.policy == p }) {
			d.routes = append(d.routes, &route{name: p.name, hosts: p.hosts, path: p.path, policy: p})
		}
	}
	var unknown *upstream
	for _, r := range d.routes {
		r.closed = append(slices.Clone(d.closed), r.closed...)
		if len(d.everywhere) > 0 {
			r.auths = d.everywhere
		}
		if len(r.auths) > 0 && !slices.Contains(d.auths, r.auths[0]) {
			d.auths = append(d.auths, r.auths[0])
			if u := r.auths[0].upstream; u != nil && !slices.Contains(d.upstreams, u) {
				d.upstreams = append(d.upstreams, u)
			}
		}
		if r.upstream != nil {
			continue
		}
		if unknown == nil {
			unknown = &upstream{name: "api", endpoints: []string{placeholderServer}}
			d.upstreams = append([]*upstream{unknown}, d.upstreams...)
		}
		r.upstream = unknown
	}
	for _, p := range d.policies {
		p.settle()
	}
}

// name makes the names of tables unique and valid.
func (d *document) name() {
	names := func() func(*string) {
		taken := map[string]bool{}
		return func(name *string) { *name = unique(*name, taken) }
	}
	upstreams, limits, auths, policies, routes := names(), names(), names(), names(), names()
	for _, u := range d.upstreams {
		upstreams(&u.name)
	}
	for _, l := range d.limits {
		limits(&l.name)
	}
	for _, a := range d.auths {
		auths(&a.name)
	}
	for _, p := range d.policies {
		policies(&p.name)
	}
	for _, r := range d.routes {
		routes(&r.name)
	}
}

// unique returns a name of a table like want.
func unique(want string, taken map[string]bool) string {
	var b strings.Builder
	for _, r := range strings.ToLower(want) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			b.WriteRune(r)
		} else if b.Len() > 0 && !strings.HasSuffix(b.String(), "-") {
			b.WriteByte('-')
		}
	}
	name := strings.Trim(b.String(), "-_")
	if name = name[:min(len(name), 40)]; name == "" {
		name = "app"
	}
	for base, n := name, 2; taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	taken[name] = true
	return name
}
