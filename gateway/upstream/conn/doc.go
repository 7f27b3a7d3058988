// Package conn makes connections to a server and keeps the idle ones: it dials, speaks TLS and the PROXY protocol, reads heads
// and content of responses, and says when a connection may be used again. It knows one server at a time, and nothing of the
// others of an upstream, of retries, or of requests.
//
//   - a response head is strict, bounded, and never copied whole;
//   - a connection that has anything unread, or whose peer has closed it, is not reused.
package conn
