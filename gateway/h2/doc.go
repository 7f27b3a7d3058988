// Package h2 is the server's side of an HTTP/2 connection, as a state machine: bytes in, events
// out. It has no socket, no goroutine and no clock; the caller reads, writes and passes the
// time.
//
// It converts a request to the equivalent HTTP/1.1 head, so that package wire validates
// requests of every version, and a response from such a head. HPACK works on these lines
// directly: the decoder's dynamic table holds them ready to copy, each validated once.
//
//	from the client                                                             to the caller
//	bytes ──Next──► frame ─┬─ HEADERS, CONTINUATION ──Decoder──► Head ────────► Request, Trailers
//	                       ├─ DATA ───────────────────────────────────────────► Data
//	                       ├─ RST_STREAM ─────────────────────────────────────► Gone
//	                       ├─ WINDOW_UPDATE, SETTINGS ────────────────────────► Sendable
//	                       └─ PING, PRIORITY, GOAWAY, unknown                    None
//	                              │ each costs something: calm.go                 │
//	to the client                 └── used up, or an error ────────────────────► Fatal
//	bytes ◄── Out ◄─ AppendHead (Encoder), AppendData, AppendTrailers, Reset, Read (window)
//
// HTTP/3 (package h3) has the same heads, by QPACK without a dynamic table; see qpack.go.
//
// One budget for each connection bounds how often a client may do what requests do not need;
// see calm.go. Every buffer is bounded. In the steady state nothing is allocated.
//
// The server of golang.org/x/net/http2 was not an option: it owns the socket and a goroutine
// for each stream, and parses for net/http. Its framer and its HPACK are the reference in the
// tests.
//
// The standards are RFC 9113 (HTTP/2), RFC 7541 (HPACK), RFC 9204 (QPACK), RFC 8441 (extended
// CONNECT) and RFC 9218 (priorities). The package is internal to corsgate.
package h2
