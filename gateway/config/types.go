package config

import (
	"crypto/sha256"
	"log/slog"
	"net/netip"
	"time"
)

// Config is one configuration with all defaults filled in. It is plain data, nobody changes it after [Parse] returned it, and so it is safe for concurrent use.
// Named tables are slices in the order of the file.
type Config struct {
	// File is the name of the file, for messages.
	File string
	// Listeners are where clients connect. Without any in the file: one named "http".
	Listeners []Listener
	// TLS is what listeners with TLS offer.
	TLS TLS
	// Admin is the operators' listener.
	Admin Admin
	// Log is the process's log and the access log.
	Log Log
	// Trust says whose statements about clients are believed.
	Trust Trust
	// Limits bound the whole process.
	Limits Limits
	// Timeouts bound how slow a client may be.
	Timeouts Timeouts
	// Cache sizes the preflight cache.
	Cache Cache
	// DefaultCORS names the policy of what no route is responsible for: the gateway's own answers to requests that no
	// route takes, or that are refused before one is known (400, 404, 405, 408, 414, 421, 431 and the like). Default "": the
	// policy of the route whose host and path prefix are nearest to the request, if it has one; where several policies are as near,
	// none.
	DefaultCORS string
	// CORS are the policies that routes name.
	CORS []CORS
	// Upstreams are the groups of endpoints that routes name.
	Upstreams []Upstream
	// Trace says how traces go on here; nil: requests keep what they have.
	Trace *Trace
	// RateLimits are the rate limits that routes name.
	RateLimits []RateLimit
	// Redis is where limits are counted that gateways share; nil: nowhere.
	Redis *Redis
	// Routes say what becomes of a request. At least one, unless there was a problem, or Fleet is set and Revision is not.
	Routes []Route
	// Fleet is where CORS, Upstreams, RateLimits and Routes come from, or nil: they are in the file.
	Fleet *Fleet
	// Revision is what they came from, such as "revision 12", for messages; "": from the file, or they are still missing.
	Revision string

	places     *places
	sum        [sha256.Size]byte
	own        Source                       // what it was parsed from
	shared     *Source                      // and, unless it is nil, together with
	given      map[string]given             // values that came from elsewhere, by path
	resolved   bool                         // all of them are known
	hidden     []secret                     // theirs, then; see secrets
	valueFiles map[string][sha256.Size]byte // that they came from
}

// Listener is [listener.NAME].
type Listener struct {
	// Name is the table's name.
	Name string
	// Address is where to listen. Default "127.0.0.1:8080". Port 0 lets the kernel choose.
	Address Address
	// TLS: clients speak TLS. Default false.
	TLS bool
	// ProxyProtocol: each connection starts with a PROXY protocol header, and comes from one of Trust.Proxies. Default false.
	// A header may come in pieces. LOCAL, UNKNOWN and AF_UNSPEC stand for the connection itself; PP2_TYPE_CRC32C is not verified.
	ProxyProtocol bool
	// RedirectHTTPS: requests, other than preflights, are answered 308 to https. Default false.
	RedirectHTTPS bool
	// HTTP3: offer HTTP/3 on the UDP port of the same number, and announce it by Alt-Svc to clients that come by TCP. Needs
	// TLS, and the port open for UDP. A route that sets or removes Alt-Svc has the last word; what upstreams say of it is
	// dropped. Default false.
	HTTP3 bool
	// H2C: without TLS, clients that know of it may speak HTTP/2 from the first byte on, beside those that speak HTTP/1.1. A
	// request to upgrade to it is never followed. Default false.
	H2C bool
	// Engine is "auto" (default: the event loop for small exchanges, where there is one) or "fasthttp"
	// (a goroutine per connection).
	Engine string
	// ClientCA is that of TLS for this listener. Default "": what [tls] says.
	ClientCA string
	// ClientAuth is that of TLS for this listener. Default "": what [tls] says.
	ClientAuth string
	// ReadyPath is a path at which this listener says whether the gateway is ready: 200, or 503 while it drains, whatever the
	// host, before routing, redirects and limits. For balancers that cannot reach [admin]. Default "": none.
	ReadyPath string
}

// TLS is [tls], for all listeners with TLS.
type TLS struct {
	// Certificates are chosen by the name that a client asks for; the first is for all other names. At least one, or
	// ACME, if a listener has TLS. Default none.
	Certificates []Certificate
	// MinVersion is the oldest version of TLS that is spoken, "1.2" (default) or "1.3".
	MinVersion string
	// ClientCA is a PEM file of authorities as it was written, see [Config.Path]: clients are asked for a certificate that one of
	// them has signed, and ClientAuth says what becomes of those without. Connections end when it changes, or its file. Default
	// "": clients are not asked for one.
	ClientCA string
	// ClientAuth is "preflight-exempt" (default: a request without a certificate is answered 403, but for preflights that the
	// gateway answers itself, which browsers send without), "require" (no handshake without a certificate, which no page's
	// preflight survives: for machines) or "optional" (requests without a certificate pass; $client_cert_subject tells).
	ClientAuth string
	// ACME gets further certificates from an authority.
	ACME ACME
}

// Certificate is an element of certificates in [tls]. File names are as they were written; see [Config.Path].
type Certificate struct {
	// Cert is a PEM file with the certificate, then those that lead to its root.
	Cert string
	// Key is the PEM file with its private key.
	Key string
}

