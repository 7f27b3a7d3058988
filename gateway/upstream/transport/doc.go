// Package transport makes blocking exchanges with endpoints of upstreams: one request, its response, uploads, tunnels. The event
// loop has its own implementation; both use [upstream.Attempts] to choose an endpoint and to decide on retries.
//
// fasthttp's HostClient is not a transport for a proxy: it retries on its own, reuses a connection
// that has sent too much, allocates as much as an upstream announces, and cannot relay an early
// response. This package replaces it. Every wait on an endpoint has a deadline.
package transport
