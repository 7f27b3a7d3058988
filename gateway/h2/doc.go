// Package h2 is a server's side of an HTTP/2 connection, as a state machine: bytes in, events
// out. It has no socket, no goroutine and no clock; the caller reads, writes and says what time it is.
//
// A request leaves it as the head of HTTP/1.1 that says the same, so that package wire judges requests of
// every version, and a response comes to it as such a head. HPACK works on these lines directly: the
// decoder's dynamic table holds them ready to copy, with what is wrong with them found once.
//
// What a client may do how often, beyond what requests need, is bounded by one budget for each
// connection; see calm.go. Every buffer is bounded. In the steady state nothing is allocated.
//
// The standards are RFC 9113 (HTTP/2), RFC 7541 (HPACK), RFC 8441 (extended CONNECT) and RFC 9218
// (priorities). The package is internal to corsgate.
package h2
