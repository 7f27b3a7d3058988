package matcher

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"math"
	"slices"
	"strings"
)

// NewSet returns the set of patterns. It keeps no memory of theirs. Duplicates do no harm, and zero Patterns match nothing.
// Precondition: the hosts take less than 4 GiB.
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

// A builder is a trie that can grow.
type builder struct {
	nodes  []buildNode // nodes[0] is none
	edges  map[edge]uint32
	rules  []buildRule // rules[0] is none
	hubs   []uint32    // nodes; hubs[0] is none
	roots  map[string]uint32
	shapes map[uint32][]shape // of a hub's node

	networks [networkKinds][]buildNetwork
	wide     bool // see Set.wide
}

type edge struct {
	parent uint32
	label  string
}

type buildNode struct {
	label       string
	parent      uint32
	first, last uint32 // children
	next        uint32 // sibling
	rules       uint32 // the last one added
	hub         uint32 // index in hubs
	below       below  // what the labels of its children are
}

type below uint8

const (
	labels below = iota
	keys         // below a hub: globs, or "**" in the place of several stars
	globs        // below a key with "**"
)

type buildRule struct {
	rule
	next uint32
}

func (b *builder) add(p Pattern, index uint32) {
	n := b.roots[p.Scheme()]
	if n == 0 {
		n = b.node(0, "")
		// The key must not hold on to the pattern's memory.
		b.roots[strings.Clone(p.Scheme())] = n
	}
	port := uint32(p.port)
	if p.anyPort {
		port = anyPort
	}
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
		case !more && label == "*":
			key = subdomains
		case strings.Contains(label, "*"):
			n = b.glob(n, label)
		default:
			n = b.child(n, label)
		}
	}
	b.rules = append(b.rules, buildRule{rule{key | port, index}, b.nodes[n].rules})
	b.nodes[n].rules = uint32(len(b.rules) - 1)
}

func (b *builder) node(parent uint32, label string) uint32 {
	b.nodes = append(b.nodes, buildNode{label: label, parent: parent})
	return uint32(len(b.nodes) - 1)
}

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

// glob returns the node for a label with a star below parent.
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

// write lays the trie out in s: the roots, the hubs, then the rest breadth first, which makes siblings neighbours.
func (b *builder) write(s *Set) {
	order := make([]uint32, 1, len(b.nodes)) // nodes of b, each where it goes in s.nodes
	s.nodes = make([]node, 0, len(b.nodes)+1)
	order = b.writeRoots(s, order)
	order = b.writeHubs(s, order)
	for i := 0; i < len(order); i++ {
		at := node{text: uint32(len(s.text)), children: uint32(len(order)), rules: uint32(len(s.rules))}
		last := b.writeText(s, order[i])
		b.writeRules(s, last)
		own := rule{key: several}
		if len(s.rules)-int(at.rules) == 1 {
			own = s.rules[at.rules]
		}
		s.text = binary.LittleEndian.AppendUint32(s.text, own.key)
		s.text = binary.LittleEndian.AppendUint32(s.text, own.pattern)
		at.hub = b.nodes[last].hub
		for c := b.nodes[last].first; c != 0; c = b.nodes[c].next {
			order = append(order, c)
		}
		if b.nodes[last].below == globs {
			slices.SortFunc(order[at.children:], func(x, y uint32) int {
				x1, y1 := b.nodes[x].label, b.nodes[y].label
				return cmp.Or(len(y1)-len(x1), strings.Compare(x1, y1))
			})
		}
		s.nodes = append(s.nodes, at)
	}
	if uint64(len(s.text)) > math.MaxUint32 {
		panic("BUG: a set of more than 4 GiB of hosts")
	}
	s.nodes = append(s.nodes, node{text: uint32(len(s.text)), children: uint32(len(order)), rules: uint32(len(s.rules))})
	b.writeNetworks(s)
	s.wide = b.wide
	s.trim()
	s.index()
}

func (b *builder) writeRoots(s *Set, order []uint32) []uint32 {
	for scheme, n := range b.roots {
		at := uint32(len(order))
		order = append(order, n)
		switch scheme {
		case "https":
			s.https = at
		case "http":
			s.http = at
		default:
			if s.schemes == nil {
				s.schemes = map[string]uint32{}
			}
			s.schemes[scheme] = at
		}
	}
	return order
}

func (b *builder) writeHubs(s *Set, order []uint32) []uint32 {
	for _, n := range b.hubs {
		s.hubs = append(s.hubs, hub{uint32(len(order)), uint32(len(s.shapes))})
		if n == 0 {
			continue
		}
		order = append(order, n)
		shapes := b.shapes[n]
		slices.SortFunc(shapes, func(x, y shape) int { return y.rank() - x.rank() })
		s.shapes = append(s.shapes, shapes...)
	}
	s.hubs = append(s.hubs, hub{shapes: uint32(len(s.shapes))})
	return order
}

// writeText writes the labels of n and of all nodes that it is merged with, and returns the last of these.
func (b *builder) writeText(s *Set, n uint32) uint32 {
	run := [1 + maxHost/2]uint32{n}
	size := 1
	for parent := b.nodes[n].parent; parent != 0 && b.nodes[parent].below == labels; size++ {
		at := &b.nodes[n]
		if at.below != labels || at.rules != 0 || at.hub != 0 || at.first == 0 || at.first != at.last {
			break
		}
		n = at.first
		run[size] = n
	}
	for i := size - 1; i >= 0; i-- {
		s.text = append(s.text, b.nodes[run[i]].label...)
		if i > 0 {
			s.text = append(s.text, '.')
		}
	}
	return n
}

func (b *builder) writeRules(s *Set, n uint32) {
	start := len(s.rules)
	for r := b.nodes[n].rules; r != 0; r = b.rules[r].next {
		s.rules = append(s.rules, b.rules[r].rule)
	}
	added := s.rules[start:]
	slices.SortFunc(added, func(x, y rule) int {
		return cmp.Or(cmp.Compare(x.key, y.key), cmp.Compare(x.pattern, y.pattern))
	})
	added = slices.CompactFunc(added, func(x, y rule) bool { return x.key == y.key })
	s.rules = s.rules[:start+len(added)]
}

// trim gives back what append took in advance.
func (s *Set) trim() {
	s.nodes = slices.Clip(slices.Clone(s.nodes))
	s.text = bytes.Clone(s.text)
	s.rules = slices.Clone(s.rules)
}
