// Package route chooses the route of a request by host, path and method.
//
// The most specific rule that matches wins: an exact host before "*.host" (the longer before the
// shorter) before any host; then the longest path prefix; then a rule that names methods before
// one that takes all. A prefix matches whole segments: "/api" is /api and /api/…, not /apis.
//
// The path that is routed is the path that is forwarded. If it has several interpretations (escapes,
// parameters, doubled slashes), all of them must lead to the same rule and none may contain a dot
// segment; otherwise it is misread. So an upstream's interpretation can neither bypass a rule nor
// leave a prefix that the gateway adds. Nothing is rewritten.
package route

import (
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
