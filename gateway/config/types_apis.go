package config

import (
	"time"
)

// This file declares the tables about APIs: policies, upstreams, limits and routes.

// CORS is [cors.NAME], a policy.
type CORS struct {
	// Name is the table's name.
	Name string
	// Origins are origin patterns: "https://app.example.com", "https://*.example.com",
	// "https://pr-*.preview.example.com", "http://localhost:*", "http://192.168.0.0/16:*" and
	// "http://[fd00::/8]:3000" (every address of a network), "moz-extension://*" (any host of a
	// scheme other than http and https), "null", "file://", or "*" for any. Required, unless
	// [CORS.OriginsFile] is given.
	Origins []string
	// Methods are the methods that pages may use besides GET, HEAD and POST, or "*". Default none.
	Methods []string
	// RequestHeaders are the request fields that pages may set, or "*". Default none.
	RequestHeaders []string
	// ExposeHeaders are the response fields that pages may read, or "*". Default none.
	ExposeHeaders []string
	// Credentials: requests may carry cookies, client certificates and HTTP authentication. Default false.
	Credentials bool
	// MaxAge is how long browsers may cache a preflight. Default: not set; the field is not sent.
	MaxAge *time.Duration
	// PreflightStatus is the status of an allowed preflight, 200 to 299. Default 204.
	PreflightStatus int
	// RefusedPreflight is the status of a refused preflight. 403 (default) does not say what
	// would be allowed. 204 sends the lists of what is allowed if the origin is allowed and the
	// method or a header is not, so that the browser's message names it; origins that are not
	// allowed, and lists that are "*", still get 403. Cors-Refused gives the reason in either
	// case.
	RefusedPreflight int
	// PreflightHeaders are fields on all answers to preflights that the gateway makes, allowed
	// or refused, such as Cache-Control and Strict-Transport-Security. Variables are not
	// supported, because the answers are cached; "$$" stands for "$". Vary is merged with the
	// gateway's own. CORS fields, fields that frame or describe the content, hop-by-hop fields,
	// Date, Set-Cookie and other fields that the gateway writes cannot be set. Default none.
	PreflightHeaders map[string]string
	// ExposeOnPreflight: send Access-Control-Expose-Headers on allowed preflights too. Browsers
	// ignore it there. Default false.
	ExposeOnPreflight bool
	// Denied says how to treat an actual request from an origin that is not allowed: "forward"
	// (default: forward it, and send no CORS fields) or "block" (answer 403).
	Denied string
	// UpstreamCORS says how to treat the upstream's own CORS fields: "override" (default),
	// "merge_expose" or "passthrough".
	UpstreamCORS string
	// WebSocketOriginCheck: a WebSocket handshake needs an allowed origin, the origin of its
	// own host, or no Origin field. Default true.
	WebSocketOriginCheck bool
	// CSRF is the protection against unsafe requests from other sites: "off" (default), "report" or "enforce".
	CSRF string
	// TimingAllowOrigin: send Timing-Allow-Origin to allowed origins. Default false.
	TimingAllowOrigin bool
	// ResourcePolicy is the Cross-Origin-Resource-Policy: "same-origin", "same-site",
	// "cross-origin" or "" (default: not sent).
	ResourcePolicy string
	// PrivateNetwork: answer the retired Access-Control-Request-Private-Network. Default false.
	PrivateNetwork bool
	// Shadow names another policy that is evaluated on the same requests and only reported.
	// Neither policy may pass the upstream's CORS fields through. Default "": none.
	Shadow string
	// OriginsFile is a file of further patterns, one per line. As written: see [Config.Path]. Default "": none.
	OriginsFile string
	// DangerouslyAllowNullOrigin admits the pattern "null", which any site can send from a
	// sandboxed frame; with credentials it also takes dangerously_reflect_any_origin. Default
	// false.
	DangerouslyAllowNullOrigin bool
	// DangerouslyAllowFileOrigin admits the pattern "file://", which some WebViews send for
	// pages from files. Default false.
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
	// Endpoints are its servers. At least one.
	Endpoints []Endpoint
	// Resolver is the name server, "address:port", that dns+ and srv+ endpoints are looked up
	// at. Default "": those of /etc/resolv.conf.
	Resolver string
	// Weights are one per endpoint, shared by all servers of a name. Default none: equal weights.
	Weights []int
	// Balance is "p2c" (default), "round_robin", "least_in_flight" or "hash".
	Balance string
	// SlowStart is the time over which a recovered endpoint's share grows back to its full
	// size; 0: at once. Default 0s.
	SlowStart time.Duration
	// HashKey is the input of "hash": "client_ip", "path", "header:NAME" or "cookie:NAME". Default "".
	HashKey string
	// MaxConnections bounds the concurrent exchanges at one endpoint, each on its own
	// connection. An exchange lasts from when the request's content has arrived (or 64 KiB of
	// it) until the response has (or all but 256 KiB of it). Tunnels and event streams do not
	// count; [Upstream.MaxStreams] bounds them. Exchanges that wait for a slow client may hold
	// at most half of the connections while other requests wait: the one with the least
	// progress is then ended. 0: half of [Limits.Connections], divided evenly among the
	// endpoints, at least 64. Default 0.
	MaxConnections int
	// MaxStreams bounds the WebSockets, other tunnels and event streams (text/event-stream) at
	// one endpoint; they do not count in [Upstream.MaxConnections]. Beyond it requests are
	// answered 503. 0: no bound. Default 0.
	MaxStreams int
	// MaxQueue is how many requests may wait for a connection. Default 1024.
	MaxQueue int
	// QueueTimeout bounds that wait; 0: no request waits. A queue that has not been empty for a
	// tenth of this time is served newest first, and a request then waits at most a 32nd of it
	// (longer where requests take long). Default 1s.
	QueueTimeout time.Duration
	// ConnectTimeout bounds the time to establish a connection; > 0. Default 2s.
	ConnectTimeout time.Duration
	// FirstByteTimeout bounds the time from the request's last byte to the status line; 0: no bound. Default 30s.
	FirstByteTimeout time.Duration
	// IdleTimeout bounds the time without progress on a response body; 0: no bound. A value
	// other than the default also applies to event streams, unless the route sets its own
	// [Route.IdleTimeout]. Default 30s.
	IdleTimeout time.Duration
	// KeepAlive is how long an idle connection is kept open; 0: not at all. Default 60s.
	KeepAlive time.Duration
	// Retries are further attempts where a replay is safe, 0 to 10. Default 1.
	Retries int
	// RetryBudget is the share of recent requests that may be retries, 0 to 1. Default 0.2.
	RetryBudget float64
	// Host replaces the client's Host field. Default "": the client's is forwarded.
	Host string
	// TLSCA is a PEM file of authorities that endpoints are verified against. Default "": the system's.
	TLSCA string
	// TLSCert is a PEM file with the client certificate. Default "": none.
	TLSCert string
	// TLSKey is the PEM file with the key of [Upstream.TLSCert]. Default "".
	TLSKey string
	// TLSServerName is the name to send and to verify. Default "": the endpoint's.
	TLSServerName string
	// SendProxyProtocol: connections start with a PROXY protocol header. Default false.
	SendProxyProtocol bool
	// Health configures active health checks. Default: not set; endpoints are not checked.
	Health *Health
	// Ejection configures when failing endpoints are taken out of use for a while. Its defaults
	// apply without the table.
	Ejection Ejection
}

