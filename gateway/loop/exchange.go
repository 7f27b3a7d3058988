package loop

import (
	"net/netip"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/tlsconf"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// An Exchange is what the gateway makes of one request. A loop has a free list of them and uses each
// again and again, for one request at a time, on its goroutine. Slices that are returned are
// valid until the next call, unless it says otherwise. A panic ends within the Exchange, and is
// answered 500.
type Exchange interface {
	// Head is where the request's head is parsed to. It aliases the loop's buffer until Begin
	// returns, or, if the request is Forwarded, until Request returns.
	Head() *wire.Request
	// Reject appends the response to a request that is refused for a fault of its head. Head has what could be salvaged of it,
	// see [wire.Salvage]. The connection ends after it, and Done follows.
	Reject(dst []byte, c Client, f *wire.Fault) []byte
	// Begin decides what becomes of the request. If it is Answered, the whole response is appended
	// to dst, and the connection ends after it if ends is set.
	Begin(dst []byte, c Client) (out []byte, ends bool, next Next)
	// Attempts returns where the request goes, and by when, from the first to the last attempt.
	Attempts() *upstream.Attempts
	// Prepare takes the content of the request, decoded, and the lines of its trailer section, which may be none, or returns why they
	// are not wanted. After it, nothing of Head aliases the loop's buffer. Request then returns the whole request for the
	// upstream, valid until Done.
	Prepare(content, trailers []byte) *wire.Fault
	Request() []byte
	// Sent notes that the request, or as much of it as there was room for, was written to an
	// endpoint, in a turn of the loop that began at the given time.
	Sent(since time.Time)
	// Refuse appends the response to a request that is not forwarded because of its content. The
	// connection ends after it.
	Refuse(dst []byte, f *wire.Fault) []byte
	// Interim appends an interim response (1xx, but neither 100 nor 101) as the client gets it.
	Interim(dst []byte, res *wire.Response) []byte
	// Finish appends the head of the response. It returns whether the connection ends after the
	// response, which it does if ends is set, and how the content has to be framed. If it reports
	// false, out is instead all that the client is answered, and the connection ends.
	Finish(dst []byte, res *wire.Response, ends bool) (out []byte, last bool, as wire.Framing, ok bool)
	// Trailers appends those lines of the response's trailer section that the client gets, of those that the upstream has sent. See
	// [wire.Chunked.Trailers].
	Trailers(dst, lines []byte) []byte
	// Fail appends the response to a request whose exchange failed before a response began. e is
	// nil if the upstream had no endpoint.
	Fail(dst []byte, e *upstream.Endpoint, err *upstream.Error, ends bool) (out []byte, last bool)
	// Cut notes that a response broke off after it had begun.
	Cut(e *upstream.Endpoint, err error)
	// Done ends the exchange and counts it. e is nil if no upstream was asked. Gone does so for a
	// client that has gone.
	Done(e *upstream.Endpoint, now time.Time)
	Gone(now time.Time)
}

// Next is what becomes of a request.
type Next uint8

// What can become of a request.
const (
	Answered  Next = iota // here
	Forwarded             // it is for Upstream
	Elsewhere             // it is not for the loop: nothing of it was begun, or counted
)

// A Client is what an Exchange has to know of the connection that its request came on.
type Client struct {
	Peer netip.Addr
	// Identity is what its certificate says; nil: it has shown none.
	Identity *tlsconf.Identity
	On       *edge.Listener
	Major    int  // version of HTTP; 0: 1
	Ends     bool // the connection ends after the response, if the exchange is answered by Begin
	Now      time.Time
}
