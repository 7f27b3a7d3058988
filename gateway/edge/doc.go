// Package edge is the gateway's side towards clients: listeners that survive a shortage of descriptors,
// connections that admit only strictly valid HTTP/1.1, deadlines, limits, and draining.
//
// fasthttp's server runs the connections: it accepts, gives each one a goroutine from its pool
// and keeps it alive. It neither parses requests nor renders responses.
// Two parsers of one message make request smuggling possible, so there is one, package wire, and
// fasthttp reads a constant request for each valid one (see Conn.Read). And fasthttp's response
// cannot carry an upstream's unchanged (it merges Set-Cookie lines of one name, keeps one line of
// several fields, and reorders the rest), so handlers write to the connection themselves and
// fasthttp's output is dropped (see Conn.Write). The rules are:
//
//   - a handler runs only for a request that wire.Request.Parse accepted;
//   - a refusal closes the connection, and reaches the client before it does;
//   - content is decoded here, and bounded. Content that a handler does not read is drained, or the
//     connection ends: it is never read as a request;
//   - every wait on a client has a deadline;
//   - the PROXY protocol and the TLS handshake, which precede the first request, are read on the
//     connection's goroutine, within the time that a head may take;
//   - a request over HTTP/2 or HTTP/3 is read as its HTTP/1.1 equivalent; see Stream.
//
// HTTP/2 is served here, see h2Conn; HTTP/3 by package h3, whose connections belong to a Server like all others, see Carrier.
// Package tlsconf holds the certificates, and package socket binds addresses. It is internal to the gateway.
package edge
