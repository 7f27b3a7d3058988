// Package conn makes connections to a server and keeps the idle ones: it dials, speaks TLS and the PROXY protocol, reads heads
// and content of responses, and decides when a connection may be reused. It handles a single server, and is independent of
// the rest of an upstream, of retries, and of requests.
//
//   - a response head is parsed strictly, bounded, and never copied whole;
//   - a connection that has anything unread, or whose peer has closed it, is not reused.
package conn
