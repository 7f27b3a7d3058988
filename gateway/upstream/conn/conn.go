package conn

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// Glance is the first read deadline of a wait; it is moved if the wait is longer than that.
const Glance = 60 * time.Millisecond

const (
	firstBuffer  = 4 << 10
	rearmDivisor = 16 // see edge: a deadline is moved when it is off by this part of the timeout
)

// A Conn is a connection to a server. One exchange uses it at a time.
type Conn struct {
	net.Conn
	// Response is the head that was read last. It is valid until content is read.
	Response wire.Response
	// Reused says that an exchange has used the connection before.
	Reused bool
	// ReadBy and WriteBy are the deadlines as this side knows them; zero: it does not.
	ReadBy, WriteBy time.Time

	secure *tls.Conn // Conn, if it speaks TLS
	raw    syscall.RawConn
	look   func(fd uintptr) bool // c.lookOnce, made once: a closure per exchange would be an allocation
	poll   Poll
	silent bool          // what the last look has seen
	spared bool          // the exchange has had its second look; see receive
	idle   bool          // no exchange uses it
	rests  time.Duration // before it is used again; see Rest
	since  time.Time     // idle since

	in    []byte
	r, w  int     // in[r:w] has not been used
	large *Buffer // borrowed while content streams; in is all of it then
	small []byte  // what in was before
}

func newConn(nc net.Conn) (*Conn, error) {
	c := &Conn{Conn: nc, in: make([]byte, firstBuffer)}
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	c.raw, c.look = raw, c.lookOnce
	return c, nil
}

// Idle notes that no exchange uses the connection from now on.
func (c *Conn) Idle(now time.Time) { c.since, c.idle = now, true }

// Use notes that one does.
func (c *Conn) Use(reused bool) { c.idle, c.Reused = false, reused }

// Quiet reports whether the connection is open and has nothing to say. It makes one system call
// and does not wait: the peer may close right after, which the caller must expect.
func (c *Conn) Quiet(now time.Time) bool {
	if c.r != c.w {
		return false
	}
	if !c.ReadBy.After(now) {
		c.SetReadBy(now.Add(Glance)) // an expired deadline would fail the look
	}
	c.silent = false
	return c.raw.Read(c.look) == nil && c.silent && c.spent()
}

func (c *Conn) lookOnce(fd uintptr) bool {
	c.silent = c.poll.Silent(fd)
	return true
}

// SetReadBy sets the read deadline.
func (c *Conn) SetReadBy(by time.Time) {
	c.ReadBy = by
	c.SetReadDeadline(by) // a dead socket shows at the read
}

// ArmRead moves the read deadline to timeout from now, or to an earlier deadline, unless it
// stands close enough already.
func (c *Conn) ArmRead(now time.Time, timeout time.Duration, deadline time.Time) {
	by := now.Add(timeout)
	if !deadline.IsZero() && deadline.Before(by) {
		by = deadline
	}
	if by.Sub(c.ReadBy) > timeout/rearmDivisor || c.ReadBy.After(by) {
		c.SetReadBy(by)
	}
}

// receive reads once. When the deadline has passed it looks once more, once in an exchange: if
// the process was stopped in between, what has come in time must not be taken for late.
func (c *Conn) receive(p []byte) (int, error) {
	n, err := c.Read(p)
	if n > 0 || c.spared || !errors.Is(err, os.ErrDeadlineExceeded) || !c.speaks() {
		return n, err
	}
	c.spared = true
	c.SetReadBy(time.Now().Add(Glance))
	return c.Read(p)
}

// speaks reports whether something can be read from the socket.
func (c *Conn) speaks() bool {
	spoke := false
	c.raw.Control(func(fd uintptr) { spoke = !c.poll.Silent(fd) }) // a dead socket has nothing to say
	return spoke
}

// Unread returns how many bytes have come in that nothing has used.
func (c *Conn) Unread() int { return c.w - c.r }

// Detach returns the received bytes that were not used, and gives up the buffer: the connection
// changes hands. Of Response only the status is left.
func (c *Conn) Detach() []byte {
	unread := bytes.Clone(c.in[c.r:c.w])
	c.in, c.r, c.w, c.Response = nil, 0, 0, wire.Response{Status: c.Response.Status}
	return unread
}

// Send writes b within timeout.
func (c *Conn) Send(b []byte, now time.Time, timeout time.Duration) (int, error) {
	if by := now.Add(timeout); by.Sub(c.WriteBy) > timeout/rearmDivisor || c.WriteBy.After(by) {
		c.WriteBy = by
		c.SetWriteDeadline(by) // a dead socket shows at the write
	}
	return c.Write(b)
}
