package wire

import (
	"bytes"
	"net/netip"
)

// classify walks the fields once and derives everything the gateway decides upon. It is one switch, and long: a case for each
// field, and a call for each would cost as much as what it does.
func (r *Request) classify() *Fault {
	var c requestFacts
	authority := r.Host // of an absolute-form target
	r.Host = nil
	for i := range r.Fields {
		f := &r.Fields[i]
		switch f.ID {
		case Other:
			continue
		case Host:
			c.hosts++
			r.Host = f.Value
		case ContentLength:
			c.lengths++
			n, ok := decimal(f.Value)
			if !ok || len(f.Value) > 1 && f.Value[0] == '0' {
				return FaultLength
			}
			r.Length = n
		case TransferEncoding:
			c.codings++
			if fault := coding(f.Value); fault != nil {
				return fault
			}
			r.Chunked = true
		case ContentType:
			if c.types++; c.types > 1 {
				return FaultContentType
			}
		case Connection:
			if fault := r.connection(f.Value, &c); fault != nil {
				return fault
			}
		case TE:
			r.TakesTrailers = r.Minor == 1 && (r.TakesTrailers || hasMember(f.Value, "trailers"))
		case Expect:
			c.expects++
			c.continues = EqualFold(f.Value, "100-continue")
		case Upgrade:
			c.upgrades++
			r.Upgrade = f.Value
			c.websocket = c.websocket || EqualFold(f.Value, "websocket")
		case SecWebSocketKey:
			c.keys++
			r.WebSocketKey = f.Value
		case Origin:
			if r.OriginLines++; r.OriginLines == 1 {
				r.Origin = f.Value
			}
			c.forged = c.forged || !exact(f)
		case AccessControlAllowOrigin:
			c.forged = true
		case AccessControlRequestMethod:
			if r.ACRMLines++; r.ACRMLines == 1 {
				r.ACRM = f.Value
			}
		case AccessControlRequestHeaders:
			r.ACRHLines++
		case AccessControlRequestPrivateNetwork:
			r.WantsPrivate = string(f.Value) == "true"
		case XRequestID:
			r.RequestIDLines++
			r.RequestID = f.Value
		case TraceParent:
			r.TraceParentLines++
			r.TraceParent = f.Value
		case SecFetchSite:
			r.SecFetchSite = f.Value
			r.SecFetchSiteLines++
		case Via:
			r.HasVia = true
		case Authorization:
			r.ConnectionAuth = r.ConnectionAuth || connectionAuth(f.Value)
		case Lookalike:
			r.HasLookalike = true
		case Forwarded, XForwardedFor, XForwardedProto, XForwardedHost, XForwardedOther, XOriginal:
			r.HasForwarding = true
		}
	}
	return r.judge(&c, authority)
}

// requestFacts are what the fields say while they are walked.
type requestFacts struct {
	hosts, lengths, codings, types, expects, upgrades, keys int

	close, keepAlive, upgrade bool // options of Connection
	continues, websocket      bool
	forged                    bool // no browser has written Origin like this
}

// judge applies the rules that need more than one field.
func (r *Request) judge(c *requestFacts, authority []byte) *Fault {
	switch {
	case c.hosts > 1 || c.hosts == 0 && r.Minor == 1:
		return FaultHost
	case c.hosts == 1 && !ValidHost(r.Host):
		return FaultHost
	case authority != nil && (len(authority) != len(r.Host) || !foldEqual(authority, r.Host)):
		return FaultHost
	case c.lengths > 1:
		return FaultLength
	case c.codings > 1:
		return FaultCoding
	case c.codings == 1 && c.lengths == 1:
		return FaultBothFramings
	case c.codings == 1 && r.Minor == 0:
		return FaultCoding
	case c.expects > 0 && r.Minor == 1 && (c.expects > 1 || !c.continues):
		return FaultExpect
	case c.websocket && c.upgrade && r.Minor == 1 && r.HasContent():
		return FaultUpgrade
	}
	if c.forged && r.OriginLines > 0 {
		r.Origin = forgedOrigin
	}
	r.Continue = c.expects > 0 && r.Minor == 1 && r.HasContent()
	r.Close = c.close || r.Minor == 0 && !c.keepAlive
	if c.upgrades != 1 || !c.upgrade || r.Minor == 0 || r.HasContent() {
		r.Upgrade = nil
	}
	r.WebSocket = c.websocket && r.Upgrade != nil && c.keys == 1 && string(r.Method) == "GET"
	return nil
}

