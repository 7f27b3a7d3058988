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
	AccessControlAllowOrigin // of a response; for its meaning in a request see Request.Origin
	SecWebSocketKey
	SecWebSocketAccept
	XRequestID
	TraceParent
	TraceState
	Authorization
	WWWAuthenticate

	// Fields with a URL or a path that the client is to use next, or that a cookie is for.
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
	Proxy // not a field of HTTP: CGI makes HTTP_PROXY of it, which libraries read as their proxy (httpoxy, CVE-2016-5385)
	ProxyConnection
	ProxyAuthenticate
	ProxyAuthorization
	HTTP2Settings

	// Fields by which proxies describe the client.
	Forwarded
	XForwardedFor
	XForwardedProto
	XForwardedHost
	XForwardedOther // every other X-Forwarded-*, X-Real-IP and other names for the client's address
	XOriginal       // other URLs or hosts than the request's: X-Original-URL, X-Rewrite-URL …
)

// HopByHop reports whether the field ends at the next hop, whatever Connection names: the
// fields that RFC 9110, section 7.6.1, lists for removal "before forwarding", and those that
// only make sense for one connection. Two comparisons, thanks to the order of the constants.
func (id FieldID) HopByHop() bool { return id >= Connection && id <= HTTP2Settings }

// Forwarding reports whether the field is one of those by which proxies describe the client:
// believed from a trusted peer, dropped from any other. XOriginal, by which a client could be
// led around the gateway's decisions by path and host, needs more than that: its name must
// be configured.
func (id FieldID) Forwarding() bool { return id >= Forwarded && id <= XOriginal }

// Locates reports whether the field's value contains a URL, or a part of one, that the server
// writes as it sees itself.
func (id FieldID) Locates() bool { return id >= Location && id <= SetCookie }

// A Field is one field line. Name is as spelt by the sender, Value is trimmed; both alias the
// buffer that was parsed and are valid as long as that is unchanged. The capacity of Name
// reaches to the end of the buffer; Value's ends with its last byte, so that an append to a
// value cannot write into the next line.
type Field struct {
	Name, Value []byte
	ID          FieldID
}

type knownName struct {
	name string
	id   FieldID
}

// names are the names of the fields that the gateway acts upon.
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

// known has each of names at its hash: a perfect hash, found by hand, that a test of the table
// at start holds. An unknown name costs one computation and one comparison that usually ends at
// the length.
//
//	"host"  4 + 5·'h' + 167·'t' ≡ 184 (mod 256) ──► known[184] = {"host", Host}  ──EqualFold──►  Host
//
// A map of strings would need the name in lower case first, and a hash over all of its bytes.
// With this table and the eight bytes at a time of fieldEnd, a browser's head takes 267 ns; it
// took 311 without.
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

// hash keeps the known names apart, in any case, by their length and two of their bytes. |0x20
// makes letters lower case and maps '-' to itself. Changing names may need other factors: the
// panic above says so at the first start.
//
// Precondition: name is not empty.
func hash(name []byte) int {
	return (len(name) + 5*int(name[0]|0x20) + 167*int(name[len(name)-1]|0x20)) % 256 // len(known)
}

// Identify returns the FieldID of a name, in any case. Names are case-insensitive (RFC 9110,
// section 5.1).
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

// IsLookalike reports whether a name contains anything but letters, digits and '-'. CGI, WSGI
// and PHP make variables of names in which '-' and '_' are both '_', so "X_Forwarded_For"
// overrules the X-Forwarded-For that the gateway wrote. See RFC 3875, section 4.1.18.
func IsLookalike(name []byte) bool {
	for _, b := range name {
		if octet[b]&nameByte == 0 {
			return true
		}
	}
	return false
}

// Impersonates reports whether a name that is a [Lookalike] could be taken for one that the
// gateway, a proxy or a browser vouches for: a field that the gateway acts upon, or one that
// begins with X-Forwarded-, Proxy- or Sec-.
func Impersonates(name []byte) bool {
	var buf [64]byte
	like := buf[:copy(buf[:], name)]
	// As a CGI-style recipient sees it, except that it writes '_': lower case, one character
	// for all that are neither letters nor digits.
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
