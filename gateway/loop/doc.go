// Package loop is the event loop: it serves both sides of small exchanges without a goroutine for each.
// It runs on Linux; on other systems, the package has only the interface Exchange.
//
// There is one loop for each processor, and they share nothing: each has its own listening
// sockets (SO_REUSEPORT), epoll set, connections to upstreams, and buffers. A client's socket and
// the upstream's that it waits for are in the same set, so an exchange is four system calls and no
// switch between goroutines: read the request, forward it, read the response, forward it.
//
// The epoll descriptor is itself polled by Go's runtime (see reactor.wait). So the loop's goroutine
// parks like any other when it is idle, and no thread blocks.
//
// Handing over. A request is served here if its head and content fit one small buffer. All others are passed to edge's
// goroutines before they are begun, with the bytes read so far: requests with large content or content
// of unknown length, those that wait for 100 (Continue), and those that Exchange.Begin declines,
// such as upgrades and requests for upstreams that speak TLS. The connection comes back when it is idle,
// but not between two such exchanges within a second (edge.Conn.KeepBlocking).
// Responses of any size are streamed here, by repeating the last two system calls.
//
// TLS connections enter after edge's goroutines have made the handshake; see readSecure. HTTP/2 connections stay in the loop:
// only single streams are passed to goroutines; see frames_linux.go and bridge_linux.go.
//
// A client that resets its connection ends its exchange at once. A client that closes only its side
// ends it after edge.HalfClosedWait without progress of the response.
//
// The semantics of an exchange belong to the gateway, behind the interface Exchange. This package
// only decides when to read, write and give up.
package loop
