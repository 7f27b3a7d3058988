package matcher

import (
	"bytes"
	"hash/maphash"
)

// This file looks origins up in a trie over the labels of hosts, from right to left. There is
// one tree for each scheme; ports are rules at the nodes. It lies in a few flat slices without
// pointers, so that the garbage collector has nothing to follow and a lookup touches few cache
// lines:
//
//   - the children of a node are neighbours in nodes. A node with few of them is searched by
//     comparing; a wide one has its children in one hash table for all nodes. The hash is
//     seeded: clients cannot choose names that collide;
//   - a node that only leads to one child is merged with it: text is then several labels;
//   - a label with a star is a child of its parent's hub, under its key: the text before its
//     first star, the star, the text after its last one. The hub lists the shapes of its keys,
//     that is, the lengths of their two ends. A lookup makes one key of the label at hand for
//     each shape, so globs of one shape cost the same however many there are. Labels with
//     several stars have "**" in their key, and those with equal keys are tried one by one.
//
// The patterns 0 https://example.com, 1 https://*.example.com, 2 https://api.example.com:8443
// and 3 https://pr-*.preview.example.com make:
//
//	https
//	└── example.com       rules: this host → 0, subdomains → 1
//	    ├── api           rules: this host, port 8443 → 2
//	    └── preview       hub: one shape, 3 bytes before the star and 0 after it
//	        └── pr-*      rules: this host → 3
//
// and lie in memory like this (see builder.write for the nodes; ¦ is the eight bytes of a
// node's own rule):
//
//	nodes   │ 0 │ https │ hub │ example.com │ pr-* │ api │ preview │ end │
//	text    ¦¦¦example.com¦pr-*¦api¦preview¦
//	rules   │ this host → 0 │ subdomains → 1 │ this host → 3 │ this host, 8443 → 2 │
//
// Roads not taken, measured with the same patterns: a map of whole origins is faster (12 ns for
// 100 of them, where this takes 48) and knows no stars; one regular expression of all patterns
// takes 2.8 µs for 100 and 1.6 ms for 10 000, where this takes 55 ns. A set costs 75 to 85
// bytes per pattern, text included.
//
// A lookup follows every glob that fits. The ports of one host are found by binary search. Apart
// from that its time does not depend on the number of patterns, except in three cases that only
// their author can make: globs of many shapes below one parent, labels of several stars with
// both ends equal, and hosts with globs in several labels that all fit.

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

// Match reports whether a pattern of the set matches origin, a field value as received. It
// neither keeps origin nor allocates.
func (s *Set) Match(origin []byte) bool { return s.find(origin, true) >= 0 }

// Find returns the index, among the arguments of NewSet, of the most specific pattern that
// matches origin, or -1. It neither keeps origin nor allocates. Of two patterns that match, the
// more specific is, by the first of these that tells them apart:
//
//   - labels, compared from right to left: one without a star wins over one with stars, which
//     wins over a leading "*.";
//   - of two labels with stars the one with more bytes before its first and after its last
//     star;
//   - an address wins over a network, a narrow network over a wide one, and each over a star
//     for the whole host;
//   - a port wins over any port;
//   - "*" comes last.
//
// The order of the arguments matters only where two are equal in all of this: then the first is
// returned.
func (s *Set) Find(origin []byte) int { return s.find(origin, false) }

// find is Find, or with enough only stops at the first match rather than the most specific.
func (s *Set) find(origin []byte, enough bool) int {
	// Longer than any tuple origin: so the time is bounded, whatever a client sends.
	if len(origin) > maxOrigin {
		return -1
	}
	if i := s.findTuple(origin, enough); i >= 0 {
		return i
	}
	// Last, because everything else is more specific. Most sets lack all three.
	if s.any|s.null|s.file != 0 {
		null := string(origin) == nullText
		switch {
		case null && s.null != 0:
			return s.null - 1
		case s.file != 0 && string(origin) == fileText:
			return s.file - 1
		// "*" does not mean any bytes: the value is going to be echoed, so it must be an
		// origin.
		case s.any != 0 && (null || ValidOrigin(origin)):
			return s.any - 1
		}
	}
	return -1
}

// findTuple looks for a tuple origin (HTML's term for scheme, host and port). It compares first
// and validates last: bytes that equal a pattern's text need no validation, so only those that
// a star stands for are looked at. That order makes the usual hit one pass over the bytes.
func (s *Set) findTuple(origin []byte, enough bool) int {
	var root, defaultPort uint32
	var rest []byte
	switch {
	case len(origin) > 8 && string(origin[:8]) == "https://":
		root, defaultPort, rest = s.https, 443, origin[8:]
	case len(origin) > 7 && string(origin[:7]) == "http://":
		root, defaultPort, rest = s.http, 80, origin[7:]
	case len(s.schemes) > 0:
		// The map is small and its keys come from the configuration; the conversion does not
		// allocate.
		scheme, after, ok := bytes.Cut(origin, []byte("://"))
		if !ok {
			return -1
		}
		root, rest = s.schemes[string(scheme)], after
	}
	if root == 0 {
		return -1
	}
	// Bytes that equal a pattern's text need no validation; walk validates those that a star
	// stands for. An explicit default port (https://a:443) is not ok: browsers omit it, so it
	// is not a serialized origin and must not match https://a.
	host, port, ok := cutPort(rest, defaultPort)
	if !ok || len(host) > maxHost {
		return -1
	}
	if i := s.walk(root, host, port, enough); i >= 0 || !s.wide {
		return i
	}
	return s.findWide(root, host, port, defaultPort)
}
