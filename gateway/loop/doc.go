// Package loop is the event loop: small exchanges, both sides, without a goroutine for each.
// It runs on Linux; elsewhere there is only the interface Exchange.
//
// There is one loop for each processor, and they share nothing: each has its own listening
// sockets (SO_REUSEPORT), epoll set, connections to upstreams, and buffers. A client's socket and
// the upstream's it waits for are in the same set, so an exchange is four system calls and no
// switch between goroutines: read the request, write it on, read the response, write it on.
//
// The epoll descriptor is itself polled by Go's runtime (see Loop.wait). The loop's goroutine
// thereby parks like any other when there is nothing to do; no thread blocks.
//
// Handing over. A request is served here if its head and content fit one small buffer. Everything
// else goes to edge's goroutines with the bytes read so far, before anything of it was begun: large
// or open-ended content, an awaited 100 (Continue), and what Exchange.Begin says is for elsewhere,
// such as upgrades and upstreams that speak TLS. The connection comes back when it is idle,
// but not between two such exchanges that follow within a second (edge.Conn.KeepBlocking).
// Responses of any size are streamed here: that is the same two system calls again.
//
// Clients that speak TLS come in the same way, when edge's goroutines have made the handshake; see readSecure. Those that
// speak HTTP/2 stay: of them a stream alone goes to a goroutine; see frames_linux.go and bridge_linux.go.
//
// A client that resets its connection ends its exchange at once, one that ends its side after
// edge.HalfClosedWait without a response, or without more of it: see there.
//
// What an exchange means is decided by the gateway, behind the interface Exchange. Here is only
// who has to be read from, written to, or given up on.
package loop
