package matcher

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// This file holds patterns whose host is a network. The networks of one scheme and one version
// of IP are sorted by address, the wider first where two begin alike. So all that contain an
// address come before the place where it would be, and the narrowest of them is the last one
// before that place, or one of those that enclose it. For 10.1.200.9:
//
//	index   network          outer
//	0       10.0.0.0/8       –         ◄─┐ contains 10.1.200.9
//	1       10.1.0.0/16      0  ◄─┐ ─────┘ contains it: the narrowest
//	2       10.1.2.0/24      1  ──┘        does not; follow outer
//	        ◄ search ends here
//	3       10.9.0.0/16      0
//	4       192.168.0.0/16   –
//
// A search costs log2 of the networks and then one step for each enclosing one, at most 32 or
// 128. A trie over address bits would find the same in as many steps as there are bits, each
// elsewhere in memory.

// cutNetwork cuts the address and the prefix length from the front of s, which is what follows
// "://" or the host alone: 10.0.0.0/8, [fd00::/8] and [fd00::]/8. It is not ok if s does not
// look like that; addr and length may still make no sense.
func cutNetwork(s string) (addr, length, after string, ok bool) {
	addr, after, ok = strings.Cut(s, "/")
	if !ok {
		return "", "", "", false
	}
	digits := len(after) - len(strings.TrimLeft(after, "0123456789"))
	length, after = after[:digits], after[digits:]
	if inner, bracket := strings.CutPrefix(addr, "["); bracket {
		var closed bool
		if addr, closed = strings.CutSuffix(inner, "]"); !closed {
			after, ok = strings.CutPrefix(after, "]")
		}
		ok = ok && strings.Contains(addr, ":")
	} else {
		ok = addr != "" && strings.Trim(addr, "0123456789.") == ""
	}
	return addr, length, after, ok && digits > 0 && (after == "" || after[0] == ':')
}

// checkNetwork checks a network that cutNetwork has found at offset at of a pattern, and names
// the right one where it can.
func checkNetwork(addr, length, scheme string, at int) *PatternError {
	v6 := strings.Contains(addr, ":")
	bits, hint, version := 32, hintNetwork4, "IPv4"
	valid := func() bool { _, ok := parseIPv4([]byte(addr)); return ok }
	if v6 {
		bits, hint, version = 128, hintNetwork6, "IPv6"
		valid = func() bool { _, ok := parseIPv6([]byte("[" + addr + "]")); return ok }
	}
	switch n := int(decimal([]byte(length), len("128"))); {
	case scheme != "https" && scheme != "http":
		return fault(at, "write the host in full", "a network with the scheme %s: only http and https can have one", scheme)
	case !valid():
		return fault(at, hint, "%s is not an %s address as browsers write it", addr, version)
	case length != "0" && n == 0 || n > bits:
		return fault(at, hint, "%s/%s: the prefix length of an %s network is 0 to %d", addr, length, version, bits)
	}
	network, err := netip.ParsePrefix(addr + "/" + length)
	// 10.0.0.7/8 is either 10.0.0.0/8 or a mistyped /32: ambiguous, so it is refused with the
	// wider one named.
	if masked := network.Masked(); err != nil || masked != network {
		return fault(at, hint, "%s/%s has bits beyond its prefix: the network is %s", addr, length, networkText(masked))
	}
	return nil
}

// networkText returns a network as a host of a pattern, in brackets if it is one of IPv6.
func networkText(n netip.Prefix) string {
	if n.Addr().Is4() {
		return n.String()
	}
	return fmt.Sprintf("%s/%d]", strings.TrimSuffix(repairIPv6("["+n.Addr().String()+"]"), "]"), n.Bits())
}

// networks are those of one scheme and version, sorted; the last element only marks where the
// rules end.
type networks []network

type network struct {
	address
	bits  uint32 // prefix length
	outer uint32 // 1 + the index of the narrowest other one that contains it; 0: none
	rules uint32 // index in Set.rules; they end where those of the next one start
}

// contains reports whether the first n.bits bits of a are those of n. The cases keep the shift
// below 64; a shift of all 64 bits, for a prefix length of 0, would need no comparison anyway.
func (n *network) contains(a address) bool {
	switch {
	case n.bits == 0:
		return true
	case n.bits <= 64:
		return (a.hi^n.hi)>>(64-n.bits) == 0
	}
	return a.hi == n.hi && (a.lo^n.lo)>>(128-n.bits) == 0
}