// Health is [upstream.NAME.health].
type Health struct {
	// Path is the path of a GET, optionally with a query; "": a successful connection suffices. Default "/healthz".
	Path string
	// Interval is the time between checks, with 10 % jitter; > 0. Default 2s.
	Interval time.Duration
	// Timeout bounds a check; > 0. Default 1s.
	Timeout time.Duration
	// Healthy is how many successful checks in a row make an endpoint healthy; > 0. Default 2.
	Healthy int
	// Unhealthy is how many failed checks in a row make an endpoint unhealthy; > 0. Default 3.
	Unhealthy int
	// Status are the status codes of a successful check. At least one. Default 200.
	Status []int
}

// Ejection is [upstream.NAME.ejection].
type Ejection struct {
	// Failures is how many failures in a row eject an endpoint; 0: never. Default 5.
	Failures int
	// BaseTime is the duration of the first ejection, doubled at each repeat, up to 5 minutes; > 0. Default 5s.
	BaseTime time.Duration
	// MaxShare is the largest share of the endpoints that may be ejected at once, 0 to 1. Default 0.5.
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
	// Address is "host:port", always with a port, or the path of a Unix socket; for "srv" a bare name.
	Address string
}

// RateLimit is [limit.NAME].
type RateLimit struct {
	// Name is the table's name.
	Name string
	// Rate is how many requests are allowed on average: "100/s", "30/m", "1000/h", "100000/d" or "1000000/month" (30 days, only
	// in Redis). With [RateLimit.Plan] it is the rate of requests without a plan. Required.
	Rate Rate
	// Burst is how many are allowed at once, 1 to 1000000. Default: the number in [RateLimit.Rate].
	Burst int
	// Key selects the requests that are counted together: "client_ip" (default; IPv6 by /64),
	// "origin", "header:NAME", "cookie:NAME", "route", "auth" (the identity that [auth.NAME] found) or
	// "claim:NAME" (of the token). Each value of a field, and each origin that a pattern
	// allows, has the whole rate. That bounds how often one value is used, such as how often a
	// password is tried for one name; it does not bound one client, which may invent any number
	// of values. Counting them takes at most 41 MiB, enough to tell a million values apart.
	// Beyond that no value exceeds its rate, new values are admitted, and only addresses that
	// send very many new values are refused further ones.
	Key string
	// Plan is where the name of a request's plan is, which chooses one of [RateLimit.Rates]: "claim:NAME" of the token or
	// "key:NAME" of the line in the keys_file. Default "": there are no plans.
	Plan string
	// Rates are the rates of plans, by name. The burst of each is the number in it. Default none.
	Rates map[string]Rate
	// Store is where requests are counted: "local" (default) or "redis".
	Store string
}

