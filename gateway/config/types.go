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

// CORS is [cors.NAME], a policy as it was written. Its meaning is judged by the package that compiles it.
type CORS struct {
	// Name is the table's name.
	Name string
	// Origins are origin patterns: "https://app.example.com", "https://*.example.com", "https://pr-*.preview.example.com",
	// "http://localhost:*", "http://192.168.0.0/16:*" and "http://[fd00::/8]:3000" (every address of a network),
	// "moz-extension://*" (any host of a scheme other than http and https), "null", "file://", or "*" for any. Required, unless OriginsFile is given.
	Origins []string
	// Methods beyond GET, HEAD and POST, or "*". Default none.
	Methods []string
	// RequestHeaders are names of request fields that a page may set, or "*". Default none.
	RequestHeaders []string
	// ExposeHeaders are names of response fields that a page may read, or "*". Default none.
	ExposeHeaders []string
	// Credentials: requests may carry cookies and the like. Default false.
	Credentials bool
	// MaxAge is how long browsers may cache a preflight; nil: the field is not sent. Default nil.
	MaxAge *time.Duration
	// PreflightStatus is the status of an allowed preflight. Default 204. Its range is not checked here.
	PreflightStatus int
	// RefusedPreflight is the status of a preflight that is refused: 403 (default), without a word on what would be allowed, or
	// 204 for an allowed origin whose method or header is refused, with the lists of what is allowed, so that the browser's
	// message names the method or header; where the list concerned is "*" it is 403 all the same, and so it is for refused origins.
	// Cors-Refused says why in either case.
	RefusedPreflight int
	// PreflightHeaders are fields on all answers to preflights that the gateway makes, allowed or refused, such as Cache-Control
	// and Strict-Transport-Security. Variables are not supported: the answers are cached; "$$" stands for "$". Vary is merged
	// with the gateway's own. CORS fields, those that frame or describe the content, hop-by-hop fields, Date, Set-Cookie and
	// others that the gateway writes cannot be set. Default none.
	PreflightHeaders map[string]string
	// ExposeOnPreflight: send Access-Control-Expose-Headers on allowed preflights, too. Browsers ignore it there. Default false.
	ExposeOnPreflight bool
	// Denied is what becomes of an actual request of a denied origin: "forward" (default) or "block".
	Denied string
	// UpstreamCORS is what becomes of the upstream's own CORS fields: "override" (default), "merge_expose" or "passthrough".
	UpstreamCORS string
	// WebSocketOriginCheck: a WebSocket upgrade needs an allowed origin, or none, or its own. Default true.
	WebSocketOriginCheck bool
	// CSRF is "off" (default), "report" or "enforce".
	CSRF string
	// TimingAllowOrigin: send Timing-Allow-Origin to allowed origins. Default false.
	TimingAllowOrigin bool
	// ResourcePolicy is the Cross-Origin-Resource-Policy: "same-origin", "same-site", "cross-origin" or "" (default: not sent).
	ResourcePolicy string
	// PrivateNetwork: answer the retired Access-Control-Request-Private-Network. Default false.
	PrivateNetwork bool
	// Shadow names another policy that is evaluated beside this one and only reported. Neither leaves CORS to the
	// upstream. Default "".
	Shadow string
	// OriginsFile is a file of further patterns, one a line, as it was written: see [Config.Path]. Default "".
	OriginsFile string
	// DangerouslyAllowNullOrigin admits the pattern "null", which every site can be in a sandboxed frame; with credentials that
	// takes dangerously_reflect_any_origin, too. Default false.
	DangerouslyAllowNullOrigin bool
	// DangerouslyAllowFileOrigin admits the pattern "file://", which some WebViews send for pages from files. Default false.
	DangerouslyAllowFileOrigin bool
	// DangerouslyAllowHTTPOrigins admits http:// patterns with credentials. Default false.
	DangerouslyAllowHTTPOrigins bool
	// DangerouslyAllowPublicSuffixes admits patterns such as https://*.github.io with credentials. Default false.
	DangerouslyAllowPublicSuffixes bool
	// DangerouslyReflectAnyOrigin admits "*" and "null" with credentials. Default false.
	DangerouslyReflectAnyOrigin bool
}

