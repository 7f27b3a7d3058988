// Package gateway is what happens to one request.
//
// # A request's life
//
//	bytes → edge: strict validation → handle: load the snapshot → begin
//	  begin: route → the policy's shadow, if it has one, only counts what it would change
//	               → preflight? answered from the cache or by the policy
//	               → one too many? refused by the route's limit; preflights are counted apart
//	               → answered here? redirect, refusal, fixed response
//	               → else an exchange with an upstream
//	  the exchange → finish: the upstream's CORS fields dropped, ours set → bytes
//
// begin and finish are plain functions over bytes: they know no socket and no engine. Around
// them an engine makes the exchange; see handle.
//
// # The house
//
//	cmd/corsgate        the command line
//	benchmarks          comparisons with other gateways and libraries
//	  │
//	gateway             this package: begin, finish; reload
//	├─ gateway/snapshot   one configuration, compiled                        → all tables
//	├─ gateway/backend    an [upstream.NAME] at work; splits and mirrors     → certs, upstream
//	├─ gateway/ratelimit  a [limit.NAME] at work, here or in Redis           → certs, cors, limit
//	├─ gateway/policy     a [cors.NAME] at work, with its file and shadow    → config, cors, files, metrics
//	├─ gateway/certs      certificates, ours and those that are asked for    → acme, config, edge, files, metrics
//	├─ gateway/lint       what is valid and can hardly be meant              → config, descriptors, rewrite, route
//	├─ gateway/rewrite    what a route changes: the path, fields, URLs       → config, upstream, wire
//	├─ gateway/metrics    every Prometheus metric, in one place              → cors, edge, limit/shared, wire
//	├─ gateway/descriptors  who has how many of them                         → config
//	├─ gateway/files      files that others replace: read whole, watched     → config
//	├─ gateway/config     TOML → Config: defaults, positions, every error at once
//	├─ gateway/fetch      the browser's half of CORS: what it asks, what it makes of the answers → cors, wire
//	├─ gateway/cors       the CORS protocol as pure functions over bytes     → matcher
//	│  └─ …/nethttp       a policy in front of a handler of net/http; for others
//	├─ gateway/route      (host, path, method) → route
//	├─ gateway/upstream   endpoints, pools, balance, one exchange            → wire
//	│  └─ …/discover      the servers that a name stands for, by DNS        (below upstream alone)
//	├─ gateway/edge       listeners, connections, fasthttp's server, HTTP/3  → wire, h2
//	├─ gateway/h2         HTTP/2 connections: bytes in, events out           → wire
//	├─ gateway/limit      how often, by key: rate limits                     (standard library only)
//	│  └─ …/shared        the same over many gateways, in Redis               (limit, and gateway, alone)
//	├─ gateway/trace      trace context, and spans for a collector            (standard library only)
//	├─ gateway/acme       certificates from an authority, by certmagic
//	├─ gateway/access     the access log, off the request path
//	├─ gateway/fleet      what a fleet of gateways shares, in etcd
//	├─ gateway/admin      metrics, health, reload, pprof for operators       → fetch
//	├─ gateway/frequent   the most frequent of many, in bounded memory       (standard library only)
//	├─ gateway/logging    how often a line is logged                         (standard library only)
//	├─ gateway/printable  text of others, fit for a terminal and a log
//	└─ gateway/wire       HTTP/1.1 messages: the one parser, both sides      (standard library only)
//	matcher             does this origin belong to this set?                 (standard library only)
//	cache               the preflight LRU
//
// Beside them, for tests, gateway/pkitest makes certificates, gateway/acmetest is an authority,
// gateway/fleet/etcdtest runs etcd, gateway/config/configtest has texts of configuration, and
// gateway/tooltest finds the programs that they need. The servers among them are built from
// gateway/internal/doubles, a module of its own.
//
// Imports point down this list only, and between the children of gateway only along an arrow; a
// test holds it. Only gateway/edge knows fasthttp and quic-go. Only gateway/fleet knows etcd, and to
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
//  8. What is routed is what is forwarded: the path that chose the route is the path sent, octet by
//     octet. Where a route rewrites it, segments that its own path begins with are left off the front
//     and configured ones put there; nothing is decoded, and what comes out is a path that the
//     gateway itself would take, or the request is refused.
package gateway
