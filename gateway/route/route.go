// Package route chooses the route of a request by host, path and method.
//
// The most specific rule that matches wins: an exact host before "*.host" (the longer before the
// shorter) before any host; then the longest path prefix; then a rule that names methods before
// one that takes all. A prefix matches whole segments: "/api" is /api and /api/…, not /apis.
//
// A path is routed as it will be forwarded. Where parties could read it differently (escapes,
// parameters, doubled slashes) every reading must lead to the same rule and none may hold a dot
// segment, or the path is misread: nobody can be led around a rule, or out of a prefix that the
// gateway adds, by a reading that only the upstream has. Nothing is rewritten.
package route

import (
	"bytes"
	"fmt"
	"strings"
)

// A Rule says which requests a route takes. Hosts are lower case, "name" or "*.name"; none: any
// host. Path begins with '/' and has no '\', ';', empty or dot segment, nor an escape of those; of
// other escapes the spelling counts. Methods are case-sensitive; none: all. Group is positive, or
// None; see Nearest.
type Rule struct {
	Hosts   []string
	Path    string
	Methods []string
	Group   int
}

// A Conflict is a pair of rules, by index, that take the same requests.
type Conflict struct {
	First, Second int
	Reason        string
}

// A Table is an immutable set of rules, safe for concurrent use.
type Table struct {
	exact    map[string]*node // by host
	suffixes map[string]*node // by ".name", for "*.name"
	any      *node
}

// node is one path prefix, for one pattern of hosts.
type node struct {
	children map[string]*node // by segment, as spelt in a rule and decoded
	entries  []entry          // rules that name methods first; one at most names none
	taken    map[string]int   // by method, or "": the rule that takes it

	own, below int             // groups of entries, and of those and all below: one, None, or mixed
	folded     map[string]bool // segments below, in lower case
	settled    bool
}

// entry is a rule at its prefix.
type entry struct {
	rule    int
	methods []string // none: all
}

// New returns the table of the rules, and which of them say the same.
func New(rules []Rule) (*Table, []Conflict) {
	t := &Table{exact: map[string]*node{}, suffixes: map[string]*node{}}
	var conflicts []Conflict
	for i, rule := range rules {
		hosts := rule.Hosts
		if len(hosts) == 0 {
			hosts = []string{""}
		}
		for _, host := range hosts {
			n := t.root(host).descend(rule.Path)
			if c, ok := n.add(entry{i, rule.Methods}); !ok {
				where := "any host"
				if host != "" {
					where = "host " + host
				}
				c.Reason = fmt.Sprintf("%s, path %q%s", where, rule.Path, c.Reason)
				conflicts = append(conflicts, c)
			}
		}
	}
	for _, byName := range []map[string]*node{t.exact, t.suffixes, {"": t.any}} {
		for _, n := range byName {
			if n != nil {
				n.settle(rules)
			}
		}
	}
	return t, conflicts
}

// root returns the node of a pattern of hosts, "" being any.
func (t *Table) root(host string) *node {
	byName, name := t.exact, host
	switch {
	case host == "":
		if t.any == nil {
			t.any = &node{}
		}
		return t.any
	case strings.HasPrefix(host, "*"):
		byName, name = t.suffixes, host[1:]
	}
	n := byName[name]
	if n == nil {
		n = &node{}
		byName[name] = n
	}
	return n
}

// descend returns the node of a path below n, making what is missing.
func (n *node) descend(path string) *node {
	for segment := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if segment == "" {
			continue
		}
		n = n.child(segment)
	}
	return n
}

// child returns the node of a segment below n, making it if it is missing. It is the node of the
// decoded segment, too: all readings of "/caf%C3%A9" lead to the rule that is spelt so.
func (n *node) child(segment string) *node {
	if n.children == nil {
		n.children = map[string]*node{}
	}
	child := n.children[segment]
	if child == nil {
		if decoded := string(decode([]byte(segment))); decoded != segment {
			child = n.child(decoded)
		} else {
			child = &node{}
		}
		n.children[segment] = child
	}
	return child
}

// add adds e unless an entry takes the same requests.
func (n *node) add(e entry) (Conflict, bool) {
	methods := e.methods
	if len(methods) == 0 {
		methods = []string{""}
	}
	for _, m := range methods {
		if other, taken := n.taken[m]; taken {
			c := Conflict{First: other, Second: e.rule}
			if m != "" {
				c.Reason = ", method " + m
			}
			return c, other == e.rule
		}
	}
	if n.taken == nil {
		n.taken = map[string]int{}
	}
	for _, m := range methods {
		n.taken[m] = e.rule
	}
	n.entries = append(n.entries, e)
	if last := len(n.entries) - 1; last > 0 && len(n.entries[last-1].methods) == 0 {
		n.entries[last-1], n.entries[last] = n.entries[last], n.entries[last-1]
	}
	return Conflict{}, true
}

