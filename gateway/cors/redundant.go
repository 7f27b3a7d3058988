package cors

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/matcher"
)

// This file finds patterns that another one covers. A pattern covers more than itself only by a
// wildcard or a network, and then only patterns whose host ends or begins like its own: so each
// is compared with those that share one of its ends, with the networks that its address or
// network could be in, and with a star for the whole host. Comparing all pairs would take 10¹²
// comparisons for a million patterns; this takes a few lookups for each.
//
//	ends:   "example.com"    → https://*.example.com, https://example.com:*
//	        "10.0.0.0/8"     → http://10.0.0.0/8:*
//	        "tauri://"       → tauri://*
//
//	https://a.b.example.com is looked up under a.b.example.com, b.example.com, example.com, com

// maxCompared bounds how many wildcards with the same end a pattern is compared with: thousands
// of globs below one name are a list that a program wrote, and a missed warning is better than
// to wait for minutes.
const maxCompared = 64

// redundant warns about patterns that another one covers. written are the numbers of the
// patterns in both lists. Duplicates are found first, by their text.
func (c *checker) redundant(patterns []matcher.Pattern, written []int) {
	first := make(map[string]int, len(patterns))
	w := wide{patterns: patterns, ends: map[string][]int{}}
	var globs []int
	repeated := make([]bool, len(patterns))
	for i, p := range patterns {
		if j, ok := first[p.String()]; ok {
			c.beside(written[i], written[j], "remove it", "%q is already listed", p.String())
			repeated[i] = true
			continue
		}
		first[p.String()] = i
		if p.Wildcard() && !p.AnyHost() && !strings.HasPrefix(p.Host(), "*.") {
			globs = append(globs, i)
		} else {
			w.add(i)
		}
	}
	// Globs come last in each list, so that maxCompared cuts off the patterns that cover least.
	for _, i := range globs { // behind what covers more
		w.add(i)
	}
	if len(w.ends) == 0 {
		return
	}
	for i, p := range patterns {
		if p.Host() == "" || repeated[i] {
			continue
		}
		if j := w.coveredBy(i); j >= 0 {
			c.beside(written[i], written[j], "remove one of them", "%q is covered by %q", p.String(), patterns[j].String())
		}
	}
}

// wide finds the patterns that can cover others.
type wide struct {
	patterns []matcher.Pattern
	ends     map[string][]int // by literal end, by network, or by scheme and "://"
	lengths  []netip.Prefix   // the prefix lengths of networks, each of the address of zeros
}

// add files pattern i under what every host that it covers ends or begins with. A pattern
// without a wildcard covers nothing but itself, and is not filed.
func (w *wide) add(i int) {
	p := w.patterns[i]
	network, isNetwork := p.Network()
	key := p.Base()
	switch {
	case isNetwork:
		key = network.String()
		if z := zeros(network); !slices.Contains(w.lengths, z) {
			w.lengths = append(w.lengths, z)
		}
	case p.AnyHost():
		key = p.Scheme() + "://"
	case !p.Wildcard() && !p.AnyPort():
		return
	}
	w.ends[key] = append(w.ends[key], i)
}

// zeros returns the network of the length of n that begins with zeros.
func zeros(n netip.Prefix) netip.Prefix {
	if n.Addr().Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), n.Bits())
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), n.Bits())
}

// coveredBy returns a pattern that covers pattern i, or -1.
func (w *wide) coveredBy(i int) int {
	p := w.patterns[i]
	for end, more := p.Host(), true; more; _, end, more = strings.Cut(end, ".") {
		if j := w.among(end, i); j >= 0 {
			return j
		}
	}
	if j := w.among(p.Scheme()+"://", i); j >= 0 || len(w.lengths) == 0 {
		return j
	}
	network, ok := p.Network()
	if !ok {
		addr, err := netip.ParseAddr(strings.Trim(p.Host(), "[]"))
		if err != nil {
			return -1
		}
		network = netip.PrefixFrom(addr, addr.BitLen())
	}
	for _, length := range w.lengths {
		if length.Addr().Is4() != network.Addr().Is4() || length.Bits() > network.Bits() {
			continue
		}
		outer, _ := network.Addr().Prefix(length.Bits())
		if j := w.among(outer.String(), i); j >= 0 {
			return j
		}
	}
	return -1
}

// among is coveredBy for patterns with one key.
func (w *wide) among(key string, i int) int {
	same := w.ends[key]
	for _, j := range same[:min(len(same), maxCompared)] {
		if j != i && w.patterns[j].Covers(w.patterns[i]) {
			return j
		}
	}
	return -1
}

// beside warns about pattern i of both lists because of pattern j.
func (c *checker) beside(i, j int, hint, format string, args ...any) {
	_, key, index := c.origin(i)
	_, otherKey, otherIndex := c.origin(j)
	p := Problem{Key: key, Index: index, Hint: hint, Warning: true, OtherKey: otherKey, OtherIndex: otherIndex}
	if key != keyOriginsFile || c.tally.warnings < maxFileProblems {
		p.Message = fmt.Sprintf(format, args...)
	}
	c.add(p)
}
