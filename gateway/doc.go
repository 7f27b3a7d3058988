// Package gateway is the only thing that changes while corsgate runs: one pointer to what is served, one lock, and Serve,
// Reload and Shutdown. Everything else is in the packages below it.
//
// # A request's life
//
//	bytes → edge, loop: strict validation → proxy: load the snapshot → begin
//	  begin: route → the policy's shadow, if it has one, only counts what it would change
//	               → preflight? answered from the cache or by the policy
//	               → one too many? refused by the route's limit; preflights are counted apart
//	               → a guard says no, or answered here? redirect, refusal, fixed response
//	               → else an exchange with an upstream
//	  the exchange → finish: the upstream's CORS fields dropped, ours set → bytes
//
// begin and finish are plain functions over bytes: they know no socket and no engine. Around
// them an engine makes the exchange; see [proxy.Proxy.Serve] and [proxy.Proxy.Exchanges].
//
// # The house
//
//	cmd/corsgate        the command line
//	  │
//	gateway             what changes: one pointer, one lock, Serve, Reload, Shutdown
//	├─ explain            what becomes of a question, why, and the fewest edits that change it
//	├─ proxy              the life of one request
//	├─ listen             what is listened on, replaced while it is served
//	├─ snapshot           one configuration, compiled: immutable, complete
//	│                     tables of a configuration, ready to serve:
//	├─ backend              an [upstream.NAME] at work; splits and mirrors
//	├─ ratelimit            a [limit.NAME] at work, here or in Redis
//	├─ policy               a [cors.NAME] at work, with its file of origins and its shadow
//	├─ certs                certificates, ours and those that are asked for
//	├─ lint                 what is valid and can hardly be meant
//	├─ descriptors          who has how many of them
//	├─ rewrite              what a route changes: the path, fields, URLs
//	│                     bricks:
//	├─ metrics              every Prometheus metric, in one place
//	├─ fetch                the browser's half of CORS: what it asks, what it makes of the answers; for others, too
//	├─ files                files that others replace: read whole, watched
//	├─ frequent             the most frequent of many, in bounded memory       (standard library only)
//	├─ logging              how often a line is logged                         (standard library only)
//	├─ printable            text of others, fit for a terminal and a log       (standard library only)
//	│                     the ground:
//	├─ config               TOML → Config: defaults, positions, every error at once
//	├─ cors                 the CORS protocol as pure functions over bytes     → matcher
//	│  └─ …/nethttp         a policy in front of a handler of net/http; for others
//	├─ route                (host, path, method) → route
//	├─ loop                 event loops (Linux)                                → edge, h2, pipe, tlsconf, upstream, wire
//	├─ h3                   HTTP/3 over QUIC, by quic-go                       → edge, h2, socket, tlsconf, wire
//	├─ edge                 listeners, connections, fasthttp's server, HTTP/2  → h2, pipe, tlsconf, wire
//	├─ pipe                 a stream of HTTP/2 as a connection of HTTP/1.1     → h2, tlsconf, wire
//	├─ tlsconf              certificates that clients are shown, and theirs
//	├─ socket               addresses bound, inherited and handed on
//	├─ h2                   HTTP/2 connections: bytes in, events out           → wire
//	├─ upstream             endpoints: their condition, queues, retries        → wire
//	│  ├─ …/transport       one exchange, blocking: upload, response, tunnel   → upstream, conn
//	│  ├─ …/balance         who is chosen: by draw, in turn, least busy, by key
//	│  ├─ …/conn            connections to one server, and those that are idle → wire
//	│  └─ …/discover        the servers that a name stands for, by DNS         (below upstream alone)
//	├─ wire                 HTTP/1.1 messages: the one parser, both sides      (standard library only)
//	├─ limit                how often, by key: rate limits                     (standard library only)
//	│  └─ …/shared          the same over many gateways, in Redis
//	├─ trace                trace context, and spans for a collector           (standard library only)
//	├─ access               the access log, off the request path
//	├─ acme                 certificates from an authority, by certmagic
//	└─ beside them: fleet, what gateways share in etcd; admin, the pages of operators
//	matcher             does this origin belong to this set?                   (standard library only)
//	cache               the preflight LRU
//
// Beside them, for tests, gateway/pkitest makes certificates, gateway/acmetest is an authority,
// gateway/fleet/etcdtest runs etcd, gateway/config/configtest has texts of configuration, and
// gateway/tooltest finds the programs that they need. The servers among them are built from
// gateway/internal/doubles, a module of its own.
//
// Each may import only what is left of it in this order, and what is on the ground; a test holds it:
//
//	files frequent logging printable | metrics fetch rewrite | lint certs policy | backend ratelimit | snapshot | proxy, listen | explain | gateway
//
// Only matcher, cache, cors and fetch are meant for others; the rest is internal. Only gateway/edge knows fasthttp, and only gateway/h3 quic-go. Only gateway/fleet knows etcd, and to
// it a configuration is a text.
//
// # Rules that stay true
//
//  1. A snapshot is never written to after compile. What changes in it (cache, pools, counters)
//     is safe for concurrent use.
//  2. A request loads the current snapshot once and lives in it to its end.
//  3. What can fail in a reload fails before the swap.
//  4. No slice that aliases a connection's buffer outlives the handler; whoever keeps bytes copies.
//  5. The answer to a preflight depends only on the cache's key; see appendKey. A request field
//     that comes to matter enters the key in the same commit.
//  6. Access-Control-Allow-Origin is absent, or "*" without credentials, or the request's Origin.
//  7. On a route with a policy the gateway owns the CORS fields: the upstream's never pass, unless
//     the policy says so.
//  8. What is routed is what is forwarded: the path that chose the route is the path sent, byte by
//     byte. Where a route rewrites it, segments that its own path begins with are left off the front
//     and configured ones put there; nothing is decoded, and what comes out is a path that the
//     gateway itself would take, or the request is refused.
package gateway
