package matcher

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"
)

// NewSet returns the set of patterns. It keeps no memory of theirs. Duplicates do no harm, and
// zero Patterns match nothing. Precondition: the hosts take less than 4 GiB.
func NewSet(patterns ...Pattern) *Set {
	s := &Set{size: len(patterns), seed: maphash.MakeSeed()}
	b := builder{
		nodes: make([]buildNode, 1, 2*len(patterns)+2),
		edges: make(map[edge]uint32, len(patterns)),
		rules: make([]buildRule, 1, len(patterns)+1),
		hubs:  make([]uint32, 1),
		roots: map[string]uint32{},
	}
	for i, p := range patterns {
		switch {
		case p.Any():
			s.any = cmp.Or(s.any, i+1)
		case p.Null():
			s.null = cmp.Or(s.null, i+1)
		case p.File():
			s.file = cmp.Or(s.file, i+1)
		case p.hostAt != 0:
			b.add(p, uint32(i))
		}
	}
	b.write(s)
	return s
}

// A builder is the trie while it grows: children are linked lists and a map of edges, which is
// simple to add to and slow to search. write then lays it out as a Set, and the builder is
// garbage.
type builder struct {
	nodes  []buildNode        // nodes[0] is none
	edges  map[edge]uint32    // the child of a node by its label
	rules  []buildRule        // rules[0] is none
	hubs   []uint32           // nodes; hubs[0] is none
	roots  map[string]uint32  // by scheme
	shapes map[uint32][]shape // of a hub's node

	networks [networkKinds][]buildNetwork
	wide     bool // see Set.wide
}

// An edge leads from a node to its child with a label.
type edge struct {
	parent uint32
	label  string
}

// A buildNode has one label, a rule or not. Runs of nodes with one child are merged only by
// write, so that a later pattern may still branch off in the middle.
type buildNode struct {
	label       string
	parent      uint32
	first, last uint32 // children
	next        uint32 // sibling
	rules       uint32 // the last one added
	hub         uint32 // index in hubs
	below       below  // the kind of its children's labels
}

type below uint8

const (
	// The children of an ordinary node are labels, which may be merged with it; those of a hub
	// and of a key are not, because a lookup computes the hub's keys for exactly one label.
	labels below = iota
	keys         // below a hub: globs, or "**" in the place of several stars
	globs        // below a key with "**"
)

type buildRule struct {
	rule
	next uint32
}

// add inserts one pattern, from the last label of its host to the first.
//
//	https://pr-*.preview.example.com:8443
//
//	https ─ com ─ example ─ preview ═ hub ─ "pr-*"   rule {this host, port 8443} → index
//	        child   child     child   glob
func (b *builder) add(p Pattern, index uint32) {
	n := b.roots[p.Scheme()]
	if n == 0 {
		n = b.node(0, "")
		// The key must not hold on to the pattern's memory.
		b.roots[strings.Clone(p.Scheme())] = n
	}
	// 0 is "no port", which is how browsers write the default one. anyPort is above all ports,
	// so it equals no port and sorts last.
	port := uint32(p.port)
	if p.anyPort {
		port = anyPort
	}
	// Networks are not labels: they are kept outside of the trie.
	if network, ok := p.Network(); ok {
		b.wide = true
		b.addNetwork(p, network, rule{thisHost | port, index})
		return
	}
	key := uint32(thisHost)
	for rest, more := p.Host(), true; more; {
		var label string
		if i := strings.LastIndexByte(rest, '.'); i >= 0 {
			rest, label = rest[:i], rest[i+1:]
		} else {
			label, more = rest, false
		}
		switch {
		case p.AnyHost():
			b.wide = true
			// The root has the rule: no host is empty, so none else asks it for one of thisHost.
		// A leading "*.": not a label, but a kind of rule at the node for what follows it.
		case !more && label == "*":
			key = subdomains
		case strings.Contains(label, "*"):
			n = b.glob(n, label)
		default:
			n = b.child(n, label)
		}
	}
	// Rules of a node form a list, the last added first; writeRules sorts it, and of equal keys
	// keeps the first pattern.
	b.rules = append(b.rules, buildRule{rule{key | port, index}, b.nodes[n].rules})
	b.nodes[n].rules = uint32(len(b.rules) - 1)
}

// node adds a node without linking it to its parent: roots and hubs are not children.
func (b *builder) node(parent uint32, label string) uint32 {
	b.nodes = append(b.nodes, buildNode{label: label, parent: parent})
	return uint32(len(b.nodes) - 1)
}

// child returns the child of parent for label, and adds it if it is missing. label aliases the
// pattern's text, which lives as long as the caller's Patterns: the builder does not outlive
// them.
func (b *builder) child(parent uint32, label string) uint32 {
	if n := b.edges[edge{parent, label}]; n != 0 {
		return n
	}
	n := b.node(parent, label)
	b.edges[edge{parent, label}] = n
	p := &b.nodes[parent]
	if p.last == 0 {
		p.first = n
	} else {
		b.nodes[p.last].next = n
	}
	p.last = n
	return n
}

// glob returns the node for a label with a star below parent. The hub is a separate node, so
// that keys such as "pr-*" and literal labels do not share a range of children.
//
//	preview ═ hub ─┬─ "pr-*"              one star: the key is the glob itself
//	               └─ "a**c" ─┬─ "a*b*c"  several stars: one key for all globs with these ends,
//	                          └─ "a*x*c"  which are its children and are compared one by one
func (b *builder) glob(parent uint32, label string) uint32 {
	if b.nodes[parent].hub == 0 {
		n := b.node(parent, "")
		b.nodes[n].below = keys
		b.hubs = append(b.hubs, n)
		b.nodes[parent].hub = uint32(len(b.hubs) - 1)
	}
	h := b.hubs[b.nodes[parent].hub]
	sh := shapeOf(label)
	if !slices.Contains(b.shapes[h], sh) {
		if b.shapes == nil {
			b.shapes = map[uint32][]shape{}
		}
		b.shapes[h] = append(b.shapes[h], sh)
	}
	if !sh.several {
		return b.child(h, label)
	}
	group := b.child(h, string(sh.appendKey(nil, []byte(label))))
	b.nodes[group].below = globs
	return b.child(group, label)
}
