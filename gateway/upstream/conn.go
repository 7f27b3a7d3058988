package upstream

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// ResponseLimits bound the head of a response: as large as any server sends, far from what an
// attacker would. It must not be changed.
var ResponseLimits = wire.Limits{HeadBytes: 64 << 10, Fields: 128}

// MaxInterim bounds the interim responses before the final one: a server at work may send 102 (Processing) for minutes.
const MaxInterim = 100

const (
	firstBuffer  = 4 << 10
	streamBuffer = 32 << 10 // for content that does not come with the head
	rearmDivisor = 16       // see edge: a deadline is moved when it is off by this part of the timeout
)

// A conn is a connection to an endpoint. One exchange uses it at a time.
type conn struct {
	net.Conn
	secure *tls.Conn // Conn, if it speaks TLS
	raw    syscall.RawConn
	look   func(fd uintptr) bool // c.lookOnce, made once: a closure per exchange would be an allocation
	poll   poll
	silent bool // what the last look has seen
	spared bool // the exchange has had its second look; see receive
	reused bool
	idle   bool          // no exchange uses it
	rests  time.Duration // before it is used again; see Rest
	since  time.Time     // idle since

	in       []byte
	r, w     int                 // in[r:w] has not been used
	large    *[streamBuffer]byte // borrowed while content streams; in is all of it then
	small    []byte              // what in was before
	response wire.Response
	readBy   time.Time
	writeBy  time.Time
}

func newConn(nc net.Conn) (*conn, error) {
	c := &conn{Conn: nc, in: make([]byte, firstBuffer)}
	raw, err := nc.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	c.raw, c.look = raw, c.lookOnce
	return c, nil
}

// quiet reports whether the connection is open and has nothing to say. It makes one system call
// and does not wait: the peer may close right after, which the caller must expect.
func (c *conn) quiet(now time.Time) bool {
	if c.r != c.w {
		return false
	}
	if !c.readBy.After(now) {
		c.setReadBy(now.Add(glance)) // an expired deadline would fail the look
	}
	c.silent = false
	return c.raw.Read(c.look) == nil && c.silent && c.spent()
}

func (c *conn) lookOnce(fd uintptr) bool {
	c.silent = c.poll.silent(fd)
	return true
}

func (c *conn) setReadBy(by time.Time) {
	c.readBy = by
	c.SetReadDeadline(by) // a dead socket shows at the read
}

// armRead moves the read deadline to timeout from now, or to an earlier deadline, unless it
// stands close enough already.
func (c *conn) armRead(now time.Time, timeout time.Duration, deadline time.Time) {
	by := now.Add(timeout)
	if !deadline.IsZero() && deadline.Before(by) {
		by = deadline
	}
	if by.Sub(c.readBy) > timeout/rearmDivisor || c.readBy.After(by) {
		c.setReadBy(by)
	}
}

// receive reads once. When the deadline has passed it looks once more, once in an exchange: if the process was stopped
// meanwhile, what has come in time must not be taken for late.
func (c *conn) receive(p []byte) (int, error) {
	n, err := c.Read(p)
	if n > 0 || c.spared || !errors.Is(err, os.ErrDeadlineExceeded) || !c.speaks() {
		return n, err
	}
	c.spared = true
	c.setReadBy(time.Now().Add(glance))
	return c.Read(p)
}

// speaks reports whether something can be read from the socket.
func (c *conn) speaks() bool {
	spoke := false
	c.raw.Control(func(fd uintptr) { spoke = !c.poll.silent(fd) }) // a dead socket has nothing to say
	return spoke
}

// send writes b within timeout.
func (c *conn) send(b []byte, now time.Time, timeout time.Duration) (int, error) {
	if by := now.Add(timeout); by.Sub(c.writeBy) > timeout/rearmDivisor || c.writeBy.After(by) {
		c.writeBy = by
		c.SetWriteDeadline(by) // a dead socket shows at the write
	}
	return c.Write(b)
}

var (
	errTooManyInterim = errors.New("too many interim responses")
	errUnaskedUpgrade = errors.New("it switches protocols, but not to what was asked for")
)

// readHead reads the head of the final response into c.response. received reports whether any octet
// came in. A switch of protocols that was not asked for is an error.
func (x *Exchange) readHead(c *conn) (received bool, err error) {
	c.r, c.w, c.spared = 0, 0, false
	for interims := 0; ; interims++ {
		n, err := x.readOneHead(c)
		if err != nil {
			return c.w > 0 || interims > 0, err
		}
		c.r += n
		switch s := c.response.Status; {
		case s == 101 && x.agrees(&c.response):
			return true, nil
		case s == 101:
			return true, errUnaskedUpgrade
		case s >= 200:
			return true, nil
		case interims == MaxInterim:
			return true, errTooManyInterim
		case s == 100:
			err = x.proceed(c) // the upstream asks for the content, or has no need to
		case x.Interim != nil:
			err = x.Interim(&c.response)
		}
		if err != nil {
			return true, err
		}
		if !x.awaits() {
			x.await(c, time.Now(), x.Endpoint.opts.FirstByteTimeout) // the endpoint says that it is at work
		}
	}
}

