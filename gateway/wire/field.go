package wire

// A FieldID names a field that the gateway acts upon; every other field is Other.
type FieldID uint8

// The fields that the gateway acts upon. The groups matter: see HopByHop and Forwarding.
const (
	Other       FieldID = iota
	Underscored         // a name with '_': CGI-style upstreams cannot tell it from one with '-'

	Host
	ContentLength
	ContentType
	Date
	Expect
	Vary
	Via
	SecFetchSite
	Origin
	AccessControlRequestMethod
	AccessControlRequestHeaders
	AccessControlRequestPrivateNetwork
	SecWebSocketKey
	SecWebSocketAccept

	// Hop-by-hop.
	Connection
	TransferEncoding
	Upgrade
	TE
	Trailer
	KeepAlive
	ProxyConnection
	ProxyAuthenticate
	ProxyAuthorization
	HTTP2Settings

	// What proxies say of the client.
	Forwarded
	XForwardedFor
	XForwardedProto
	XForwardedHost
	XForwardedOther // every other X-Forwarded-*, X-Real-IP, X-Original-URL, X-Rewrite-URL …

	numFieldIDs
)

// HopByHop reports whether the field ends at the next hop, whatever Connection names.
// See RFC 9110, section 7.6.1.
func (id FieldID) HopByHop() bool { return id >= Connection && id <= HTTP2Settings }

// Forwarding reports whether the field is one of those by which proxies speak of the client:
// believed from a trusted peer, dropped from any other.
func (id FieldID) Forwarding() bool { return id >= Forwarded && id <= XForwardedOther }

// A Field is one field line. Name is as spelt by the sender, Value is trimmed; both alias the
// buffer that was parsed.
type Field struct {
	Name, Value []byte
	ID          FieldID
}

// Identify returns the FieldID of a name, in any case.
//
// The switch on the length leaves at most a few comparisons for any name.
func Identify(name []byte) FieldID {
	switch len(name) {
	case 2:
		return is(name, "te", TE)
	case 3:
		return is(name, "via", Via)
	case 4:
		switch lower(name[0]) {
		case 'h':
			return is(name, "host", Host)
		case 'd':
			return is(name, "date", Date)
		case 'v':
			return is(name, "vary", Vary)
		}
	case 6:
		switch lower(name[0]) {
		case 'o':
			return is(name, "origin", Origin)
		case 'e':
			return is(name, "expect", Expect)
		}
	case 7:
		if lower(name[0]) == 'u' {
			return is(name, "upgrade", Upgrade)
		}
		return is(name, "trailer", Trailer)
	case 9:
		switch lower(name[0]) {
		case 'f':
			return is(name, "forwarded", Forwarded)
		case 'x':
			return is(name, "x-real-ip", XForwardedOther)
		}
	case 10:
		if lower(name[0]) == 'k' {
			return is(name, "keep-alive", KeepAlive)
		}
		return is(name, "connection", Connection)
	case 12:
		return is(name, "content-type", ContentType)
	case 13:
		return is(name, "x-rewrite-url", XForwardedOther)
	case 14:
		switch lower(name[0]) {
		case 'c':
			return is(name, "content-length", ContentLength)
		case 's':
			return is(name, "sec-fetch-site", SecFetchSite)
		case 'h':
			return is(name, "http2-settings", HTTP2Settings)
		case 'x':
			return is(name, "x-original-url", XForwardedOther)
		}
	}
	return identifyLong(name)
}

func identifyLong(name []byte) FieldID {
	switch lower(name[0]) {
	case 'x':
		return identifyForwarded(name)
	case 't':
		return is(name, "transfer-encoding", TransferEncoding)
	case 'p':
		switch len(name) {
		case 16:
			return is(name, "proxy-connection", ProxyConnection)
		case 18:
			return is(name, "proxy-authenticate", ProxyAuthenticate)
		case 19:
			return is(name, "proxy-authorization", ProxyAuthorization)
		}
	case 's':
		if id := is(name, "sec-websocket-key", SecWebSocketKey); id != Other {
			return id
		}
		return is(name, "sec-websocket-accept", SecWebSocketAccept)
	case 'a':
		switch len(name) {
		case 29:
			return is(name, "access-control-request-method", AccessControlRequestMethod)
		case 30:
			return is(name, "access-control-request-headers", AccessControlRequestHeaders)
		case 38:
			return is(name, "access-control-request-private-network", AccessControlRequestPrivateNetwork)
		}
	}
	return Other
}

// identifyForwarded knows the X-Forwarded family.
func identifyForwarded(name []byte) FieldID {
	const prefix = "x-forwarded-"
	if len(name) <= len(prefix) || !EqualFold(name[:len(prefix)], prefix) {
		return Other
	}
	switch rest := name[len(prefix):]; {
	case EqualFold(rest, "for"):
		return XForwardedFor
	case EqualFold(rest, "proto"):
		return XForwardedProto
	case EqualFold(rest, "host"):
		return XForwardedHost
	}
	return XForwardedOther
}

// is returns id if name is want, in any case, else Other.
func is(name []byte, want string, id FieldID) FieldID {
	if EqualFold(name, want) {
		return id
	}
	return Other
}
