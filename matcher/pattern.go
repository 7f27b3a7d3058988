// Package matcher decides whether an origin belongs to a set of origin patterns.
//
// A pattern is an origin, as browsers serialize it, in which a star may replace part of the
// host or the port:
//
//	https://example.com                that origin
//	https://example.com:8443           that origin
//	https://example.com:*              any port, or none
//	https://*.example.com              one or more labels before .example.com; not example.com
//	https://pr-*.preview.example.com   a star inside a label is one or more of [a-z0-9_-], never '.'
//	https://api.*.example.com          the same for a label that is just a star, unless it is leftmost
//	http://192.168.0.0/16:*            every address of that network
//	http://[fd00::/8]:3000             the same for IPv6; http://[fd00::]/8:3000 is accepted, too
//	tauri://localhost                  other schemes
//	moz-extension://*                  any host of a scheme other than http and https, without a port
//	https://*                          any https origin, whatever its port
//	file://                            sent by some WebViews for pages from files
//	*                                  any origin, and null
//	null                               the opaque origin
//
// There are no regular expressions. A star in a host always has literal labels to its right,
// unless it is all of the host: one for a leading "*.", two for any other star. Whether those
// labels are a public suffix, whether an A-label decodes, and whether "null", "file://" or "*"
// are allowed at all, is for the caller to decide.
//
// See HTML, "origin", "serialization of an origin", and URL, "host serializer".
package matcher

import (
	"net/netip"
	"strings"
)

// A Pattern is one parsed origin pattern. It is a small immutable value; two patterns are ==
// exactly when they were written alike. The zero Pattern is invalid and matches nothing. It
// shares memory with the string it was parsed from.
//
// The parts are offsets into the text, not strings: a Pattern is 24 bytes, so a million of them
// take 24 MB more than their file.
//
//	https://pr-*.preview.example.com:8443
//	└─┬─┘   └───────────┬──────────┘ └┬─┘
//	Scheme            Host          Port
//	        ▲ hostAt                ▲ hostEnd
type Pattern struct {
	text    string
	hostAt  uint16 // offset of the host in text; 0 for "*", "null" and the zero Pattern
	hostEnd uint16 // the offset behind it; the port's colon is there, if there is one
	port    uint16 // 0: none, or anyPort
	anyPort bool
}

const (
	// The patterns that are not tuple origins. HTML serializes an opaque origin as "null";
	// "file://" is in no standard, but some WebViews send it.
	anyText  = "*"
	nullText = "null"
	fileText = "file://"
)

// String returns the pattern as written; ParsePattern makes the same Pattern of it.
func (p Pattern) String() string { return p.text }

// Any reports whether p is "*".
func (p Pattern) Any() bool { return p.text == anyText }

// Null reports whether p is "null".
func (p Pattern) Null() bool { return p.text == nullText }

// File reports whether p is "file://".
func (p Pattern) File() bool { return p.text == fileText }

// Scheme returns the scheme, without "://". It is empty for "*" and "null".
func (p Pattern) Scheme() string {
	if p.hostAt == 0 {
		return ""
	}
	return p.text[:int(p.hostAt)-len("://")]
}

// Host returns the host as written, with its stars, an IPv6 address's brackets and a network's
// prefix length. It is empty for "*", "null" and "file://".
func (p Pattern) Host() string { return p.text[p.hostAt:p.hostEnd] }

// Port returns the port, 0 where the pattern names none or is for any.
func (p Pattern) Port() uint16 { return p.port }

// AnyPort reports whether any port matches, and none: the port is a star, or p is "https://*".
func (p Pattern) AnyPort() bool { return p.anyPort }

// Wildcard reports whether the host contains a star.
func (p Pattern) Wildcard() bool { return strings.Contains(p.Host(), "*") }

// AnyHost reports whether the host is a star and nothing else.
func (p Pattern) AnyHost() bool { return p.Host() == anyText }

// Network returns the network whose addresses are the hosts that p matches. It is not ok if the
// host is none.
func (p Pattern) Network() (network netip.Prefix, ok bool) {
	addr, length, _, ok := cutNetwork(p.Host())
	if !ok {
		return netip.Prefix{}, false
	}
	network, err := netip.ParsePrefix(addr + "/" + length)
	return network, err == nil
}

// Base returns the whole labels to the right of the host's last star: every host that p matches
// ends in "." + Base. It is empty if the host is a star and nothing else. Without a star it is
// the host. Compare it with the list of public suffixes.
func (p Pattern) Base() string {
	host := p.Host()
	star := strings.LastIndexByte(host, '*')
	if star < 0 {
		return host
	}
	_, base, _ := strings.Cut(host[star:], ".")
	return base
}

// Covers reports whether p matches every origin that q matches. It may say false when that
// takes more than a comparison star by star; it never says true wrongly.
func (p Pattern) Covers(q Pattern) bool {
	switch {
	// The zero Pattern matches nothing and takes part in nothing.
	case p.text == "" || q.text == "":
		return false
	// "*" covers "null" and "file://" as well. Equal texts are equal patterns.
	case p.Any() || p == q:
		return true
	// "null" and "*" have no host. A scheme is never a wildcard.
	case p.hostAt == 0 || q.hostAt == 0 || p.Scheme() != q.Scheme():
		return false
	// Port 0 is "none", so https://a does not cover https://a:8443.
	case !p.anyPort && (q.anyPort || p.port != q.port):
		return false
	}
	if network, ok := p.Network(); ok {
		return networkCovers(network, q)
	}
	return p.AnyHost() || !q.AnyHost() && hostCovers(p.Host(), q.Host())
}

// networkCovers reports whether every host of q is an address of network. A network of q must
// be inside it entirely; otherwise q's host must be a literal address.
func networkCovers(network netip.Prefix, q Pattern) bool {
	if inner, ok := q.Network(); ok {
		return inner.Bits() >= network.Bits() && network.Contains(inner.Addr())
	}
	addr, err := netip.ParseAddr(strings.Trim(q.Host(), "[]"))
	return err == nil && network.Contains(addr)
}

// hostCovers compares labels from the last to the first, as a lookup does. A leading "*." of p
// ends the comparison early:
//
//	p  *.example.com           p  pr-*.example.com        p  *.example.com
//	q  api.eu.example.com      q  pr-7.example.com        q  example.com
//	   covered: p has run         covered: every label       not covered: the star of p
//	   out of labels at "*"       of p covers its own        is one label or more
func hostCovers(p, q string) bool {
	for more := false; ; more = true {
		pDot, qDot := strings.LastIndexByte(p, '.'), strings.LastIndexByte(q, '.')
		pLabel, qLabel := p[pDot+1:], q[qDot+1:]
		switch {
		case pDot < 0 && pLabel == "*" && more:
			return true // q has at least one more label, and any number is covered
		case pDot < 0:
			// Both must end here. A leading "*." of q stands for more labels than the one that
			// is left of p.
			return qDot < 0 && (qLabel != "*" || !more) && labelCovers(pLabel, qLabel)
		case qDot < 0 || !labelCovers(pLabel, qLabel):
			return false
		}
		p, q = p[:pDot], q[:qDot]
	}
}

// labelCovers treats a star of q as a literal byte. No literal of p equals a star, so if p
// matches, a star of p spans that byte, and then it also spans everything that the star of q
// stands for.
func labelCovers(p, q string) bool {
	if !strings.Contains(p, "*") {
		return p == q
	}
	return globMatch([]byte(p), []byte(q))
}