// versions of IP, and schemes, as indices of Set.networks.
const (
	ipv4, ipv6   = 0, 1
	overHTTP     = 0
	overHTTPS    = 2
	networkKinds = 4
)

// findWide looks for a network, and for a star for the whole host, whose rule the root has.
func (s *Set) findWide(root uint32, host []byte, port, defaultPort uint32) int {
	switch defaultPort {
	case 443:
		if i := s.findNetwork(overHTTPS, host, port); i >= 0 {
			return i
		}
	case 80:
		if i := s.findNetwork(overHTTP, host, port); i >= 0 {
			return i
		}
	}
	if i := s.rule(root, thisHost, port); i >= 0 && validHost(host, defaultPort == 0) {
		return i
	}
	return -1
}

// findNetwork returns the index of the pattern of the narrowest network that host is an address
// of and that is for port; or -1.
func (s *Set) findNetwork(scheme int, host []byte, port uint32) int {
	var a address
	var ok bool
	var list networks
	switch {
	case len(host) == 0:
		return -1
	case host[0] == '[':
		if list = s.networks[scheme+ipv6]; len(list) == 0 {
			return -1
		}
		a, ok = parseIPv6(host)
	case host[0]-'0' <= 9:
		if list = s.networks[scheme+ipv4]; len(list) == 0 {
			return -1
		}
		a, ok = parseIPv4(host)
	}
	if !ok {
		return -1
	}
	return s.narrowest(list, a, port)
}

func (s *Set) narrowest(list networks, a address, port uint32) int {
	// Find the first network that begins after a: everything that contains a begins at or
	// before it.
	lo, hi := 0, len(list)-1 // the last one is only an end
	for lo < hi {
		mid := (lo + hi) / 2
		if n := &list[mid]; n.hi < a.hi || n.hi == a.hi && n.lo <= a.lo {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	// Networks nest or are disjoint, so from the nearest one the chain of outers passes all
	// that contain a, narrowest first. One may contain a and lack a rule for the port.
	for i := uint32(lo); i > 0; i = list[i-1].outer {
		if !list[i-1].contains(a) {
			continue
		}
		if p := ruleOf(s.rules[list[i-1].rules:list[i].rules], thisHost, port); p >= 0 {
			return p
		}
	}
	return -1
}

// A buildNetwork is a pattern of a network.
type buildNetwork struct {
	network
	rule rule
}

// addNetwork files a network under its scheme and version. An IPv4-mapped network
// (::ffff:10.0.0.0/104) is one of IPv6: that is how a browser would write its addresses.
func (b *builder) addNetwork(p Pattern, prefix netip.Prefix, r rule) {
	kind := overHTTP
	if p.Scheme() == "https" {
		kind = overHTTPS
	}
	var a address
	if prefix.Addr().Is4() {
		a, _ = parseIPv4([]byte(prefix.Addr().String()))
	} else {
		kind += ipv6
		for i, octet := range prefix.Addr().As16() {
			half := &a.hi
			if i >= 8 {
				half = &a.lo
			}
			*half = *half<<8 | uint64(octet)
		}
	}
	b.networks[kind] = append(b.networks[kind], buildNetwork{network{address: a, bits: uint32(prefix.Bits())}, r})
}

// writeNetworks lays the networks out in s. Sorted by address and then by length, a network's
// enclosing one is the last before it that contains it, so one pass with the chain of outers as
// its stack finds them all.
func (b *builder) writeNetworks(s *Set) {
	for kind, added := range b.networks {
		if len(added) == 0 {
			continue
		}
		slices.SortFunc(added, func(x, y buildNetwork) int {
			return cmp.Or(cmp.Compare(x.hi, y.hi), cmp.Compare(x.lo, y.lo), cmp.Compare(x.bits, y.bits),
				cmp.Compare(x.rule.key, y.rule.key), cmp.Compare(x.rule.pattern, y.rule.pattern))
		})
		var list networks
		for i, n := range added {
			switch {
			case i == 0 || n.address != added[i-1].address || n.bits != added[i-1].bits:
				n.rules = uint32(len(s.rules))
				n.outer = uint32(len(list))
				// Pop the networks that end before this one begins. Each is popped once, so the
				// loop is linear in all.
				for n.outer > 0 && !list[n.outer-1].contains(n.address) {
					n.outer = list[n.outer-1].outer
				}
				list = append(list, n.network)
			case n.rule.key == added[i-1].rule.key:
				continue // a duplicate
			}
			s.rules = append(s.rules, n.rule)
		}
		s.networks[kind] = slices.Clip(append(list, network{rules: uint32(len(s.rules))}))
	}
}
