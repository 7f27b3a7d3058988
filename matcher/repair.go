package matcher

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// What to write where no corrected pattern can be given.
const (
	hintOrigin   = "write an origin, such as https://example.com"
	hintScheme   = "write the scheme in full, such as https:// or http://, and each as a separate pattern"
	hintASCII    = "write the A-label of the host, xn--..."
	hintHost     = "write a host name of a-z, 0-9, '-' and '_' between dots, such as https://api.example.com"
	hintLabel    = "write between 1 and 63 bytes between dots"
	hintPort     = "write a port from 1 to 65535, or * for any"
	hintAny      = "write * for any origin, or a name to the right of the star, such as https://*.example.com"
	hintNetwork4 = "write an address and a prefix length, such as http://192.168.0.0/16:*"
	hintNetwork6 = "write an address and a prefix length in brackets, such as http://[fd00::/8]:*"
	hintGlob     = "write two labels without a star to its right, such as https://app*.example.com, or https://*.example.com for subdomains"
	hintIPv4     = "write four decimal numbers, such as http://192.168.0.1, without a star"
	hintIPv6     = "write an IPv6 address in brackets, such as http://[::1], without a star"
)

// repair returns what s was probably meant to be. It may still not parse, and the caller
// checks. Non-ASCII text is left alone: mapping it is the job of IDNA, not of strings.ToLower.
// It only serves messages; nothing that it returns is ever matched.
//
//	Example.com/            https://example.com
//	https//example.com      https://example.com
//	localhost:3000          http://localhost:3000
//	http://10.0.0.7/8       http://10.0.0.0/8
//	https://a.test:0443/x   https://a.test
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
	network, after, isNetwork := repairNetwork(rest)
	if isNetwork {
		rest = after
	}
	// Everything from the path on goes, and then user information, which ends at the last '@'.
	if i := strings.IndexAny(rest, "/?#\\"); i >= 0 {
		rest = rest[:i]
	}
	rest = network + rest
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	// Before the port is looked for: every colon of a bare address looks like the start of one.
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

// repairNetwork cuts a network from the front of s and returns it as it ought to be written. It
// returns a network that makes no sense as it is.
func repairNetwork(s string) (host, after string, ok bool) {
	addr, length, after, ok := cutNetwork(strings.TrimRight(s, "/"))
	if !ok {
		return "", s, false
	}
	if network, err := netip.ParsePrefix(addr + "/" + length); err == nil {
		return networkText(network.Masked()), after, true
	}
	return strings.TrimSuffix(s, after), after, true
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