// forgedOrigin is not a serialized origin.
var forgedOrigin = []byte("-")

// exact reports whether the value stands in its line as browsers write it: after the colon and at
// most one SP, right before the CRLF. It looks at what follows the name in the buffer.
func exact(f *Field) bool {
	line := f.Name[len(f.Name):cap(f.Name)]
	line = line[1:] // the colon
	if line[0] == ' ' {
		line = line[1:]
	}
	return len(line) > len(f.Value) && string(line[:len(f.Value)]) == string(f.Value) && line[len(f.Value)] == '\r'
}

// coding judges one Transfer-Encoding value. See RFC 9112, sections 6.1 and 6.3.
func coding(v []byte) *Fault {
	if EqualFold(v, "chunked") {
		return nil
	}
	// Codings we lack, properly ended by chunked, are not malformed, only unknown.
	known := true
	var last []byte
	for rest := v; rest != nil; {
		last, rest = nextMember(rest)
		known = known && IsToken(last)
	}
	if known && EqualFold(last, "chunked") {
		return FaultCodingNew
	}
	return FaultCoding
}

// connection reads one Connection value. See RFC 9110, section 7.6.1.
func (r *Request) connection(v []byte, c *requestFacts) *Fault {
	for rest := v; rest != nil; {
		var option []byte
		option, rest = nextMember(rest)
		switch {
		case len(option) == 0:
		case !IsToken(option):
			return FaultConnection
		case EqualFold(option, "close"):
			c.close = true
		case EqualFold(option, "keep-alive"):
			c.keepAlive = true
		case EqualFold(option, "upgrade"):
			c.upgrade = true
		case len(r.options) == maxOptions:
			return FaultConnection
		default:
			r.options = append(r.options, option)
		}
	}
	return nil
}

// hasMember reports whether a comma-separated list has a member, in any case.
func hasMember(list []byte, want string) bool {
	for rest := list; rest != nil; {
		var member []byte
		if member, rest = nextMember(rest); EqualFold(member, want) {
			return true
		}
	}
	return false
}

// Forwardable reports whether f, one of the request's own fields, may be forwarded unchanged: it is
// not hop-by-hop, not named by Connection, not framing or Host (the gateway writes these itself),
// not Expect (handled here), and a recipient cannot mistake it for another field. For a Lookalike
// the caller decides. What proxies say of the client is judged elsewhere; see FieldID.Forwarding.
func (r *Request) Forwardable(f *Field) bool {
	switch {
	case f.ID == Other:
		return len(r.options) == 0 || !r.Named(f.Name)
	case f.ID == Lookalike, f.ID == Host, f.ID == ContentLength, f.ID == Expect, f.ID.HopByHop():
		return false
	}
	return len(r.options) == 0 || !r.Named(f.Name)
}

// Named reports whether Connection names a field.
func (r *Request) Named(name []byte) bool {
	for _, option := range r.options {
		if len(option) == len(name) && foldEqual(option, name) {
			return true
		}
	}
	return false
}

// ValidHost reports whether h is a host with an optional port, as Host carries it: a registered
// name of letters, digits, '-', '_' and '.', an IPv4 address, or an IPv6 address in brackets.
// User information, escapes, empty labels and zones are refused. See RFC 9110, section 7.2.
func ValidHost(h []byte) bool {
	name := HostName(h)
	if port := h[len(name):]; len(port) > 0 {
		n, ok := decimal(port[1:])
		if port[0] != ':' || !ok || n > 65535 || len(port) > len(":65535") {
			return false
		}
	}
	if len(name) == 0 || len(name) > 255 {
		return false
	}
	if name[0] == '[' {
		if len(name) < 4 || len(name) > 47 || name[len(name)-1] != ']' {
			return false
		}
		// The conversion is on no hot path: browsers reach APIs by name.
		a, err := netip.ParseAddr(string(name[1 : len(name)-1]))
		return err == nil && a.Is6() && a.Zone() == ""
	}
	dot := true
	for _, b := range name {
		if octet[b]&hostByte == 0 || b == '.' && dot {
			return false
		}
		dot = b == '.'
	}
	return true
}

// HostName returns h without its port.
func HostName(h []byte) []byte {
	if len(h) > 0 && h[0] == '[' {
		if end := bytes.IndexByte(h, ']'); end > 0 {
			return h[:end+1]
		}
		return h
	}
	if colon := bytes.IndexByte(h, ':'); colon >= 0 {
		return h[:colon]
	}
	return h
}
