package config

import (
	"crypto/sha256"
	"log/slog"
	"net/netip"
	"time"
)

// Config is one configuration with all defaults filled in. It is plain data, never changed after [Parse] has returned it,
// and therefore safe for concurrent use. Named tables are slices in the order of the file.
type Config struct {
	// File is the name of the file, for messages.
	File string
	// Listeners are where clients connect. Without any in the file: one named "http".
	Listeners []Listener
	// TLS is the configuration of listeners with TLS.
	TLS TLS
	// Admin is the operators' listener.
	Admin Admin
	// Log is the process's log and the access log.
	Log Log
	// Trust says which proxies are believed about clients.
	Trust Trust
	// Limits bound the whole process.
	Limits Limits
	// Timeouts bound how slow a client may be.
	Timeouts Timeouts
	// Cache sizes the preflight cache.
	Cache Cache
	// DefaultCORS names the policy for the gateway's own answers to requests that match no route or are refused before they
	// are routed (400, 404, 405, 408, 414, 421, 431 and so on). Default "": the policy of the route whose host and path prefix
	// are closest to the request, or no policy if the closest routes have different ones.
	DefaultCORS string
	// CORS are the policies that routes name.
	CORS []CORS
	// Upstreams are the groups of endpoints that routes name.
	Upstreams []Upstream
	// Trace configures tracing; nil: trace fields pass unchanged.
	Trace *Trace
	// Auths are the ways to tell who asks that routes name.
	Auths []Auth
	// RateLimits are the rate limits that routes name.
	RateLimits []RateLimit
	// Redis is the server that counts the limits that gateways share; nil: none.
	Redis *Redis
	// Routes say how requests are handled. At least one, unless there was a problem, or Fleet is set and Revision is not.
	Routes []Route
	// Fleet is where CORS, Upstreams, RateLimits and Routes come from, or nil: they are in the file.
	Fleet *Fleet
	// Revision is the revision that they came from, such as "revision 12", for messages; "": they are in the file, or not
	// known yet.
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
	// TLS: clients use TLS. Default false.
	TLS bool
	// ProxyProtocol: each connection starts with a PROXY protocol header and comes from a network in [Trust.Proxies]. The
	// header may arrive in pieces. LOCAL, UNKNOWN and AF_UNSPEC stand for the connection itself; PP2_TYPE_CRC32C is not
	// verified. Default false.
	ProxyProtocol bool
	// RedirectHTTPS: requests other than preflights are redirected to https with 308. Default false.
	RedirectHTTPS bool
	// HTTP3: offer HTTP/3 on the UDP port of the same number, and announce it in Alt-Svc to clients that connect over TCP.
	// Needs TLS, and the port open for UDP. A route may set or remove Alt-Svc; the upstream's Alt-Svc is dropped. Default
	// false.
	HTTP3 bool
	// H2C: without TLS, accept HTTP/2 with prior knowledge besides HTTP/1.1. Requests to upgrade to h2c are never followed.
	// Default false.
	H2C bool
	// Engine is "auto" (default: the event loop for small exchanges, where the platform has one) or "fasthttp" (a goroutine
	// per connection).
	Engine string
	// ClientCA overrides [TLS.ClientCA] for this listener. Default "": not overridden.
	ClientCA string
	// ClientAuth overrides [TLS.ClientAuth] for this listener. Default "": not overridden.
	ClientAuth string
	// ReadyPath is a path at which this listener reports readiness: 200, or 503 while the gateway drains, for any host, before
	// routing, redirects and limits. It is for load balancers that cannot reach [admin]. Default "": none.
	ReadyPath string
}

// TLS is [tls], for all listeners with TLS.
type TLS struct {
	// Certificates are chosen by the server name that the client sends; the first one is used for any other name. A listener
	// with TLS needs at least one, or ACME. Default none.
	Certificates []Certificate
	// MinVersion is the oldest version of TLS that is accepted, "1.2" (default) or "1.3".
	MinVersion string
	// ClientCA is a PEM file of certificate authorities: clients are asked for a certificate signed by one of them, and
	// [TLS.ClientAuth] says how clients without one are treated. Connections are closed when the key or the file changes. As
	// written: see [Config.Path]. Default "": clients are not asked for a certificate.
	ClientCA string
	// ClientAuth is "preflight-exempt" (default: requests without a certificate are answered 403, except preflights, which
	// browsers send without one and the gateway answers itself), "require" (the handshake fails without a certificate, so
	// no preflight of a page succeeds: for machines) or "optional" (requests without a certificate pass, and
	// $client_cert_subject identifies the others).
	ClientAuth string
	// ACME obtains further certificates from a certificate authority.
	ACME ACME
}

// Certificate is an element of certificates in [tls]. File names are as written: see [Config.Path].
type Certificate struct {
	// Cert is a PEM file with the certificate, followed by its intermediates.
	Cert string
	// Key is the PEM file with its private key.
	Key string
}