// Upstream is [upstream.NAME].
type Upstream struct {
	// Name is the table's name.
	Name string
	// Endpoints are its servers. At least one, unless there was a problem.
	Endpoints []Endpoint
	// Resolver is the name server, "address:port", that dns+ and srv+ endpoints are looked up at; "": those of /etc/resolv.conf.
	Resolver string
	// Weights are one per endpoint, which all servers of a name share; none: equal.
	Weights []int
	// Balance is "p2c" (default), "round_robin", "least_in_flight" or "hash".
	Balance string
	// SlowStart is the time in which the share of an endpoint that has come back grows to what it was; 0: at once. Default 0.
	SlowStart time.Duration
	// HashKey is what "hash" hashes: "client_ip", "path", "header:NAME" or "cookie:NAME". Default "".
	HashKey string
	// MaxConnections bounds the exchanges that are under way at one endpoint, each on a connection of its own: requests from
	// when their content is here, or 64 KiB of it, until their response is, or all of it but 256 KiB; not tunnels and event
	// streams, which MaxStreams bounds. Exchanges that wait for a slow client have at most half of it as soon as others
	// wait: the one that has made least progress is then ended. 0: half of Limits.Connections, shared evenly by the
	// endpoints, at least 64. Default 0.
	MaxConnections int
	// MaxStreams bounds the WebSockets, other tunnels and event streams (text/event-stream) at one endpoint; they do not
	// count in MaxConnections. What is too much is answered 503. 0: no bound. Default 0.
	MaxStreams int
	// MaxQueue is how many requests may wait for a connection. Default 1024.
	MaxQueue int
	// QueueTimeout bounds that wait; 0: none waits. A queue that has stood for a tenth of it without ever being empty is served
	// newest first, and then a request waits for a 32nd of it at most (where requests take long, for longer). Default 1s.
	QueueTimeout time.Duration
	// ConnectTimeout bounds the making of a connection; > 0. Default 2s.
	ConnectTimeout time.Duration
	// FirstByteTimeout bounds the time from the request's last byte to the status line; 0: no bound. Default 30s.
	FirstByteTimeout time.Duration
	// IdleTimeout bounds the time without progress on a response body; 0: no bound. Any but the default is also
	// that of event streams, unless the route has an IdleTimeout. Default 30s.
	IdleTimeout time.Duration
	// KeepAlive is how long an idle connection is kept; 0: not at all. Default 60s.
	KeepAlive time.Duration
	// Retries are further attempts where a replay is safe, 0 to 10. Default 1.
	Retries int
	// RetryBudget is the share of recent requests that may be retries, 0 to 1. Default 0.2.
	RetryBudget float64
	// Host replaces the client's Host field; "" passes that on. Default "".
	Host string
	// TLSCA is a PEM file of authorities that endpoints are verified against; "": the system's.
	TLSCA string
	// TLSCert is a PEM file with the client certificate; "": none.
	TLSCert string
	// TLSKey is the PEM file with TLSCert's key.
	TLSKey string
	// TLSServerName is the name to ask for and to verify; "": the endpoint's.
	TLSServerName string
	// SendProxyProtocol: connections start with a PROXY protocol header. Default false.
	SendProxyProtocol bool
	// Health is how endpoints are checked; nil: they are not.
	Health *Health
	// Ejection is when endpoints are taken out of use for a while. Its defaults hold without a table.
	Ejection Ejection
}

// Health is [upstream.NAME.health].
type Health struct {
	// Path of a GET, perhaps with a query; "": a connection is all that is asked for. Default "/healthz".
	Path string
	// Interval between checks, give or take a tenth; > 0. Default 2s.
	Interval time.Duration
	// Timeout of a check; > 0. Default 1s.
	Timeout time.Duration
	// Healthy is how many good checks in a row end an endpoint's being unwell; > 0. Default 2.
	Healthy int
	// Unhealthy is how many bad checks in a row begin it; > 0. Default 3.
	Unhealthy int
	// Status are the status codes that are good. At least one. Default 200.
	Status []int
}

// Ejection is [upstream.NAME.ejection].
type Ejection struct {
	// Failures in a row that take an endpoint out of use; 0: never. Default 5.
	Failures int
	// BaseTime is for how long, the first time; doubled at each repeat, up to 5 min; > 0. Default 5s.
	BaseTime time.Duration
	// MaxShare of the endpoints that are out at once, 0 to 1. Default 0.5.
	MaxShare float64
}

