package matcher

import (
	"bytes"
	"encoding/binary"
)

// walk looks for host, which is without the labels that led to node n. It goes down the literal
// labels and keeps the last match on the way, which is the most specific. For
// https://api.eu.example.com and the patterns *.example.com and *.eu.example.com:
//
//	node          rest of host         subdomains rule
//	https         api.eu.example.com   none
//	example.com   api.eu               *.example.com
//	eu            api                  *.eu.example.com: returned, as no child fits "api"
//
// With enough, any match ends it; there is no need to rank.
func (s *Set) walk(n uint32, host []byte, port uint32, enough bool) int {
	best := -1
	for {
		// "*." stands for all of the remaining labels, so these are the bytes that no literal
		// was compared with, and the only ones to validate: "https://x@y.example.com" ends
		// here. A host with an invalid label matches no deeper pattern either, since literals
		// and globs consist of valid bytes.
		if i := s.rule(n, subdomains, port); i >= 0 {
			if !validLabels(host) {
				return -1
			}
			best = i
		}
		// A glob is more specific than the leading "*." at the same place, and less specific
		// than a literal label, which is tried next.
		if h := s.nodes[n].hub; h != 0 && !(enough && best >= 0) {
			if i := s.walkGlobs(h, host, port, enough); i >= 0 {
				best = i
			}
		}
		if enough && best >= 0 {
			return best
		}
		// There is at most one literal child that fits.
		child, size, end := s.child(n, host)
		if child == 0 {
			return best
		}
		// The host ends at this node; ruleBehind reads the rule next to the text that was just
		// compared.
		if size == len(host) {
			if i := s.ruleBehind(end, child, port); i >= 0 {
				return i
			}
			return best
		}
		n, host = child, host[:len(host)-size-1] // the labels and the dot before them
	}
}

// walkGlobs follows the globs of hub h that fit the last label of host, most specific shape
// first. Each shape costs one lookup, however many globs have it. A glob that fits may still
// lead nowhere, as the labels before it differ: then the next one is tried. This is the one
// place where a lookup branches, and only the author of the patterns can make it branch often.
func (s *Set) walkGlobs(h uint32, host []byte, port uint32, enough bool) int {
	label := lastLabel(host)
	if !validLabels(label) {
		return -1
	}
	// A label and at most one byte more: a key of several stars is "**" in place of at least
	// one byte.
	var buf [maxLabel + 1]byte
	for _, sh := range s.shapes[s.hubs[h].shapes:s.hubs[h+1].shapes] {
		// No byte would be left for the star.
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
		// Longer globs first, so that the one with more literal bytes wins.
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

// rule returns the index of the pattern that ends at node n, in the way that kind says, and is
// for port; or -1.
func (s *Set) rule(n, kind, port uint32) int {
	return ruleOf(s.rules[s.nodes[n].rules:s.nodes[n+1].rules], kind, port)
}

// ruleSize is the size of the rule behind a node's text: the node's only rule, if it has
// exactly one, so that most hosts are found without reading the node. It is the key and the
// pattern; or several and anything, where the node does not have exactly one rule. "several" is
// above every key, so it equals none.
const (
	ruleSize = 8
	several  = 1 << 31
)

// ruleBehind is rule for thisHost and a node whose text ends at offset end.
func (s *Set) ruleBehind(end, n, port uint32) int {
	own := s.text[end : end+ruleSize]
	switch key := binary.LittleEndian.Uint32(own); key {
	// The usual case: one origin, one rule, one comparison.
	case thisHost | port, thisHost | anyPort:
		return int(binary.LittleEndian.Uint32(own[4:]))
	case several:
		return s.rule(n, thisHost, port)
	}
	return -1
}

// ruleOf returns the pattern of the rule for kind and port, or for kind and any port, or -1.
// The named port wins. Few hosts have more than two rules; the binary search is for a list that
// names a thousand ports.
func ruleOf(rules []rule, kind, port uint32) int {
	if len(rules) == 0 {
		return -1
	}
	if i := search(rules, kind|port); i >= 0 {
		return i
	}
	return search(rules, kind|anyPort)
}

// search finds the pattern of the rule with this key, or -1. rules are sorted by key.
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
	// The byte before must be a dot: without that check, "example.com" is the end of
	// "evilexample.com". The conversions do not allocate: the compiler compares in place.
	return rest >= 0 && string(host[rest:]) == string(labels) && (rest == 0 || host[rest-1] == '.')
}

// lastLabel returns what follows the last dot of host.
func lastLabel(host []byte) []byte { return host[bytes.LastIndexByte(host, '.')+1:] }
