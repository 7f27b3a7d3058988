package matcher_test

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// This file is the slow twin of Set: every pattern tried in turn, over strings, sharing no code with the package.

var (
	twinOrigin = regexp.MustCompile(`^([a-z][a-z0-9+.-]{0,63})://([a-z0-9._-]{1,253}|\[[0-9a-f:]+\])(?::([1-9][0-9]{0,4}))?$`)
	twinLabel  = regexp.MustCompile(`^[a-z0-9_-]{1,63}$`)
	twinNumber = regexp.MustCompile(`^([0-9]+|0x[0-9a-f]*)$`)
)

// A twinTuple is the parts of a tuple origin.
type twinTuple struct {
	scheme, host, port string
	valid              bool
}

func twinSplit(origin string) twinTuple {
	if origin == "file://" {
		return twinTuple{scheme: "file", valid: true}
	}
	m := twinOrigin.FindStringSubmatch(origin)
	if m == nil {
		return twinTuple{}
	}
	scheme, host, port := m[1], m[2], m[3]
	if n, _ := strconv.Atoi(port); scheme == "file" || n > 65535 || scheme == "https" && n == 443 || scheme == "http" && n == 80 {
		return twinTuple{}
	}
	return twinTuple{scheme, host, port, twinHost(host, scheme != "https" && scheme != "http")}
}

func twinHost(host string, opaque bool) bool {
	if host[0] == '[' {
		addr, err := netip.ParseAddr(host[1 : len(host)-1])
		return err == nil && addr.Is6() && host == "["+twinIPv6(addr)+"]"
	}
	if opaque && host == "." {
		return true
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if !twinLabel.MatchString(label) {
			return false
		}
	}
	if !opaque && twinNumber.MatchString(labels[len(labels)-1]) {
		addr, err := netip.ParseAddr(host)
		return err == nil && addr.Is4() && addr.String() == host
	}
	return true
}

func twinIPv6(addr netip.Addr) string {
	if !addr.Is4In6() {
		return addr.String()
	}
	b := addr.As16()
	return fmt.Sprintf("::ffff:%x:%x", uint(b[12])<<8|uint(b[13]), uint(b[14])<<8|uint(b[15]))
}

// twinMatch reports whether pattern, a valid one, matches origin.
func twinMatch(pattern, origin string) bool {
	return twinMatchTuple(pattern, origin, twinSplit(origin))
}

func twinMatchTuple(pattern, origin string, o twinTuple) bool {
	switch {
	case pattern == "*":
		return o.valid || origin == "null"
	case pattern == "null" || pattern == "file://":
		return origin == pattern
	case !o.valid:
		return false
	}
	wantScheme, rest, _ := strings.Cut(pattern, "://")
	wantHost, wantPort := rest, ""
	if i := strings.LastIndex(rest, ":"); i > strings.LastIndex(rest, "]") {
		wantHost, wantPort = rest[:i], rest[i+1:]
	}
	if pattern == "https://*" {
		return o.scheme == "https"
	}
	if o.scheme != wantScheme || wantPort != "*" && wantPort != o.port {
		return false
	}
	if wantHost == "*" {
		return true
	}
	if network, ok := twinNetwork(wantHost); ok {
		addr, err := netip.ParseAddr(strings.Trim(o.host, "[]"))
		return err == nil && network.Contains(addr)
	}
	want, got := strings.Split(wantHost, "."), strings.Split(o.host, ".")
	if want[0] == "*" {
		if len(got) < len(want) {
			return false
		}
		want, got = want[1:], got[len(got)-len(want)+1:]
	}
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if !twinGlob(want[i], got[i]) {
			return false
		}
	}
	return true
}

func twinNetwork(host string) (netip.Prefix, bool) {
	if !strings.Contains(host, "/") {
		return netip.Prefix{}, false
	}
	network, err := netip.ParsePrefix(strings.NewReplacer("[", "", "]", "").Replace(host))
	return network, err == nil
}

// twinGlob tries every length of every star.
func twinGlob(glob, s string) bool {
	if glob == "" || s == "" {
		return glob == s
	}
	if glob[0] != '*' {
		return glob[0] == s[0] && twinGlob(glob[1:], s[1:])
	}
	for i := 1; i <= len(s); i++ {
		if twinGlob(glob[1:], s[i:]) {
			return true
		}
	}
	return false
}

// twinFind returns the most specific of the patterns that match, as Find's doc orders them.
func twinFind(patterns []string, origin string) int {
	best, o := -1, twinSplit(origin)
	for i, p := range patterns {
		if twinMatchTuple(p, origin, o) && (best < 0 || twinLess(p, patterns[best])) {
			best = i
		}
	}
	return best
}

// twinLess reports whether p is more specific than q, which matches the same origin.
func twinLess(p, q string) bool {
	if p == "*" || q == "*" {
		return q == "*" && p != "*"
	}
	_, p, _ = strings.Cut(p, "://")
	_, q, _ = strings.Cut(q, "://")
	pHost, pAny := strings.CutSuffix(p, ":*")
	qHost, qAny := strings.CutSuffix(q, ":*")
	if pWide, qWide := twinWide(p), twinWide(q); pWide != qWide {
		return pWide < qWide
	} else if pWide > 0 {
		return qAny && !pAny
	}
	pLabels, qLabels := strings.Split(pHost, "."), strings.Split(qHost, ".")
	for i := 1; i <= min(len(pLabels), len(qLabels)); i++ {
		pRank := twinRank(pLabels[len(pLabels)-i], i == len(pLabels))
		qRank := twinRank(qLabels[len(qLabels)-i], i == len(qLabels))
		if pRank != qRank {
			return pRank < qRank
		}
	}
	return qAny && !pAny
}

// twinWide says how much more than one name or address a host stands for, apart from those with labels to the right of
// their stars. The first argument is a pattern without its scheme.
func twinWide(p string) int {
	host := p
	if i := strings.LastIndex(p, ":"); i > strings.LastIndex(p, "]") {
		host = p[:i]
	}
	if network, ok := twinNetwork(host); ok {
		return 1 + 128 - network.Bits()
	}
	if host == "*" {
		return 200
	}
	return 0
}

// twinRank is a text that sorts the more specific label first. Its later parts only keep two labels apart.
func twinRank(label string, leftmost bool) string {
	star := strings.IndexByte(label, '*')
	switch {
	case star < 0:
		return "a"
	case label == "*" && leftmost:
		return "c"
	}
	stars := min(strings.Count(label, "*"), 2)
	ends := star + len(label) - 1 - strings.LastIndexByte(label, '*')
	return fmt.Sprintf("b %02d %02d %d %02d %s", 99-ends, 99-star, 9-stars, 99-len(label), label)
}
