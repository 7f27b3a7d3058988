package proxy

import (
	"bytes"
	"net/netip"
	"unsafe"

	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/tlsconf"
	"github.com/corsgate/corsgate/gateway/wire"
)

// A client is who sends a request, and how, as far as that is known from the connection and from those who are believed. After
// arrive it is only read.
type client struct {
	req      *wire.Request
	peer     netip.Addr
	peerText []byte            // peer as it stands in X-Forwarded-For
	identity *tlsconf.Identity // what the client's certificate says; nil: it has shown none
	trusted  bool              // the peer is believed
	https    bool              // the client used https, as far as we know
	said     []byte            // the host that a trusted proxy says the client has asked for; empty: none; see asked
	address  netip.Addr        // of the client, as far as it is known; see clientOf
}

// arrive takes what is known of the client of the request that c.req holds. It has come from peer, by TLS if tls is set.
func (c *client) arrive(s *snapshot.Snapshot, peer netip.Addr, identity *tlsconf.Identity, tls bool) {
	if peer != c.peer {
		c.peer, c.peerText = peer, peer.AppendTo(c.peerText[:0])
	}
	c.identity, c.trusted = identity, s.Trusts(peer)
	c.https, c.said = tls, c.said[:0]
	if c.trusted && c.req.HasForwarding {
		c.believe()
	}
	c.address = c.clientOf(s)
}

// clientOf returns the address of the client: the peer's, or, where the peer is trusted, the last
// in X-Forwarded-For that is not a trusted proxy's itself. Each proxy appends the address of its
// peer, so everything before an address that is untrusted or invalid may be invented: the walk from
// the right ends there. See RFC 7239, section 8.1, on the like of it in Forwarded.
func (c *client) clientOf(s *snapshot.Snapshot) netip.Addr {
	client := c.peer
	if !c.trusted || !c.req.HasForwarding {
		return client
	}
	for i := len(c.req.Fields) - 1; i >= 0; i-- {
		f := &c.req.Fields[i]
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
			if client = a; !s.Trusts(a) {
				return client
			}
		}
	}
	return client
}

// appendClient appends the client's address as text.
func (c *client) appendClient(dst []byte) []byte {
	if c.address == c.peer {
		return append(dst, c.peerText...)
	}
	return c.address.AppendTo(dst)
}

func (c *client) scheme() string {
	if c.https {
		return "https"
	}
	return "http"
}

// asked returns the host that the client asked for, as far as it is known, with its port. It may be empty.
func (c *client) asked() []byte {
	if len(c.said) > 0 {
		return c.said
	}
	return c.req.Host
}

// believe takes what the nearest proxy says of its own client: the host that was asked for, and whether by https, from
// X-Forwarded-Host and -Proto, or where it does not write these, from Forwarded. What it does not say is as it is between
// the proxy and the gateway. Precondition: the peer is trusted.
func (c *client) believe() {
	host, proto := c.lastForwarded(wire.XForwardedHost), c.lastForwarded(wire.XForwardedProto)
	if len(host) == 0 || len(proto) == 0 {
		forwardedHost, forwardedProto := c.forwarded()
		if len(host) == 0 {
			host = forwardedHost
		}
		if len(proto) == 0 {
			proto = forwardedProto
		}
	}
	if wire.ValidHost(host) {
		c.said = append(c.said, host...) // the loop reads others into its buffer before the exchange is over
	}
	if len(proto) > 0 {
		c.https = wire.EqualFold(proto, "https")
	}
}

// forwarded returns host and proto of the last element of the last line of Forwarded, nil where there are none.
func (c *client) forwarded() (host, proto []byte) {
	for i := len(c.req.Fields) - 1; i >= 0; i-- {
		if f := &c.req.Fields[i]; f.ID == wire.Forwarded {
			host, proto, _ = wire.LastForwarded(f.Value)
			return host, proto
		}
	}
	return nil, nil
}

// lastForwarded returns the last member of the last line of a field: what the nearest proxy said.
func (c *client) lastForwarded(id wire.FieldID) []byte {
	var v []byte
	for i := range c.req.Fields {
		if f := &c.req.Fields[i]; f.ID == id {
			v = f.Value
		}
	}
	if comma := bytes.LastIndexByte(v, ','); comma >= 0 {
		v = v[comma+1:]
	}
	return bytes.TrimLeft(v, " \t")
}

// appendEarlier appends the values of a list field that a trusted peer sent, each with a comma.
func (c *client) appendEarlier(dst []byte, id wire.FieldID) []byte {
	if !c.trusted || !c.req.HasForwarding {
		return dst
	}
	for i := range c.req.Fields {
		if f := &c.req.Fields[i]; f.ID == id && len(f.Value) > 0 {
			dst = append(append(dst, f.Value...), ',', ' ')
		}
	}
	return dst
}

// wellForwarded reports whether each line of Forwarded is one: what is appended to an open quote would
// be taken for part of the string.
func (c *client) wellForwarded() bool {
	if !c.trusted || !c.req.HasForwarding {
		return true
	}
	for i := range c.req.Fields {
		if f := &c.req.Fields[i]; f.ID == wire.Forwarded && !wire.ValidForwarded(f.Value) {
			return false
		}
	}
	return true
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