// A Miss says why no rule takes a request.
type Miss uint8

// The misses, from the farthest to the nearest.
const (
	Found     Miss = iota
	NoHost         // no rule is for the host
	NoPath         // the host's rules are for other paths
	NoMethod       // the path's rules are for other methods
	Ambiguous      // different readings of the path lead to different rules
	Dotted         // some reading of the path has a dot segment
	Nested         // the path has escapes of escapes of escapes
)

// Misread reports whether there is no rule because of how the path could be read.
func (m Miss) Misread() bool { return m >= Ambiguous }

// Find returns the rule for a request, by index, or -1 and why there is none. host may have a
// port and a trailing dot; plain says that the path reads the same to everybody, see
// wire.Request.PlainPath. Nothing is kept; nothing is allocated for a plain path.
func (t *Table) Find(host, path, method []byte, plain bool) (int, Miss) {
	rule, miss := t.find(host, path, method)
	if plain {
		return rule, miss
	}
	same := func(reading []byte) bool {
		r, _ := t.find(host, reading, method)
		return r == rule
	}
	if misread := judge(path, maxDepth, same); misread != Found {
		return -1, misread
	}
	if rest, ok := afterAuthority(path); ok {
		if misread := judge(rest, maxDepth, same); misread != Found {
			return -1, misread
		}
	}
	return rule, miss
}

// find is Find for one reading of the path.
func (t *Table) find(host, path, method []byte) (int, Miss) {
	var buf [256]byte
	name := canonicalHost(buf[:0], host)
	miss := NoHost
	try := func(n *node) int {
		if n == nil {
			return -1
		}
		rule, m := n.find(path, method)
		miss = max(miss, m)
		return rule
	}
	if rule := try(t.exact[string(name)]); rule >= 0 {
		return rule, Found
	}
	if len(t.suffixes) > 0 {
		for i, b := range name {
			if b == '.' && i > 0 {
				if rule := try(t.suffixes[string(name[i:])]); rule >= 0 {
					return rule, Found
				}
			}
		}
	}
	if rule := try(t.any); rule >= 0 {
		return rule, Found
	}
	return -1, miss
}

// find walks down the segments of path and returns the deepest entry that takes method.
func (n *node) find(path, method []byte) (int, Miss) {
	rule, miss := n.entry(method)
	for len(n.children) > 0 && len(path) > 0 && path[0] == '/' { // "*" is below no prefix
		path = path[1:]
		end := bytes.IndexByte(path, '/')
		if end < 0 {
			end = len(path)
		}
		child := n.children[string(path[:end])]
		if child == nil {
			break
		}
		n, path = child, path[end:]
		if r, m := n.entry(method); r >= 0 {
			rule, miss = r, m
		} else if rule < 0 {
			miss = max(miss, m)
		}
	}
	return rule, miss
}

// entry returns the entry at n that takes method.
func (n *node) entry(method []byte) (int, Miss) {
	for i := range n.entries {
		e := &n.entries[i]
		if len(e.methods) == 0 {
			return e.rule, Found
		}
		for _, m := range e.methods {
			if m == string(method) {
				return e.rule, Found
			}
		}
	}
	if len(n.entries) > 0 {
		return -1, NoMethod
	}
	return -1, NoPath
}

// canonicalHost appends host in lower case, without its port and trailing dot. A host that does
// not fit the capacity of dst cannot be one of a rule: it is nobody's, "".
func canonicalHost(dst, host []byte) []byte {
	for _, b := range host {
		if b == ':' && host[0] != '[' {
			break
		}
		if len(dst) == cap(dst) {
			return nil
		}
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		if dst = append(dst, b); b == ']' {
			break
		}
	}
	if n := len(dst); n > 1 && dst[n-1] == '.' {
		dst = dst[:n-1]
	}
	return dst
}

// Methods returns the methods that rules of the host and the path take, for Allow. It is not for
// the hot path.
func (t *Table) Methods(host, path []byte, candidates []string) []string {
	var allowed []string
	for _, m := range candidates {
		if rule, _ := t.find(host, path, []byte(m)); rule >= 0 {
			allowed = append(allowed, m)
		}
	}
	return allowed
}