// Redis is [redis]. File names are as written: see [Config.Path].
type Redis struct {
	// Address is the address of the server: "host:port", or "unix:/path". A name is looked up
	// for each connection. Default "127.0.0.1:6379".
	Address Address
	// Username is the user of a server with ACLs; it needs [Redis.PasswordFile]. Default "": the user "default".
	Username string
	// PasswordFile is a file that contains the password alone, with or without a final newline.
	// Default "": no password is sent.
	PasswordFile string
	// Database is the number of the database, 0 to 16383. Default 0.
	Database int
	// TLS: connect with TLS. Default false.
	TLS bool
	// TLSCA is a PEM file of authorities that the server is verified against. Default "": the system's.
	TLSCA string
	// TLSCert is a PEM file with the client certificate. Default "": none.
	TLSCert string
	// TLSKey is the PEM file with the key of [Redis.TLSCert]. Default "".
	TLSKey string
	// TLSServerName is the name to verify. Default "": the host of [Redis.Address].
	TLSServerName string
	// Timeout bounds a call; requests do not wait for calls; > 0, at most 1s. Default 2ms.
	Timeout time.Duration
	// OnFailure says how shared limits behave while the server fails: "local" (default: each gateway enforces them by
	// itself) or "open" (they admit everything).
	OnFailure string
	// Prefix is the prefix of all keys in the server. Gateways with the same prefix share their
	// limits. Default "corsgate:".
	Prefix string
}

// Trace is [trace].
type Trace struct {
	// Sample is the share of requests that are sampled, 0 to 1. Default 0.
	Sample float64
	// Endpoint is the URL of a collector that accepts OTLP over HTTP, without "/v1/traces".
	// Default "": nothing is exported.
	Endpoint string
	// Service is the service name in exported spans. Default "corsgate".
	Service string
}

// Rate is a number of events per unit of time.
type Rate struct {
	// Events is the number of events: at least 1, and at most one per microsecond.
	Events int
	// Per is a second, a minute, an hour, a day or a month of 30 days.
	Per time.Duration
}