// ACME is [tls.acme]. Certificates are got from an authority, and renewed in time. The authority checks that the gateway
// answers for a domain, by a connection to port 443 of it (TLS-ALPN-01) or 80 (HTTP-01): listeners with TLS answer the one,
// those without the other.
type ACME struct {
	// Directory is the URL of the authority. Default Let's Encrypt's.
	Directory string
	// Email is how the authority can reach you, should it want to. Default "": not at all.
	Email string
	// Domains are the names to get a certificate for, each its own. Names that a certificate from a file has are left to it.
	// Default none: ACME is off.
	Domains []string
	// Storage is a directory as it was written, see [Config.Path]: certificates, their keys and the account are kept there,
	// readable by corsgate alone. Gateways may share it. Default "/var/lib/corsgate/acme".
	Storage string
	// RootCA is a PEM file as it was written, see [Config.Path]: authorities that the directory's own certificate is
	// verified against. Default "": the system's.
	RootCA string
}

// Admin is [admin].
type Admin struct {
	// Address is loopback or a unix socket, or Off for none. Default "127.0.0.1:9900". Port 0 lets the kernel choose.
	Address Address
	// MetricsAddress is a second address, for those who are not on this machine: GET /metrics, /healthz and /readyz, and nothing
	// else. Default "": none.
	MetricsAddress Address
	// MetricsAllow are the networks that may ask there; a reload changes them. Default none: loopback and private networks.
	MetricsAllow []netip.Prefix
}

// Log is [log].
type Log struct {
	// Level is the least level that is logged. Default info.
	Level slog.Level
	// Format is "auto" (default: text on a terminal, else JSON), "text" or "json".
	Format string
	// Access is what the access log has: "off", "errors" (default: 4xx and 5xx that were made here, 5xx of
	// upstreams, responses that broke off, refusals by a policy), "all", or a share such as "1%": the errors, and that
	// share of all requests.
	Access string
	// AccessFile is a file that the access log is appended to, as it was written: see [Config.Path]. A reload and SIGUSR1
	// open it anew. Default "": stdout.
	AccessFile string
}

// Trust is [trust].
type Trust struct {
	// Proxies are the networks whose Forwarded and X-Forwarded-* fields are believed. They are masked.
	Proxies []netip.Prefix
	// PassHeaders are names of fields by which a proxy speaks of another URL or host than that of the request, such as
	// X-Original-URL and X-Rewrite-URL, and that pass if a trusted proxy sends them. Others of their kind never do. Default none.
	PassHeaders []string
}

// Limits is [limits].
type Limits struct {
	// Connections of clients at once. One more takes the place of the one that has been silent longest. Default 0: a third of
	// the file descriptors that the process may have (LimitNOFILE in systemd), without its own; upstreams need the others. More
	// than seven eighths of them there never are.
	Connections int
	// ConnectionsPerIP bounds those of one client address, IPv6 by /64. Default 0: no bound.
	ConnectionsPerIP int
	// HeaderBytes bounds request line and header section, 1KiB to 1MiB. Default 16KiB.
	HeaderBytes ByteSize
	// HeaderFields bounds the field lines of a request, 8 to 1024. Default 128.
	HeaderFields int
	// BodyBytes bounds a request body; 0 admits none. Default 10MiB.
	BodyBytes ByteSize
	// InFlight bounds requests at once that upstreams are asked for: beyond it, 503; see Route.Priority.
	// Default 0: as many as Connections.
	InFlight int
	// Underscores is what becomes of request fields whose name holds a character other than a letter, a digit or '-', and that
	// neither the route's policy nor a key of it names: an upstream that works as CGI does reads X_User as X-User.
	// "drop" leaves them out, "pass" forwards them, "refuse" answers 400. Default "drop". Fields that could be taken for
	// one that the gateway sets, or that a browser or a proxy vouches for, are left out in any case.
	Underscores string
}

// Timeouts is [timeouts].
type Timeouts struct {
	// Header bounds the time from the first byte of a request to the end of its header section, the wait for the first byte of
	// a new connection, and before that what a client takes for its TLS handshake or its PROXY header: each by itself, on
	// every listener; > 0. Over HTTP/3 it bounds handshakes only: a header section that is not all there is no request, and
	// ends with its connection. Default 5s.
	Header time.Duration
	// Idle bounds the time between two requests of a connection; > 0. Any but the default is also that in which neither
	// end of a WebSocket or of another upgrade sends anything, unless the route has an IdleTimeout. Default 75s.
	Idle time.Duration
	// BodyIdle bounds the time without progress on a request body or in writing a response; > 0. Default 30s. A body
	// that takes longer in all has to come at 500 bytes per second, and a client has to take 64 KiB within it.
	BodyIdle time.Duration
	// Shutdown bounds the drain on SIGTERM. Default 30s.
	Shutdown time.Duration
	// LameDuck is how long the readiness check fails before listeners close. Default 0.
	LameDuck time.Duration
}

// Cache is [cache].
type Cache struct {
	// Preflights is the number of entries of the preflight cache, of 640 bytes each at most, on average, 20 MiB by default, and about
	// 100 where answers differ in nothing but the origin; 0 switches it off. More entries than by default are only worth their
	// memory where pages ask for long lists of header names: to find an answer among very many takes longer than to compute a
	// short one. Default 32768.
	Preflights int
}
