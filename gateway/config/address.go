package config

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// This file holds the grammar of addresses, endpoints, host names and paths.

// Address is where to listen, as it was written: "host:port", ":port", "unix:/path", "systemd:NAME", or Off.
type Address string

// Off is the Address of a listener that is not wanted.
const Off Address = "off"

// Split returns the address as net.Listen wants it: "tcp" and "host:port", or "unix" and a path. For sockets that
// systemd opened it returns "systemd" and their name, for Off two empty strings.
func (a Address) Split() (network, address string) {
	if a == Off {
		return "", ""
	}
	for _, network := range []string{"unix", "systemd"} {
		if rest, ok := strings.CutPrefix(string(a), network+":"); ok {
			return network, rest
		}
	}
	return "tcp", string(a)
}

// parseAddress understands where to listen. Port 0 lets the kernel choose.
func parseAddress(s string) (Address, fault) {
	switch network, rest := Address(s).Split(); network {
	case "unix":
		return Address(s), socketFault(rest)
	case "systemd":
		if !isName(rest) {
			return "", faultf(`%q needs the name of a socket unit: "systemd:NAME"`, s)
		}
		return Address(s), fault{}
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		f := faultf(`%q is not an address: write "host:port", ":port" or "unix:/path"`, s)
		if isDigits(s) {
			f.hint = fmt.Sprintf(`did you mean ":%s"?`, s)
		}
		return "", f
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" {
		if f := nameFault(host); f.message != "" {
			return "", f
		}
	}
	return Address(s), portFault(port, 0)
}

// orNone understands "", too.
func orNone[T ~string](parse func(string) (T, fault)) func(string) (T, fault) {
	return func(s string) (T, fault) {
		if s == "" {
			return "", fault{}
		}
		return parse(s)
	}
}

// parseAdmin understands [admin].address, which must not be reachable from outside.
func parseAdmin(s string) (Address, fault) {
	if Address(s) == Off {
		return Off, fault{}
	}
	a, f := parseAddress(s)
	network, address := a.Split()
	if f.message != "" || network != "tcp" {
		return a, f
	}
	host, port, err := net.SplitHostPort(address)
	ip, ipErr := netip.ParseAddr(host)
	if err != nil || host != "localhost" && (ipErr != nil || !ip.IsLoopback()) {
		return "", fault{fmt.Sprintf("%q can be reached from outside: listen on loopback or a unix socket", s),
			fmt.Sprintf(`did you mean "127.0.0.1:%s"?`, port)}
	}
	return a, fault{}
}

// parseEndpoint understands "http://host:port", the same with https, dns+ and srv+, and "unix:/path".
func parseEndpoint(s string) (Endpoint, fault) {
	e := Endpoint{URL: s, Network: "tcp"}
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		e.Network, e.Address = "unix", path
		return e, socketFault(path)
	}
	rest := s
	for _, d := range []string{"dns", "srv"} {
		if r, ok := strings.CutPrefix(s, d+"+"); ok {
			e.Discovery, rest = d, r
		}
	}
	scheme, authority, ok := strings.Cut(rest, "://")
	if !ok || scheme != "http" && scheme != "https" {
		f := faultf(`%q is not an endpoint: write "http://host:port" or "unix:/path"`, s)
		if _, _, err := net.SplitHostPort(s); err == nil && !strings.Contains(s, "/") {
			f.hint = fmt.Sprintf(`did you mean "http://%s"?`, s)
		}
		return e, f
	}
	if i := strings.IndexAny(authority, "/?#@"); i >= 0 {
		return e, fault{fmt.Sprintf("%q: an endpoint cannot have a path, query or user: paths belong to routes", s),
			fmt.Sprintf("did you mean %q?", strings.TrimSuffix(s, authority)+authority[:i])}
	}
	e.TLS = scheme == "https"
	if e.Discovery == "srv" {
		e.Address = authority
		return e, nameFault(authority)
	}
	port := "80"
	if e.TLS {
		port = "443"
	}
	host, p, f := splitHost(authority)
	if p != "" {
		port = p
	}
	if e.Discovery == "dns" && f.message == "" {
		f = nameFault(host)
	}
	e.Address = net.JoinHostPort(host, port)
	return e, f
}

// parseResolver understands where a name server is. It has no name: who would look that up?
func parseResolver(s string) (string, fault) {
	if a, err := netip.ParseAddrPort(s); err == nil && a.Port() > 0 {
		return s, fault{}
	}
	f := faultf(`%q is not the address of a name server: write "127.0.0.1:53" or "[::1]:53"`, s)
	if a, err := netip.ParseAddr(s); err == nil {
		f.hint = fmt.Sprintf("did you mean %q?", netip.AddrPortFrom(a, 53))
	}
	return "", f
}

// splitHost splits "host" or "host:port". The host, without brackets, is a name or an IP address.
func splitHost(s string) (host, port string, f fault) {
	host = s
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		host, port = s[:i], s[i+1:]
		if f = portFault(port, 1); f.message != "" {
			return host, port, f
		}
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		if a, err := netip.ParseAddr(inner); err != nil || !a.Is6() || a.Zone() != "" || !closed {
			return inner, port, faultf("%q is not an IPv6 address", inner)
		}
		return inner, port, fault{}
	}
	if _, err := netip.ParseAddr(host); err == nil && !strings.Contains(host, ":") {
		return host, port, fault{}
	}
	return host, port, nameFault(host)
}