// Endpoint is one server of an upstream.
type Endpoint struct {
	// URL is the endpoint as it was written, for labels and messages.
	URL string
	// Discovery is "" for one fixed server, or "dns" or "srv" when Address is a name to look servers up by.
	Discovery string
	// TLS: the endpoint speaks TLS.
	TLS bool
	// Network is "tcp" or "unix", for net.Dial.
	Network string
	// Address is "host:port" with a port always, or the path of a unix socket; for "srv" a bare name.
	Address string
}

// RateLimit is [limit.NAME].
type RateLimit struct {
	// Name is the table's name.
	Name string
	// Rate is how many requests are allowed on average. Required.
	Rate Rate
	// Burst is how many are allowed at once, 1 to 1000000. Default Rate.Events.
	Burst int
	// Key is whose requests are counted together: "client_ip" (default; IPv6 by /64), "origin", "header:NAME" or "route". Each value
	// of a field, and each origin that a pattern allows, has the whole rate: that bounds how often something is done with one value,
	// such as how often a password is tried for one name, and not what one client does, who may invent values without end.
	// Counting those costs at most 41 MiB, which tells a million at once apart. Beyond that no value gets more than its rate, new
	// ones are admitted, and only addresses with very many new ones of their own are refused further ones.
	Key string
	// Store is where they are counted: "local" (default) or "redis".
	Store string
}

// Redis is [redis]. File names are as they were written; see [Config.Path].
type Redis struct {
	// Address of the server: "host:port", or "unix:/path". A name is looked up for each connection. Default "127.0.0.1:6379".
	Address Address
	// Username is for a server with ACLs, with PasswordFile. Default "": the user "default".
	Username string
	// PasswordFile is a file with the password and nothing else but a final newline. Default "": none is given.
	PasswordFile string
	// Database is the number of the database, 0 to 16383. Default 0.
	Database int
	// TLS: the server speaks TLS. Default false.
	TLS bool
	// TLSCA is a PEM file of authorities that the server is verified against; "": the system's.
	TLSCA string
	// TLSCert is a PEM file with the client certificate; "": none.
	TLSCert string
	// TLSKey is the PEM file with TLSCert's key.
	TLSKey string
	// TLSServerName is the name to verify; "": the host of Address.
	TLSServerName string
	// Timeout bounds a call, which no request waits for; > 0, at most a second. Default 2ms.
	Timeout time.Duration
	// OnFailure is what becomes of shared limits while the server fails: "local" (default: each gateway enforces them by itself)
	// or "open" (they admit everything).
	OnFailure string
	// Prefix is what all keys in the server begin with. Gateways that have the same prefix share their limits. Default "corsgate:".
	Prefix string
}

// Trace is [trace].
type Trace struct {
	// Sample is the share of requests that are sampled, 0 to 1. Default 0.
	Sample float64
	// Endpoint is the URL of a collector that takes OTLP over HTTP, without its "/v1/traces"; "": nothing is recorded. Default "".
	Endpoint string
	// Service is what the collector is told that this is. Default "corsgate".
	Service string
}

// Rate is a number of events in a time.
type Rate struct {
	// Events in the time of Per: at least 1, at most one each microsecond.
	Events int
	// Per is a second, a minute or an hour.
	Per time.Duration
}

