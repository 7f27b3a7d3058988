// Package upstream makes exchanges with the servers behind the gateway: endpoints, their pools
// of connections, one request and its response.
//
// fasthttp's HostClient is no transport for a proxy: it retries on its own, reuses a connection
// that has sent too much, allocates what an upstream announces, and cannot relay an early
// response. This is the transport instead. The rules are:
//
//   - a response head is strict, bounded, and never copied whole;
//   - a connection that has anything unread, or whose peer has closed it, is not reused;
//   - an exchange is repeated only when nothing of it can have been processed, or when its
//     method is safe and no octet of a response has come;
//   - every wait on an endpoint has a deadline.
package upstream
