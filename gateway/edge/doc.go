// Package edge faces the clients: listeners that survive shortage, connections that admit only
// strictly valid HTTP/1.1, deadlines, limits, and draining.
//
// fasthttp's server runs the connections: it accepts, gives each one a goroutine from its pool
// and keeps it alive. It neither parses what a client sent nor renders what the client gets.
// Two parsers of one message are how requests are smuggled, so there is one, package wire, and
// fasthttp is shown a constant request for each that passed it (see Conn.Read). And fasthttp's
// response cannot carry an upstream's unchanged (it merges Set-Cookie lines of one name, keeps
// one line of several fields, and reorders the rest), so handlers write to the connection
// themselves and what fasthttp renders is dropped (see Conn.Write). The rules are:
//
//   - a handler runs only for a request that wire.Request.Parse accepted;
//   - a refusal closes the connection, and reaches the client before it does;
//   - content is decoded here, bounded, and what a handler leaves of it is drained or the
//     connection ends: it is never read as a request;
//   - every wait on a client has a deadline;
//   - what comes before the first request, the PROXY protocol and the handshake of TLS, is read on
//     the connection's goroutine, within the time that a head may take;
//   - a request of HTTP/2 or HTTP/3 is read as the HTTP/1.1 that it stands for; see Stream.
//
// HTTP/2 is spoken here, see h2Conn; HTTP/3 by package h3, whose connections are a Server's like all others; see Carrier. What
// TLS needs of certificates is package tlsconf's, and addresses are bound by package socket. It is internal to the gateway.
package edge
