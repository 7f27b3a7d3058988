package matcher

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"
)

// write lays the trie out in s: the roots, the hubs, then the rest breadth first, which makes
// siblings neighbours, so that a node needs one number for all of its children. The example in
// set.go becomes:
//
//	index   text          children   rules                     hub
//	0       –                                                       none: 0 means "no node"
//	1       ""            3–3                                       root of https
//	2       ""            4–4                                       hub of preview
//	3       example.com   5–6        this host → 0, subdomains → 1  merged from com, example
//	4       pr-*                     this host → 3
//	5       api                      this host, port 8443 → 2
//	6       preview                                            1
//	7       –                                                       end mark
//
// A range ends where the next node's begins, so no node stores a length.
func (b *builder) write(s *Set) {
	order := make([]uint32, 1, len(b.nodes)) // nodes of b, each where it goes in s.nodes
	s.nodes = make([]node, 0, len(b.nodes)+1)
	order = b.writeRoots(s, order)
	order = b.writeHubs(s, order)
	for i := 0; i < len(order); i++ {
		at := node{text: uint32(len(s.text)), children: uint32(len(order)), rules: uint32(len(s.rules))}
		last := b.writeText(s, order[i])
		b.writeRules(s, last)
		// The rule behind the text; several if the node has no rule or more than one, so that
		// it must be read.
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
		// Longest first: of two globs with the same ends the one with more literal bytes is the
		// more specific. Then by text, so that the layout does not depend on the order of the
		// patterns.
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

// writeRoots gives each scheme's tree its place. https and http have separate fields: for all
// traffic but extensions and apps, a comparison of eight bytes replaces the map.
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

// writeHubs writes the hubs and, for each, the shapes of its globs by falling rank: the order
// in which walkGlobs tries them is the order of specificity.
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

// writeText writes the labels of n and of all nodes that it is merged with, and returns the
// last of these. A node is merged with its child if nothing else can happen there: no rule, no
// hub, no second child. Most hosts then take two steps: the registrable domain, the rest. The
// root is never merged, as its text must be empty for the search to begin, nor are hubs and
// keys.
//
// The array bounds the run: a host of 253 bytes has at most 127 labels.
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
	// Collected from the right end of the host, written as in the host: one comparison then
	// covers them all.
	for i := size - 1; i >= 0; i-- {
		s.text = append(s.text, b.nodes[run[i]].label...)
		if i > 0 {
			s.text = append(s.text, '.')
		}
	}
	return n
}

// writeRules writes a node's rules sorted by key. Of patterns that mean the same, the first one
// given is kept.
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

// trim gives back the memory that append reserved: a set lives as long as its configuration,
// and append may have reserved a quarter more than needed.
func (s *Set) trim() {
	s.nodes = slices.Clip(slices.Clone(s.nodes))
	s.text = bytes.Clone(s.text)
	s.rules = slices.Clone(s.rules)
}