// readOneHead is conn's, but if the upstream says nothing of the content that it was told to expect
// for continueTimeout it is sent the content all the same.
func (x *Exchange) readOneHead(c *conn) (int, error) {
	n, err := c.readOneHead(x)
	if err == nil || !x.awaits() || !errors.Is(err, os.ErrDeadlineExceeded) || x.expired() {
		return n, err
	}
	if err := x.proceed(c); err != nil {
		return 0, err
	}
	return c.readOneHead(x)
}

// readOneHead parses the head at in[r:w], reading as much as it needs.
func (c *conn) readOneHead(x *Exchange) (int, error) {
	for {
		if c.r < c.w {
			n, fault := c.response.Parse(c.in[c.r:c.w], ResponseLimits)
			if fault != nil {
				return 0, fault
			}
			if n > 0 {
				return n, nil
			}
		}
		if c.w == len(c.in) {
			c.makeRoom()
		}
		n, err := c.receive(c.in[c.w:])
		c.w += n
		if n == 0 && err != nil && !x.patient(c, err) {
			return 0, err
		}
	}
}

// makeRoom makes the buffer larger, or moves what is unread to its front.
func (c *conn) makeRoom() {
	in := c.in
	if c.r == 0 {
		in = make([]byte, 2*len(c.in))
	}
	c.w = copy(in, c.in[c.r:c.w])
	c.r, c.in = 0, in
}

// ErrCut says that a response ended before its content did.
var ErrCut = errors.New("the response was cut off")

// content reads the content of a response, decoded.
type content struct {
	framing wire.Framing
	left    int64 // ByLength
	chunked wire.Chunked
	done    bool   // all of it was decoded
	run     []byte // decoded, to be returned by next
	err     error  // a fault in what follows run
}

func newContent(r *wire.Response, head bool) content {
	c := content{framing: r.Framing(head), left: r.Length}
	c.done = c.framing == wire.NoContent
	return c
}

// next returns the next run of content, valid until the next call, reading from conn if its
// buffer is empty. It returns io.EOF at the end.
func (t *content) next(c *conn) ([]byte, error) {
	for !t.pending(c) {
		if err := t.fill(c); err != nil {
			return nil, err
		}
	}
	switch run := t.run; {
	case len(run) > 0:
		t.run = nil
		return run, nil
	case t.err != nil:
		return nil, t.err
	}
	return nil, io.EOF
}

// pending reports whether next need not read. What frames the content is used up here: between
// two chunks there may be octets in the buffer, and yet nothing to return.
func (t *content) pending(c *conn) bool {
	for len(t.run) == 0 && t.err == nil && !t.done && c.r < c.w {
		t.run, t.err = t.decode(c)
	}
	return len(t.run) > 0 || t.err != nil || t.done
}

// fill reads once into conn's empty buffer.
func (t *content) fill(c *conn) error {
	c.borrow()
	n, err := c.receive(c.in)
	c.r, c.w = 0, n
	if n > 0 {
		return nil
	}
	if errors.Is(err, io.EOF) {
		if t.framing == wire.UntilClose {
			t.done = true
			return nil
		}
		return ErrCut
	}
	return err
}

// borrow gives conn a large buffer. The head is not needed any more: the response has begun.
func (c *conn) borrow() {
	if c.large == nil {
		c.large, c.small = streamBuffers.Get().(*[streamBuffer]byte), c.in
		c.in = c.large[:]
	}
}

// giveBack returns the large buffer, so that an idle connection does not hold one.
func (c *conn) giveBack() {
	if c.large != nil {
		streamBuffers.Put(c.large)
		c.in, c.large, c.small = c.small, nil, nil
	}
}

var streamBuffers = sync.Pool{New: func() any { return new([streamBuffer]byte) }}

// decode takes a run of content from conn's buffer.
func (t *content) decode(c *conn) ([]byte, error) {
	src := c.in[c.r:c.w]
	switch t.framing {
	case wire.ByChunks:
		data, n, fault := t.chunked.Next(src)
		c.r += n
		if fault != nil {
			return nil, fault
		}
		t.done = t.chunked.Done()
		return data, nil
	case wire.ByLength:
		if int64(len(src)) > t.left {
			src = src[:t.left]
		}
		t.left -= int64(len(src))
		t.done = t.left == 0
	}
	c.r += len(src)
	return src, nil
}
