package matcher

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
)

// This file looks origins up in a trie over the labels of hosts, from right to left. There is one tree for each scheme;
// ports are rules at the nodes. It lies in a few flat slices without pointers, so that the garbage collector has
// nothing to follow and a lookup touches few cache lines:
//
//   - the children of a node are neighbours in nodes. A node with few of them is searched by comparing; a wide one has its
//     children in one hash table for all nodes. The hash is seeded: nobody outside can choose names that collide;
//   - a node that does nothing but lead to one child is merged with it: text is then several labels;
//   - a label with a star is a child of its parent's hub, under its key: what precedes its first star, the star, what follows
//     its last one. The hub lists the shapes of its keys, that is, the lengths of their two ends. A lookup makes one key of
//     the label at hand for each shape, so globs of one shape cost the same however many there are. Labels with several
//     stars have "**" in their key, and those with equal keys are tried one by one.
//
// The patterns 0 https://example.com, 1 https://*.example.com, 2 https://api.example.com:8443 and
// 3 https://pr-*.preview.example.com make:
//
//	https
//	└── example.com       rules: this host → 0, subdomains → 1
//	    ├── api           rules: this host, port 8443 → 2
//	    └── preview       hub: one shape, 3 bytes before the star and 0 after it
//	        └── pr-*      rules: this host → 3
//
// A lookup follows every glob that fits. The ports of one host are searched by halves. Apart from that its time does not
// depend on the number of patterns, but for three cases that only their author can make: globs of many shapes below one
// parent, labels of several stars with both ends equal, and hosts with globs in several labels that all fit.

// A Set is a set of patterns, immutable and safe for concurrent use. The zero Set is empty.
type Set struct {
	size    int // patterns given
	any     int // index of "*" plus 1; 0: none
	null    int // index of "null" plus 1; 0: none
	file    int // index of "file://" plus 1; 0: none
	https   uint32
	http    uint32            // roots of the schemes that matter; 0: none
	schemes map[string]uint32 // roots of all other schemes

	nodes  []node // nodes[0] is unused. The rules of node n end where those of node n+1 start; the last node only marks an end
	text   []byte // labels, and behind those of each node its own rule; see ruleSize
	rules  []rule // of each node sorted by key, without duplicates
	hubs   []hub  // hubs[0] is none; the last hub is only an end
	shapes []shape

	networks [networkKinds]networks
	wide     bool // there are networks, or stars for whole hosts

	seed  maphash.Seed
	slots []slot // open addressing; a power of two, at least half of it free. Nil: no wide node
}

type node struct {
	text     uint32 // offset in Set.text of its labels, as in the host
	children uint32 // index in Set.nodes
	rules    uint32 // index in Set.rules
	hub      uint32 // index in Set.hubs
}

type rule struct {
	key     uint32 // subdomains or thisHost, and the port
	pattern uint32 // index in the arguments of NewSet
}

// Parts of rule.key.
const (
	thisHost   = 0
	subdomains = 1 << 17 // one or more labels before the node's host
	anyPort    = 1 << 16 // beyond all ports; no port is 0
)

type hub struct {
	node   uint32 // whose children are keys
	shapes uint32 // index in Set.shapes, by falling rank
}

// Len returns how many patterns NewSet was given.
func (s *Set) Len() int { return s.size }

// Any reports whether "*" is in the set.
func (s *Set) Any() bool { return s.any != 0 }

// Match reports whether a pattern of the set matches origin, a field value as received. It neither keeps origin
// nor allocates.
func (s *Set) Match(origin []byte) bool { return s.find(origin, true) >= 0 }

// Find returns the index, among the arguments of NewSet, of the most specific pattern that matches origin, or -1. Labels
// are compared from right to left: one without a star wins over one with stars, which wins over a leading "*."; of two
// with stars the one with more bytes before its first and after its last star wins. An address wins over a network, a
// narrow one over a wide one, and each over a star for the whole host. Then a port wins over any port. "*" comes last. Which pattern it is depends on the order of the arguments only where two are equal: then it is the first.
// Find neither keeps origin nor allocates.
func (s *Set) Find(origin []byte) int { return s.find(origin, false) }

// find stops at the first match rather than the most specific where one is enough.
func (s *Set) find(origin []byte, enough bool) int {
	if len(origin) > maxOrigin {
		return -1
	}
	if i := s.findTuple(origin, enough); i >= 0 {
		return i
	}
	if s.any|s.null|s.file != 0 {
		null := string(origin) == nullText
		switch {
		case null && s.null != 0:
			return s.null - 1
		case s.file != 0 && string(origin) == fileText:
			return s.file - 1
		case s.any != 0 && (null || ValidOrigin(origin)):
			return s.any - 1
		}
	}
	return -1
}

