package edge

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// Sizes of a connection's buffer and of the content that is read and dropped.
const (
	firstBuffer  = 4 << 10   // the buffer that a connection starts with
	chunkSpace   = 4 << 10   // least room for reading chunked content
	maxDrain     = 256 << 10 // unread content that is drained to keep a connection
	rearmDivisor = 16        // a deadline is moved when it is off by this part of the timeout
)

// Bounds of what a client may still send after its last response, in bytes and time, before its
// connection is closed anyway.
const (
	MaxLinger  = 1 << 20
	LingerTime = 2 * time.Second
)

// A Conn is a client's connection. It is used by one goroutine at a time, the one that fasthttp
// runs for it, with two exceptions: a handler may let another goroutine read the content while it
// sends and ends the response itself, after Continue and until it returns; and the server's drain
// looks at it from outside, at idle only.
type Conn struct {
	net.Conn          // what HTTP is spoken over
	socket   net.Conn // what that is spoken over: the same, unless it is TLS
	server   *Server
	peer     netip.Addr
	opts     *Options // of the current request
	on       *Listener

	// Request is the current request. It is valid while a handler runs and aliases the buffer.
	Request wire.Request
	// State belongs to the handlers; it lives as long as the connection.
	State any

	in   []byte // bytes that were read; the head of the current request is in[:head]
	r, w int    // in[r:w] has not been used
	head int

	// Content of the current request.
	chunked   wire.Chunked
	remaining int64 // by Content-Length
	limit     int64 // bytes of content that may still come in
	came      int64 // bytes of it that were read since the head, and how long they were waited for
	waited    time.Duration
	ended     bool // all content was read
	broken    bool // content failed: where the next request begins is unknown
	waiting   bool // the client waits for 100 (Continue)

	under   *transport // of TLS; nil without
	carrier Carrier    // of several requests at once, each with its own Conn; nil: it is not
	stream  Stream     // of such a carrier; nil: it is a connection of HTTP/1.1
	opened  bool       // nothing comes before the first request
	plain   bool       // no TLS was spoken on a socket for it

	onEnd        func()              // is called at the end; may be nil
	handBack     func(net.Conn) bool // takes an idle connection back; may be nil
	moved        bool                // handBack has taken it
	keepBlocking bool                // not before the client pauses; see KeepBlocking

	tunnel  func() // what the connection is for when fasthttp has done with it; nil: nothing
	tunnels bool   // it runs, or has run

	stub        []byte // what fasthttp has yet to read of its constant request
	closing     bool   // the connection ends after this response
	aborted     bool   // it ends in a reset
	refused     bool   // the client may still be sending
	started     bool   // a request has been read
	shut        atomic.Bool
	idle        atomic.Bool
	silence     atomic.Int64 // a Silence
	displaced   atomic.Bool  // it was ended to make room
	relieved    atomic.Bool  // its request has given back memory
	held        atomic.Int64 // what a head holds that is not all there; of use while silence is Partial
	interrupted atomic.Bool
	spared      bool      // the current request has had its second look; see receive
	readBy      time.Time // the read deadline in force
	writeBy     time.Time // the write deadline in force
}

// constantRequest is all that fasthttp ever parses.
var constantRequest = []byte("GET / HTTP/1.1\r\nHost: corsgate\r\n\r\n")

// Read gives fasthttp one constant request for each request that was read and found valid. It
// returns io.EOF, which fasthttp takes as a quiet end, when the connection is over.
func (c *Conn) Read(p []byte) (int, error) {
	if len(c.stub) == 0 {
		if !c.next() {
			return 0, io.EOF
		}
		c.stub = constantRequest
	}
	n := copy(p, c.stub)
	c.stub = c.stub[n:]
	return n, nil
}

// Write drops what fasthttp renders: the handler has answered by Send.
func (c *Conn) Write(p []byte) (int, error) { return len(p), nil }

// Peer returns the address of the other end, without a zone. Clients on a Unix socket are local:
// their address is 127.0.0.1.
func (c *Conn) Peer() netip.Addr { return c.peer }

// Listener returns the listener that accepted the connection.
func (c *Conn) Listener() *Listener { return c.on }

// armRead moves the read deadline to timeout from now, unless it stands close enough already:
// moving it costs more than a short read.
func (c *Conn) armRead(timeout time.Duration) {
	if by := time.Now().Add(timeout); by.Sub(c.readBy) > timeout/rearmDivisor || c.readBy.After(by) {
		c.setReadDeadline(by)
	}
}

func (c *Conn) setReadDeadline(by time.Time) {
	c.readBy = by
	c.Conn.SetReadDeadline(by) // a dead socket shows at the read
}

// armWrite is armRead for writing.
func (c *Conn) armWrite(timeout time.Duration) {
	if by := time.Now().Add(timeout); by.Sub(c.writeBy) > timeout/rearmDivisor || c.writeBy.After(by) {
		c.writeBy = by
		c.Conn.SetWriteDeadline(by) // a dead socket shows at the write
	}
}

// Send writes b to the client, within the body_idle timeout for each 64 KiB or, over TLS, each record.
func (c *Conn) Send(b []byte) error {
	const piece = 64 << 10
	for {
		if c.under == nil { // else it sees to that
			c.armWrite(c.opts.BodyIdle)
		}
		n, err := c.Conn.Write(b[:min(len(b), piece)])
		if err != nil {
			c.closing = true
			c.aborted = c.aborted || errors.Is(err, os.ErrDeadlineExceeded)
			return err
		}
		if b = b[n:]; len(b) == 0 {
			return nil
		}
	}
}
