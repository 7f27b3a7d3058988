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
	m := twinOrigin.FindStringSubmatch(origin)
	if m == nil {
		return twinTuple{}
	}
	scheme, host, port := m[1], m[2], m[3]
	if n, _ := strconv.Atoi(port); n > 65535 || scheme == "https" && n == 443 || scheme == "http" && n == 80 {
		return twinTuple{}
	}
	return twinTuple{scheme, host, port, twinHost(host)}
}

func twinHost(host string) bool {
	if host[0] == '[' {
		addr, err := netip.ParseAddr(host[1 : len(host)-1])
		return err == nil && addr.Is6() && host == "["+twinIPv6(addr)+"]"
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if !twinLabel.MatchString(label) {
			return false
		}
	}
	if twinNumber.MatchString(labels[len(labels)-1]) {
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
	case pattern == "null":
		return origin == "null"
	case !o.valid:
		return false
	}
	wantScheme, rest, _ := strings.Cut(pattern, "://")
	wantHost, wantPort := rest, ""
	if i := strings.LastIndex(rest, ":"); i > strings.LastIndex(rest, "]") {
		wantHost, wantPort = rest[:i], rest[i+1:]
	}
	if o.scheme != wantScheme || wantPort != "*" && wantPort != o.port {
		return false
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
