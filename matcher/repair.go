package matcher

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// repair returns what s was probably meant to be. It may still not parse. Non-ASCII text is left alone: to map it is
// IDNA's business, not that of strings.ToLower.
func repair(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		return s
	}
	s = strings.ToLower(strings.TrimSpace(s))
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		scheme, rest = "https", s
		for _, known := range []string{"https", "http"} {
			if after, ok := strings.CutPrefix(s, known+":"); ok {
				scheme, rest = known, after
				break
			}
		}
		// "https//a", or a scheme spelt with one slash, or none.
		for _, half := range []string{"https/", "http/"} {
			if after, ok := strings.CutPrefix(rest, half); ok {
				scheme, rest = strings.TrimSuffix(half, "/"), after
				break
			}
		}
		rest = strings.TrimLeft(rest, "/\\")
		if name, _, _ := strings.Cut(rest, ":"); name == "localhost" || strings.HasPrefix(rest, "127.") {
			if !strings.HasPrefix(s, "https") {
				scheme = "http" // what people develop with
			}
		}
	}
	if i := strings.IndexAny(rest, "/?#\\"); i >= 0 {
		rest = rest[:i]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	if addr, err := netip.ParseAddr(rest); err == nil && addr.Is6() {
		rest = "[" + rest + "]"
	}
	host, port := rest, ""
	if i := strings.LastIndexByte(rest, ':'); i > strings.LastIndexByte(rest, ']') {
		host, port = rest[:i], strings.TrimLeft(rest[i+1:], "0")
	}
	host = repairIPv6(strings.TrimRight(host, "."))
	if port == "" || port == fmt.Sprint(defaultPort([]byte(scheme))) {
		return scheme + "://" + host
	}
	return scheme + "://" + host + ":" + port
}

// repairIPv6 returns the address in brackets as browsers write it, and anything else as it is.
func repairIPv6(host string) string {
	inner, ok := strings.CutPrefix(host, "[")
	if !ok {
		return host
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return host
	}
	octets := addr.As16()
	var groups [8]uint16
	for i := range groups {
		groups[i] = uint16(octets[2*i])<<8 | uint16(octets[2*i+1])
	}
	return string(appendIPv6(nil, groups))
}
