package config

import (
	"time"
)

// This file has the tables that say what is done for APIs: policies, upstreams, limits and routes.

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
	// SplitKey is what requests of one client have in common, so that all of them go to the same upstream: "client_ip",
	// "header:NAME" or "cookie:NAME". "": nothing, the upstream is chosen for each request. Default "".
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
	// Upstream names the upstream that gets copies of requests, and whose responses are discarded.
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