func (s *Set) findTuple(origin []byte, enough bool) int {
	var root, defaultPort uint32
	var rest []byte
	switch {
	case len(origin) > 8 && string(origin[:8]) == "https://":
		root, defaultPort, rest = s.https, 443, origin[8:]
	case len(origin) > 7 && string(origin[:7]) == "http://":
		root, defaultPort, rest = s.http, 80, origin[7:]
	case len(s.schemes) > 0:
		scheme, after, ok := bytes.Cut(origin, []byte("://"))
		if !ok {
			return -1
		}
		root, rest = s.schemes[string(scheme)], after
	}
	if root == 0 {
		return -1
	}
	// What is equal to a pattern's text needs no validation, so only bytes that a star stands for are looked at.
	host, port, ok := cutPort(rest, defaultPort)
	if !ok || len(host) > maxHost {
		return -1
	}
	if i := s.walk(root, host, port, enough); i >= 0 || !s.wide {
		return i
	}
	return s.findWide(root, host, port, defaultPort)
}

// walk looks for host, less the labels that led to node n. It goes down the literal labels and keeps the last match on
// the way, which is the most specific.
func (s *Set) walk(n uint32, host []byte, port uint32, enough bool) int {
	best := -1
	for {
		if i := s.rule(n, subdomains, port); i >= 0 {
			if !validLabels(host) {
				return -1
			}
			best = i
		}
		if h := s.nodes[n].hub; h != 0 && !(enough && best >= 0) {
			if i := s.walkGlobs(h, host, port, enough); i >= 0 {
				best = i
			}
		}
		if enough && best >= 0 {
			return best
		}
		child, size, end := s.child(n, host)
		if child == 0 {
			return best
		}
		if size == len(host) {
			if i := s.ruleBehind(end, child, port); i >= 0 {
				return i
			}
			return best
		}
		n, host = child, host[:len(host)-size-1]
	}
}

// walkGlobs follows the globs of hub h that fit the last label of host.
func (s *Set) walkGlobs(h uint32, host []byte, port uint32, enough bool) int {
	label := lastLabel(host)
	if !validLabels(label) {
		return -1
	}
	var buf [maxLabel + 1]byte
	for _, sh := range s.shapes[s.hubs[h].shapes:s.hubs[h+1].shapes] {
		if len(label) <= int(sh.prefix)+int(sh.suffix) {
			continue
		}
		key := sh.appendKey(buf[:0], label)
		child, _, _ := s.child(s.hubs[h].node, key)
		if child == 0 {
			continue
		}
		if !sh.several {
			if i := s.step(child, host, len(label), port, enough); i >= 0 {
				return i
			}
			continue
		}
		for c := s.nodes[child].children; c < s.nodes[child+1].children; c++ {
			if globMatch(s.label(c), label) {
				if i := s.step(c, host, len(label), port, enough); i >= 0 {
					return i
				}
			}
		}
	}
	return -1
}

// step continues at node n, which matched the last size bytes of host.
func (s *Set) step(n uint32, host []byte, size int, port uint32, enough bool) int {
	if size == len(host) {
		return s.rule(n, thisHost, port)
	}
	return s.walk(n, host[:len(host)-size-1], port, enough)
}

// rule returns the index of the pattern that ends at node n, in the way that kind says, and is for port; or -1.
func (s *Set) rule(n, kind, port uint32) int {
	return ruleOf(s.rules[s.nodes[n].rules:s.nodes[n+1].rules], kind, port)
}

// ruleSize is the size of the rule behind a node's text: the node's only rule, if it has exactly
// one, so that most hosts are found without reading the node. It is the key and the pattern; or
// several and anything, where there is not one rule.
const (
	ruleSize = 8
	several  = 1 << 31
)

// ruleBehind is rule for thisHost and a node whose text ends at offset end.
func (s *Set) ruleBehind(end, n, port uint32) int {
	own := s.text[end : end+ruleSize]
	switch key := binary.LittleEndian.Uint32(own); key {
	case thisHost | port, thisHost | anyPort:
		return int(binary.LittleEndian.Uint32(own[4:]))
	case several:
		return s.rule(n, thisHost, port)
	}
	return -1
}

func ruleOf(rules []rule, kind, port uint32) int {
	if len(rules) == 0 {
		return -1
	}
	if i := search(rules, kind|port); i >= 0 {
		return i
	}
	return search(rules, kind|anyPort)
}

func search(rules []rule, key uint32) int {
	for len(rules) > 0 {
		mid := len(rules) / 2
		switch at := rules[mid]; {
		case at.key == key:
			return int(at.pattern)
		case at.key < key:
			rules = rules[mid+1:]
		default:
			rules = rules[:mid]
		}
	}
	return -1
}

// label returns the text of node n.
func (s *Set) label(n uint32) []byte { return s.text[s.nodes[n].text : s.nodes[n+1].text-ruleSize] }

// endsIn reports whether labels are the last labels of host.
func endsIn(host, labels []byte) bool {
	rest := len(host) - len(labels)
	return rest >= 0 && string(host[rest:]) == string(labels) && (rest == 0 || host[rest-1] == '.')
}

func lastLabel(host []byte) []byte { return host[bytes.LastIndexByte(host, '.')+1:] }