// Route is [route.NAME]. Exactly one of Upstream, Redirect and Respond is set, unless there was a problem.
type Route struct {
	// Name is the table's name.
	Name string
	// Hosts are lower-case host names, IP addresses (IPv6 in brackets) and "*.example.com". None: any host.
	Hosts []string
	// Path is a prefix of whole segments. Default "/".
	Path string
	// Methods are case-sensitive. None: all.
	Methods []string
	// CORS names a policy; "": the upstream owns CORS. Default "".
	CORS string
	// Upstream names the upstream to forward to, or is "".
	Upstream string
	// Split are the upstreams among which requests are divided, or nil.
	Split []SplitShare
	// SplitKey is what requests of one client have in common, so that all go to one of Split: "client_ip",
	// "header:NAME" or "cookie:NAME". "": nothing, each request is divided anew. Default "".
	SplitKey string
	// Mirror says which requests are also sent to another upstream, or is nil.
	Mirror *Mirror
	// Redirect is the redirect to answer with, or nil.
	Redirect *Redirect
	// Respond is the fixed response to answer with, or nil.
	Respond *Respond
	// Limit names a rate limit; "": none. Default "".
	Limit string
	// StripPrefix are whole segments at the beginning of Path, which are taken off the path before
	// forwarding. Default "".
	StripPrefix string
	// AddPrefix is put before the path after that. Default "".
	AddPrefix string
	// LocationRewrite "auto" changes what the upstream says about its own URLs into what clients have to ask for: host,
	// scheme, StripPrefix and AddPrefix are reversed in Location, Content-Location and Refresh, and in the Path and Domain
	// of cookies (a Path of "/" stays). URLs on other hosts are left alone. "off" passes all of them on unchanged. Default
	// "auto".
	LocationRewrite string
	// Timeout bounds the whole exchange, from the request to the last byte of the response; "0s": no bound. "auto": the response
	// has to begin within 60 s after the request, or after the last piece of an upload, and may then take as long as it
	// flows: a download as Upstream.IdleTimeout says, a WebSocket, another tunnel, an event stream or a stream of gRPC as
	// IdleTimeout does. Default "auto".
	Timeout time.Duration
	// IdleTimeout bounds the time without a byte either way on a WebSocket, another tunnel, an event stream or a stream of
	// gRPC; of other responses the upstream's does. It is a failure of the stream, not of the endpoint. "":
	// Timeouts.Idle (tunnels) or Upstream.IdleTimeout (streams) where those are not their defaults, else 5m; "0s": no bound. Default "".
	IdleTimeout *time.Duration
	// BodyBytes replaces Limits.BodyBytes; nil: it does not. Default nil.
	BodyBytes *ByteSize
	// Upgrades are the protocols, "name" or "name/version", that requests may be upgraded to, case-insensitively, beside
	// WebSocket, which needs no word. Of clients by HTTP/1.1 only. Default none: the request goes on without its Upgrade.
	Upgrades []string
	// Priority says who is shed first: at 85 % of Limits.InFlight "low", at 95 % "normal" (default), at all of it "high". Each leaves
	// at least 4 places, or a quarter of all if that is less, to the next higher one.
	Priority string
	// RequestSetHeaders are fields to set on the request before it is forwarded. In a value $client_ip,
	// $request_id, $host and $scheme stand for what they say, and $$ for a dollar sign. So do $client_cert_subject,
	// $client_cert_san ("DNS:a.example, URI:spiffe://example/b") and $client_cert_fingerprint (SHA-256, hex); without a
	// certificate, or names in it, the whole field is left out, and a client's own never passes.
	RequestSetHeaders map[string]string
	// RequestRemoveHeaders are fields to remove from it.
	RequestRemoveHeaders []string
	// ResponseSetHeaders are fields to set on the response.
	ResponseSetHeaders map[string]string
	// ResponseRemoveHeaders are fields to remove from it.
	ResponseRemoveHeaders []string
}

// SplitShare is an element of split in [route.NAME].
type SplitShare struct {
	// Upstream names an upstream.
	Upstream string
	// Weight is its share of the requests, relative to those of the others: 0 to 1000. At least one is above 0.
	Weight int
}

// Mirror is mirror = { … } of a route.
type Mirror struct {
	// Upstream names the upstream that gets copies of requests, and whose responses nobody sees.
	Upstream string
	// Share of the requests is copied: 0 to 1. Default 1.
	Share float64
}

// Redirect is redirect = { … } of a route.
type Redirect struct {
	// To is an http or https URL, or a path; "$path" in it stands for the request's path, without StripPrefix and
	// with AddPrefix.
	To string
	// Status is 301, 302, 303, 307 or 308. Default 308.
	Status int
}

// Respond is respond = { … } of a route.
type Respond struct {
	// Status is 200 to 599. Default 200.
	Status int
	// Body is the content. Default "". Always "" for 204, 205 and 304.
	Body string
	// ContentType is the Content-Type of a Body. Default "text/plain".
	ContentType string
}
