package wire

// A FieldID names a field that the gateway acts upon; every other field is Other.
type FieldID uint8

// The fields that the gateway acts upon. The groups matter: see HopByHop and Forwarding.
const (
	Other     FieldID = iota
	Lookalike         // a name of a request with a character that CGI-style upstreams cannot tell from '-', such as '_'

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
	AccessControlAllowOrigin // of a response; see Request.Origin for what it means in a request
	SecWebSocketKey
	SecWebSocketAccept
	XRequestID
	TraceParent
	TraceState
	Authorization
	WWWAuthenticate

	// What says where a client has to go next, or where a cookie holds.
	Location
	ContentLocation
	Refresh
	SetCookie

	// Hop-by-hop.
	Connection
	TransferEncoding
	Upgrade
	TE
	Trailer
	KeepAlive
	Proxy // no field of HTTP: CGI-style upstreams would take it for HTTP_PROXY
	ProxyConnection
	ProxyAuthenticate
	ProxyAuthorization
	HTTP2Settings

	// What proxies say of the client.
	Forwarded
	XForwardedFor
	XForwardedProto
	XForwardedHost
	XForwardedOther // every other X-Forwarded-*, X-Real-IP and other names for the client's address
	XOriginal       // other URLs or hosts than the request's: X-Original-URL, X-Rewrite-URL …
)

// HopByHop reports whether the field ends at the next hop, whatever Connection names.
// See RFC 9110, section 7.6.1.
func (id FieldID) HopByHop() bool { return id >= Connection && id <= HTTP2Settings }

// Forwarding reports whether the field is one of those by which proxies speak of the client:
// believed from a trusted peer, dropped from any other. XOriginal, by which a client could be led around
// what the gateway decides by path and host, needs more than that: its name has to be configured.
func (id FieldID) Forwarding() bool { return id >= Forwarded && id <= XOriginal }

// Locates reports whether the field's value holds a URL, or a part of one, that the server writes as it sees itself.
func (id FieldID) Locates() bool { return id >= Location && id <= SetCookie }

// A Field is one field line. Name is as spelt by the sender, Value is trimmed; both alias the
// buffer that was parsed.
type Field struct {
	Name, Value []byte
	ID          FieldID
}

type knownName struct {
	name string
	id   FieldID
}

// names are those of the fields that the gateway acts upon.
var names = []knownName{
	{"access-control-request-headers", AccessControlRequestHeaders},
	{"access-control-request-method", AccessControlRequestMethod},
	{"access-control-request-private-network", AccessControlRequestPrivateNetwork},
	{"access-control-allow-origin", AccessControlAllowOrigin},
	{"authorization", Authorization},
	{"www-authenticate", WWWAuthenticate},
	{"connection", Connection},
	{"content-length", ContentLength},
	{"content-location", ContentLocation},
	{"content-type", ContentType},
	{"date", Date},
	{"expect", Expect},
	{"forwarded", Forwarded},
	{"host", Host},
	{"http2-settings", HTTP2Settings},
	{"keep-alive", KeepAlive},
	{"location", Location},
	{"origin", Origin},
	{"proxy", Proxy},
	{"proxy-authenticate", ProxyAuthenticate},
	{"proxy-authorization", ProxyAuthorization},
	{"proxy-connection", ProxyConnection},
	{"refresh", Refresh},
	{"sec-fetch-site", SecFetchSite},
	{"sec-websocket-accept", SecWebSocketAccept},
	{"sec-websocket-key", SecWebSocketKey},
	{"set-cookie", SetCookie},
	{"te", TE},
	{"traceparent", TraceParent},
	{"tracestate", TraceState},
	{"trailer", Trailer},
	{"transfer-encoding", TransferEncoding},
	{"upgrade", Upgrade},
	{"vary", Vary},
	{"via", Via},
	{"x-forwarded-for", XForwardedFor},
	{"x-forwarded-host", XForwardedHost},
	{"x-forwarded-proto", XForwardedProto},
	{"x-original-url", XOriginal},
	{"x-original-uri", XOriginal},
	{"x-original-host", XOriginal},
	{"x-rewrite-url", XOriginal},
	{"x-rewrite-uri", XOriginal},
	{"x-envoy-original-path", XOriginal},
	{"x-http-host-override", XOriginal},
	{"x-host", XOriginal},
	{"x-script-name", XOriginal},
	{"x-real-ip", XForwardedOther},
	{"x-client-ip", XForwardedOther},
	{"x-cluster-client-ip", XForwardedOther},
	{"x-original-forwarded-for", XForwardedOther},
	{"true-client-ip", XForwardedOther},
	{"cf-connecting-ip", XForwardedOther},
	{"fastly-client-ip", XForwardedOther},
	{"x-request-id", XRequestID},
}

// known holds each of names at its hash.
var known = func() (t [256]knownName) {
	for _, n := range names {
		h := hash([]byte(n.name))
		if t[h].name != "" {
			panic("BUG: two known field names have one hash")
		}
		t[h] = n
	}
	return t
}()

// hash keeps the known names apart, in any case, by their length and two of their bytes.
//
// Precondition: name is not empty.
func hash(name []byte) int {
	return (len(name) + 5*int(name[0]|0x20) + 167*int(name[len(name)-1]|0x20)) % 256 // len(known)
}

// Identify returns the FieldID of a name, in any case.
func Identify(name []byte) FieldID {
	if len(name) == 0 {
		return Other
	}
	if n := &known[hash(name)]; EqualFold(name, n.name) {
		return n.id
	}
	const prefix = "x-forwarded-"
	if len(name) > len(prefix) && name[0]|0x20 == 'x' && EqualFold(name[:len(prefix)], prefix) {
		return XForwardedOther
	}
	return Other
}

// IsLookalike reports whether a name holds anything but letters, digits and '-'.
func IsLookalike(name []byte) bool {
	for _, b := range name {
		if octet[b]&nameByte == 0 {
			return true
		}
	}
	return false
}

// Impersonates reports whether a name that is a [Lookalike] could be taken for one that the gateway, a
// proxy or a browser vouches for: a field that the gateway acts upon, or one that begins with
// X-Forwarded-, Proxy- or Sec-.
func Impersonates(name []byte) bool {
	var buf [64]byte
	like := buf[:copy(buf[:], name)]
	for i, b := range like {
		if like[i] = lower(b); !alnum(b) {
			like[i] = '-'
		}
	}
	for _, prefix := range []string{"x-forwarded-", "proxy-", "sec-"} {
		if len(like) >= len(prefix) && string(like[:len(prefix)]) == prefix {
			return true
		}
	}
	return len(like) == len(name) && Identify(like) != Other
}
