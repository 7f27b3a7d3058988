package transport

import (
	"crypto/sha1" // RFC 6455 chose it; nothing secret depends on it
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/conn"
	"github.com/corsgate/corsgate/gateway/wire"
)

// agrees reports whether a response of status 101 switches to the protocol that was asked for, and
// to no other. See RFC 9110, section 15.2.2.
func (x *Exchange) agrees(r *wire.Response) bool {
	return x.Upgrade != "" && wire.EqualFold(r.Upgrade, x.Upgrade) && (len(x.WebSocketKey) == 0 || accepts(r, x.WebSocketKey))
}

// accepts reports whether a response proves that its sender has read the key. See RFC 6455,
// section 4.1: an upstream that was tricked into a 101 cannot know the answer.
func accepts(r *wire.Response, key []byte) bool {
	sum := sha1.Sum(append(append([]byte(nil), key...), "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"...)) // as above
	return string(r.Accept) == base64.StdEncoding.EncodeToString(sum[:])
}

// A Counter counts bytes. It is called from two goroutines.
type Counter interface{ Add(n float64) }

// Tunnel carries bytes both ways between a client and the connection behind a response of
// status 101: first read, which the client has sent already, then what either sends. It returns
// when both have ended, one has failed, neither has sent anything for the time idle, or the
// exchange's deadline has passed; the latter two are upstream.ErrIdle and upstream.ErrLate. The
// connection is then closed; the client's is the caller's to close. End follows.
func (x *Exchange) Tunnel(client net.Conn, read []byte, idle time.Duration, fromClient, fromUpstream Counter) error {
	x.unwatch()
	x.failed = true // End must not keep the connection
	c := x.conn
	defer c.Conn.Close() // the tunnel is over
	first := c.Detach()  // the head is not needed any more
	x.Head, x.Method, x.WebSocketKey = nil, nil, nil
	t := &tunnel{idle: idle, deadline: x.deadline, client: newEnd(client), upstream: newEnd(c.Conn)}
	t.touch()
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.carry(&t.upstream, &t.client, read, fromClient)
	}()
	t.carry(&t.client, &t.upstream, first, fromUpstream)
	<-done
	return t.end()
}

// A tunnel is what the two directions have in common.
type tunnel struct {
	idle     time.Duration
	deadline time.Time // zero: none
	over     atomic.Bool
	late     atomic.Bool  // a wait for either side has ended at until
	last     atomic.Int64 // when something was carried, either way, in Unix nanoseconds

	client, upstream end
}

func (t *tunnel) touch() { t.last.Store(time.Now().UnixNano()) }

// until returns when the tunnel has been idle for too long, as things stand.
func (t *tunnel) until() time.Time {
	by := time.Unix(0, t.last.Load()).Add(t.idle)
	if !t.deadline.IsZero() && t.deadline.Before(by) {
		by = t.deadline
	}
	return by
}

// end returns why the tunnel was ended by this side, or nil. Precondition: it is over.
func (t *tunnel) end() error {
	switch {
	case !t.late.Load():
		return nil
	case !t.deadline.IsZero() && !time.Now().Before(t.deadline):
		return upstream.ErrLate
	}
	return upstream.ErrIdle
}

// carry sends first and then what src brings to dst. At the end of src it ends dst's receiving side
// only: the other direction may continue. At an error it ends both. carried counts bytes.
func (t *tunnel) carry(dst, src *end, first []byte, carried Counter) {
	err := t.send(dst, first, carried)
	if err == nil && src.secure {
		err = t.move(dst, src, carried, true) // there may be more where first comes from
	}
	for err == nil {
		if err = t.await(src); err == nil {
			err = t.move(dst, src, carried, false)
		}
	}
	if half, ok := dst.Conn.(interface{ CloseWrite() error }); ok && errors.Is(err, io.EOF) && half.CloseWrite() == nil {
		return
	}
	// In this order, while await sets a deadline and then looks at the flag: the other direction
	// sees one or the other.
	t.over.Store(true)
	src.SetDeadline(longAgo) // the connection ends
	dst.SetDeadline(longAgo) // likewise
}

// longAgo makes reads and writes in progress fail.
var longAgo = time.Unix(1, 0)

// errOver says that the other direction has failed.
var errOver = errors.New("the tunnel is over")

// await waits until there is something to read from src. It holds no buffer while it waits.
func (t *tunnel) await(src *end) error {
	for {
		src.SetReadDeadline(t.until()) // a dead socket shows at the read
		if t.over.Load() {
			return errOver
		}
		err := src.ready()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if !time.Now().Before(t.until()) { // else the other direction is alive
			if !t.over.Load() {
				t.late.Store(true)
			}
			return err
		}
	}
}

// move reads what there is from src and sends it to dst; if there is nothing, and buffered is not
// set, it waits.
func (t *tunnel) move(dst, src *end, carried Counter, buffered bool) error {
	buf := conn.GetBuffer()
	defer conn.PutBuffer(buf)
	for {
		if buffered {
			src.SetReadDeadline(longAgo) // as in await
		}
		n, err := src.Read(buf[:])
		if n > 0 {
			err = t.send(dst, buf[:n], carried)
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil // whether it is over is for await to say
		}
		if err != nil || !src.secure && n < len(buf) {
			return err
		}
		buffered = src.secure
	}
}

func (t *tunnel) send(dst *end, b []byte, carried Counter) error {
	if len(b) == 0 {
		return nil
	}
	t.touch()
	dst.SetWriteDeadline(t.until()) // a dead socket shows at the write
	if _, err := dst.Write(b); err != nil {
		return err
	}
	carried.Add(float64(len(b)))
	return nil
}

// An end is one of the two connections of a tunnel.
type end struct {
	net.Conn
	// secure: it speaks TLS, so that readable data need not show at the socket. crypto/tls can be
	// used after a read that has timed out.
	secure bool

	raw   syscall.RawConn // of the socket; nil: waiting takes a read
	look  func(fd uintptr) bool
	poll  conn.Poll
	woken bool
}

func newEnd(nc net.Conn) end {
	e := end{Conn: nc}
	if s, ok := nc.(*tls.Conn); ok {
		e.secure = true
		nc = s.NetConn()
	}
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			e.raw = raw
		}
	}
	return e
}

// ready waits until something has come in at the socket, or its deadline has passed. It may be wrong:
// then the read that follows waits.
func (e *end) ready() error {
	if e.raw == nil {
		return nil
	}
	if e.look == nil {
		e.look = e.lookOnce
	}
	e.woken = false
	return e.raw.Read(e.look)
}

// lookOnce looks before the first wait only: what came before that would not end it.
func (e *end) lookOnce(fd uintptr) bool {
	looked := e.woken
	e.woken = true
	return looked || !e.poll.Silent(fd)
}
