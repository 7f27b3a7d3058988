// Package gateway is the only part of corsgate that changes while it runs: one pointer to the active snapshot, one lock, and
// Serve, Reload and Shutdown. Everything else is in the packages below it.
//
// # A request's life
//
//	bytes → edge, loop: strict validation → proxy: load the snapshot → begin
//	  begin: route → the policy's shadow, if it has one, only counts the differences
//	               → preflight? answered from the cache or by the policy
//	               → who sends it? refused if that is unknown; preflights are never asked
//	               → over the route's limit? refused; preflights are counted separately
//	               → refused by a guard, or answered here? refusal, redirect, fixed response
//	               → else an exchange with an upstream
//	  the exchange → finish: the upstream's CORS fields dropped, ours set → bytes
//
// begin and finish are plain functions over bytes, independent of sockets and engines. Between
// them an engine makes the exchange; see [proxy.Proxy.Serve] and [proxy.Proxy.Exchanges].
//
// # The house
//
//	cmd/corsgate        the command line
//	  │
//	gateway             what changes: one pointer, one lock, Serve, Reload, Shutdown
//	├─ explain            what happens to a request, why, and the fewest edits that change it
//	├─ proxy              the life of one request
//	├─ listen             the listeners, replaced while they serve
//	├─ report             what pages were refused lately, and what shadows would change
//	├─ overload           which requests are refused when there are too many
//	├─ snapshot           one configuration, compiled: immutable, complete
//	│                     tables of a configuration, ready to serve:
//	├─ backend              an [upstream.NAME] at work; splits and mirrors
//	├─ auth                 an [auth.NAME] at work: tokens, keys, certificates, other servers that are asked
//	│  └─ …/jwks, token       the keys of issuers, fetched in the background; are tokens good? by go-jose
//	├─ ratelimit            a [limit.NAME] at work, here or in Redis
//	├─ policy               a [cors.NAME] at work, with its file of origins and its shadow
//	├─ certs                certificates for clients and upstreams, and rules for theirs
//	├─ lint                 warnings about valid configurations that are likely mistakes
//	├─ descriptors          how file descriptors are shared out
//	├─ rewrite              what a route changes: the path, fields, URLs
//	│                     bricks:
//	├─ metrics              every Prometheus metric, in one place
//	├─ fetch                the browser's half of CORS: its requests, and how it evaluates the responses; for others, too
//	├─ files                files that others replace: read whole, watched
//	├─ frequent             the most frequent of many, in bounded memory       (standard library only)
//	├─ logging              how often a line is logged                         (standard library only)
//	├─ printable            untrusted text, made safe for terminals and logs      (standard library only)
//	│                     the ground:
//	├─ config               TOML → Config: defaults, positions, every error at once
//	├─ cors                 the CORS protocol as pure functions over bytes; nethttp: as a middleware → matcher
//	├─ route                (host, path, method) → route
//	├─ loop                 event loops (Linux)                                → edge, h2, pipe, socket, tlsconf, upstream, wire
//	├─ h3                   HTTP/3 over quic-go's QUIC                         → edge, h2, pipe, socket, tlsconf, wire
//	├─ edge                 listeners, connections, fasthttp's server, HTTP/2  → h2, pipe, tlsconf, wire
//	├─ pipe                 a stream of HTTP/2 or 3 as HTTP/1.1                → h2, tlsconf, wire
//	├─ tlsconf              certificates served to clients, and client certificates
//	├─ socket               addresses bound, inherited and handed on
//	├─ h2                   HTTP/2 connections: bytes in, events out           → wire
//	├─ upstream             endpoints: their health, queues, retries           → wire
//	│  ├─ …/transport       one exchange, blocking: upload, response, tunnel   → upstream, conn
//	│  ├─ …/balance         choice of an endpoint: random, round robin, least busy, by key
//	│  ├─ …/conn            connections to one server, in use and idle         → wire
//	│  └─ …/discover        resolution of names to servers, by DNS             (below upstream only)
//	├─ wire                 HTTP/1.1 messages: the one parser, both sides      (standard library only)
//	├─ limit                rate limits by key                                 (standard library only)
//	│  └─ …/shared          the same across gateways, in Redis
//	├─ trace                trace context, and spans for a collector           (standard library only)
//	├─ access               the access log, off the request path
//	├─ acme                 certificates from a CA, by certmagic
//	└─ beside them: fleet, shared configuration in etcd; admin, the operators' pages
//	matcher             whether an origin belongs to a set of patterns         (standard library only)
//	cache               the preflight LRU
//
// A package may import only packages to its left in this order, and those on the ground; a test verifies it:
//
//	files frequent logging printable descriptors | metrics fetch rewrite | auth lint certs policy | backend ratelimit | snapshot | overload report | proxy, listen | explain | gateway
//
// Only matcher, cache, cors and fetch are meant for other programs; the rest is internal. Only gateway/edge imports fasthttp,
// only gateway/h3 quic-go, and only gateway/fleet etcd's client, which treats a configuration as text. For tests there are pkitest,
// acmetest, fleet/etcdtest, config/configtest and tooltest; the servers that they start are built from internal/doubles, a module.
//
// # Rules that stay true
//
//  1. A snapshot is never written to after Compile. Its mutable parts (cache, pools, counters) are safe for concurrent use.
//  2. A request loads the current snapshot once and uses it to its end.
//  3. Every step of a reload that can fail precedes the swap.
//  4. No slice that aliases a connection's buffer outlives the handler; code that keeps bytes copies them.
//  5. The answer to a preflight of an allowed origin depends only on the cache's key and, where it is named, that origin; see
//     appendKey. A request field that begins to matter is added to the key in the same commit.
//  6. Access-Control-Allow-Origin is absent, or "*" without credentials, or the request's Origin.
//  7. On a route with a policy the gateway owns the CORS fields: the upstream's never pass, unless the policy says so.
//  8. The path that selected the route is forwarded, byte by byte, except leading segments that the route replaces by configured
//     ones. Nothing is decoded, and the gateway itself would have to accept the resulting path.
package gateway