// parseHostField understands the value of a Host field: a host and perhaps a port. "" is left to the caller.
func parseHostField(s string) (string, fault) {
	if s == "" {
		return "", fault{}
	}
	_, _, f := splitHost(s)
	return s, f
}

// parseRouteHost understands a host of a route: a name, "*." and a name, or an IP address, without a port.
func parseRouteHost(s string) (string, fault) {
	if a, err := netip.ParseAddr(s); err == nil && a.Is6() {
		return "", fault{fmt.Sprintf("%q needs brackets", s), fmt.Sprintf(`did you mean "[%s]"?`, s)}
	}
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		return "", fault{fmt.Sprintf("%q: a host cannot have a scheme (%s://)", s, scheme), fmt.Sprintf("did you mean %q?", rest)}
	}
	name, wildcard := strings.CutPrefix(s, "*.")
	if strings.Contains(name, "*") {
		return "", faultf(`%q: a wildcard is a leading "*." only, as in "*.example.com"`, s)
	}
	if wildcard {
		return s, nameFault(name)
	}
	_, port, f := splitHost(s)
	if f.message == "" && port != "" {
		return "", fault{fmt.Sprintf("%q: a host cannot have a port here: any port matches", s),
			fmt.Sprintf("did you mean %q?", strings.TrimSuffix(s, ":"+port))}
	}
	return s, f
}

// nameFault is the fault of a host name: lower-case labels of letters, digits, - and _, as DNS and the like have them.
func nameFault(s string) fault {
	if lower := strings.ToLower(s); lower != s && nameFault(lower).message == "" {
		return fault{fmt.Sprintf("%q has capital letters", s), fmt.Sprintf("did you mean %q?", lower)}
	}
	labels := strings.Split(s, ".")
	if isDigits(labels[len(labels)-1]) { // "10.0.0.256" is meant to be an address.
		return faultf("%q is neither a host name nor an IP address", s)
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || len(s) > 253 || label[0] == '-' || label[len(label)-1] == '-' {
			return faultf("%q is not a host name", s)
		}
		for i := range len(label) {
			if c := label[i]; c >= 0x80 {
				return faultf(`%q is not ASCII: write the A-label that DNS uses, "xn--…"`, s)
			} else if !isNameByte(c) {
				return faultf("%q is not a host name", s)
			}
		}
	}
	return fault{}
}

// portFault is the fault of a port that is not a number from low to 65535.
func portFault(s string, low int) fault {
	if n, err := strconv.Atoi(s); err != nil || !isDigits(s) || n < low || n > 65535 {
		return faultf("%q is not a port: %d to 65535", s, low)
	}
	return fault{}
}

// socketFault is the fault of a path of a unix socket.
func socketFault(path string) fault {
	const maxSocketPath = 103 // bytes; sun_path holds 104 on the BSDs, 108 on Linux, with the final NUL
	switch {
	case !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//"):
		return faultf(`"unix:%s" needs an absolute path: "unix:/run/name.sock"`, path)
	case len(path) > maxSocketPath:
		return faultf("the path of a socket can have at most %d bytes", maxSocketPath)
	case strings.ContainsRune(path, 0):
		return faultf("the path of a socket cannot contain a NUL byte")
	}
	return fault{}
}

// parsePath understands a path of a route or a prefix of one.
func parsePath(s string) (string, fault) {
	if !strings.HasPrefix(s, "/") {
		return "", fault{fmt.Sprintf("%q does not begin with /", s), fmt.Sprintf("did you mean %q?", "/"+s)}
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c == '?' || c == '#':
			return "", faultf("%q: a path cannot have a query or a fragment", s)
		case c <= ' ' || c > '~' || c == '\\':
			return "", faultf("%q: %q must be percent-encoded in a path", s, s[i:i+1])
		case c == '*':
			return "", faultf("%q: a path cannot have wildcards: it is a prefix of whole segments", s)
		}
	}
	return s, fault{}
}

// parseRedirectTo understands the target of a redirect. The variable may not stand where the
// request's path, which any client can choose, would become a host: "/$path" with the path
// "/evil.example" would be one.
func parseRedirectTo(s string) (string, fault) {
	for _, after := range strings.Split(s, "$")[1:] {
		if !strings.HasPrefix(after, "path") {
			return "", faultf("%q: the only variable is $path", s)
		}
	}
	scheme, rest, absolute := strings.Cut(s, "://")
	if absolute {
		absolute = (scheme == "http" || scheme == "https") && rest != "" && !strings.ContainsAny(rest[:1], "/$?#:@")
	}
	local := len(s) == 1 || len(s) > 1 && !strings.ContainsAny(s[1:2], "/$")
	local = local && strings.HasPrefix(s, "/")
	if !absolute && !local || !isFieldValue(s) || strings.ContainsAny(s, " \\\"<>") {
		return "", faultf(`%q is not a target: write "https://host/path", "https://host$path" or "/path"`, s)
	}
	return s, fault{}
}
