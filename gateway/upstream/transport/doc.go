// Package transport makes exchanges with endpoints of upstreams, blocking: one request, its response, uploads, tunnels. The event
// loop makes its own; both ask [upstream.Attempts] where to go and whether to try again.
//
// fasthttp's HostClient is not a transport for a proxy: it retries on its own, reuses a connection
// that has sent too much, allocates what an upstream announces, and cannot relay an early
// response. This is the transport instead. Every wait on an endpoint has a deadline.
package transport