// ACME is [tls.acme]. Certificates are obtained from a certificate authority and renewed in time. The authority validates a
// domain by connecting to it on port 443 (TLS-ALPN-01), where listeners with TLS answer, or on port 80 (HTTP-01), where
// listeners without TLS answer.
type ACME struct {
	// Directory is the directory URL of the authority. Default "https://acme-v02.api.letsencrypt.org/directory".
	Directory string
	// Email is a contact address for the authority. Default "": none.
	Email string
	// Domains are the names to obtain certificates for, one certificate each. Names that a certificate from a file covers are
	// skipped. Default none: ACME is off.
	Domains []string
	// Storage is a directory for certificates, their keys and the account, readable by corsgate alone. Gateways may share it.
	// As written: see [Config.Path]. Default "/var/lib/corsgate/acme".
	Storage string
	// RootCA is a PEM file of authorities that the directory's own certificate is verified against. As written: see
	// [Config.Path]. Default "": the system's.
	RootCA string
}

// Admin is [admin].
type Admin struct {
	// Address is a loopback address or a Unix socket, or "off" for none. Default "127.0.0.1:9900". Port 0 lets the kernel
	// choose.
	Address Address
	// MetricsAddress is a second address, for clients on other machines. It serves GET /metrics, /healthz and /readyz, and
	// nothing else. Default "": none.
	MetricsAddress Address
	// MetricsAllow are the networks whose clients may use [Admin.MetricsAddress]; a reload changes them. Default none:
	// loopback and private networks.
	MetricsAllow []netip.Prefix
}

// Log is [log].
type Log struct {
	// Level is the lowest level that is logged: "debug", "info" (default), "warn" or "error".
	Level slog.Level
	// Format is "auto" (default: text on a terminal, JSON elsewhere), "text" or "json".
	Format string
	// Access selects the requests in the access log: "off", "errors" (default: the gateway's own 4xx and 5xx, 5xx from
	// upstreams, incomplete responses, refusals by a policy), "all", or a share such as "1%": the errors, and that share of
	// all requests.
	Access string
	// AccessFile is a file to append the access log to. A reload and SIGUSR1 reopen it. As written: see [Config.Path].
	// Default "": stdout.
	AccessFile string
}

// Trust is [trust].
type Trust struct {
	// Proxies are the networks whose Forwarded and X-Forwarded-* fields are believed. Default none.
	Proxies []netip.Prefix
	// PassHeaders are fields that state another URL or host for the request, such as X-Original-URL and X-Rewrite-URL, and
	// that are forwarded if a trusted proxy sent them. Other fields of this kind are always dropped. Default none.
	PassHeaders []string
}

// Limits is [limits].
type Limits struct {
	// Connections bounds the concurrent client connections. One more replaces the connection that has been silent longest.
	// Default 0: a third of the file descriptors that the process may have (LimitNOFILE in systemd), less the gateway's own;
	// upstreams need the rest. Larger values are cut to seven eighths of them.
	Connections int
	// ConnectionsPerIP bounds the concurrent connections of one client address, or one /64 of IPv6. Default 0: no bound.
	ConnectionsPerIP int
	// HeaderBytes bounds the size of request line and header section, 1KiB to 1MiB. Default 16KiB.
	HeaderBytes ByteSize
	// HeaderFields bounds the field lines of a request, 8 to 1024. Default 128.
	HeaderFields int
	// BodyBytes bounds the size of a request body; 0 admits none. Default 10MiB.
	BodyBytes ByteSize
	// InFlight bounds the concurrent requests to upstreams; beyond it requests are answered 503, in the order of the route's
	// [Route.Priority]. Default 0: so many that routes of normal priority can have one for each of [Limits.Connections].
	InFlight int
	// Underscores says how to treat request fields whose name contains a character other than a letter, a digit or "-", and
	// that neither the route's policy nor one of its keys names: upstreams with a CGI interface read X_User as X-User. "drop"
	// removes them, "pass" forwards them, "refuse" answers 400. Fields that could be mistaken for one that the gateway sets,
	// or that a browser or a proxy vouches for, are always removed. Default "drop".
	Underscores string
}

// Timeouts is [timeouts].
type Timeouts struct {
	// Header bounds, each separately, the TLS handshake, the PROXY protocol header, the wait for the first byte of a new
	// connection, and the time from the first byte of a request to the end of its header section; > 0. Over HTTP/3 a stream
	// whose header section is late is reset. Default 5s.
	Header time.Duration
	// Idle bounds the time between two requests of a connection; > 0. A value other than the default also bounds the silence
	// of WebSockets and other upgraded connections, unless the route sets [Route.IdleTimeout]. Default 75s.
	Idle time.Duration
	// BodyIdle bounds the time without progress on a request body, or in writing a response; > 0. A body that takes longer
	// than that in total must arrive at 500 bytes per second or more, and a client must accept 64 KiB within that time.
	// Default 30s.
	BodyIdle time.Duration
	// Shutdown bounds the drain on SIGTERM. Default 30s.
	Shutdown time.Duration
	// LameDuck is how long the readiness check fails before listeners close. Default 0s.
	LameDuck time.Duration
}

// Cache is [cache].
type Cache struct {
	// Preflights is the number of entries of the preflight cache; 0 disables it. An entry is the answer of a route for one
	// method and one list of header names, whatever allowed origin asks; a policy with a shadow has none. An entry has at
	// most 640 bytes on average (20 MiB by default). Default 32768.
	Preflights int
}
