package proxy

import (
	"bytes"
	"net/netip"
	"unsafe"

	"github.com/corsgate/corsgate/gateway/wire"
)

// This file finds who the client is, as far as it is known from those who are believed.

// clientOf returns the address of the client: the peer's, or, where the peer is trusted, the last
// in X-Forwarded-For that is not a trusted proxy's itself. Each proxy appends the address of its
// peer, so everything before an address that is untrusted or invalid may be invented: the walk from
// the right ends there. See RFC 7239, section 8.1, on the like of it in Forwarded.
func (x *exchange) clientOf() netip.Addr {
	client := x.peer
	if !x.trusted || !x.req.HasForwarding {
		return client
	}
	for i := len(x.req.Fields) - 1; i >= 0; i-- {
		f := &x.req.Fields[i]
		if f.ID != wire.XForwardedFor {
			continue
		}
		for rest := f.Value; len(rest) > 0; {
			comma := bytes.LastIndexByte(rest, ',')
			member := bytes.Trim(rest[comma+1:], " \t")
			rest = rest[:max(comma, 0)]
			if len(member) == 0 {
				continue // RFC 9110, section 5.6.1.2
			}
			a, ok := parseNode(member)
			if !ok {
				return client
			}
			if client = a; !x.s.Trusts(a) {
				return client
			}
		}
	}
	return client
}

// parseNode understands an address as proxies write them: IPv4 or IPv6, the latter perhaps in
// brackets, perhaps with a port. It allocates nothing.
func parseNode(b []byte) (netip.Addr, bool) {
	port := []byte(nil)
	if b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 {
			return netip.Addr{}, false
		}
		b, port = b[1:end], b[end+1:]
		if bytes.IndexByte(b, ':') < 0 {
			return netip.Addr{}, false
		}
	} else if colon := bytes.IndexByte(b, ':'); colon >= 0 && colon == bytes.LastIndexByte(b, ':') {
		b, port = b[:colon], b[colon:]
	}
	if len(b) == 0 || len(port) > 0 && !isPort(port) || bytes.IndexByte(b, '%') >= 0 {
		return netip.Addr{}, false
	}
	// Only an error or a zone would keep the string: the one is dropped here, the other ruled out.
	a, err := netip.ParseAddr(unsafe.String(&b[0], len(b)))
	return a.Unmap(), err == nil
}

// isPort reports whether b is a colon and up to five digits.
func isPort(b []byte) bool {
	if b[0] != ':' || len(b) < 2 || len(b) > len(":65535") {
		return false
	}
	for _, c := range b[1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// appendClient appends the client's address as text.
func (x *exchange) appendClient(dst []byte) []byte {
	if x.client == x.peer {
		return append(dst, x.peerText...)
	}
	return x.client.AppendTo(dst)
}
