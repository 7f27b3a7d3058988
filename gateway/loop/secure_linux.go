package loop

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"golang.org/x/sys/unix"
)

// This file serves connections that speak TLS. Their handshake is made on edge's goroutines; then a loop takes them like
// any idle connection. crypto/tls goes on as what it is, but over memory: it reads records that the loop has received,
// and writes records that the loop is to send. That it never waits rests on what it promises of a net.Error which is
// Temporary: the read that it ends can be tried again, with nothing lost.

// records is what the TLS connections of a loop speak over. It is empty between two of them.
type records struct {
	space []byte // for what is received; nil: nobody has spoken TLS yet
	came  []byte // of it, not read yet
	out   []byte // written, not sent yet
}

// Read is part of net.Conn. Without records it fails with errLater.
func (r *records) Read(p []byte) (int, error) {
	if len(r.came) == 0 {
		return 0, errLater
	}
	n := copy(p, r.came)
	r.came = r.came[n:]
	return n, nil
}

// Write is part of net.Conn. It does not fail.
func (r *records) Write(p []byte) (int, error) {
	r.out = append(r.out, p...)
	return len(p), nil
}

// The rest of net.Conn. Nothing ever waits here, so deadlines have no meaning.

func (r *records) Close() error                     { return nil }
func (r *records) LocalAddr() net.Addr              { return nil }
func (r *records) RemoteAddr() net.Addr             { return nil }
func (r *records) SetDeadline(time.Time) error      { return nil }
func (r *records) SetReadDeadline(time.Time) error  { return nil }
func (r *records) SetWriteDeadline(time.Time) error { return nil }

// receive reads once what a client has sent.
func (r *records) receive(fd int32) (n int, err syscall.Errno) {
	if r.space == nil {
		r.space = make([]byte, readBuffer)
	}
	n, err = read(fd, r.space)
	r.came = r.space[:max(n, 0)]
	return n, err
}

// takeOut returns what crypto/tls has written. It is valid until that writes again.
func (r *records) takeOut() []byte {
	b := r.out
	if r.out = b[:0]; cap(b) > readBuffer {
		r.out = nil
	}
	return b
}

// seal returns b as records of c. They must be sent, or the connection is of no use any more.
func (r *records) seal(c *tls.Conn, b []byte) []byte {
	c.Write(b) // after an alert it writes nothing: the connection is about to end
	return r.takeOut()
}

// later is the error of a read for which there are no records yet.
type later struct{}

var errLater net.Error = later{}

func (later) Error() string   { return "no record has come yet" }
func (later) Timeout() bool   { return true }
func (later) Temporary() bool { return true }

// readSecure reads once what a client has sent over TLS, and acts on what has come.
func (l *Loop) readSecure(c *client) {
	n, err := l.records.receive(c.fd)
	switch {
	case err == unix.EAGAIN:
		return
	case err != 0:
		l.abort(c)
		return
	case n == 0:
		l.clientEOF(c) // without a close_notify; a request says itself where it ends
		return
	}
	l.unseal(c)
}

// unseal acts on all that a client's records say: those that have come, and those that crypto/tls had read before. It
// goes on to the end because epoll knows nothing of bytes that were read. Where the end is crypto/tls says by errLater; if as many
// records were read as have come, and none in part, it need not be asked, which would cost a lock and an allocation.
func (l *Loop) unseal(c *client) {
	defer func() { l.records.came = nil }()
	for {
		n, err := c.secure.Read(l.in)
		if len(l.records.out) > 0 { // an alert, or a new key
			if !l.put(c, l.records.takeOut()) {
				return
			}
			if len(c.unsent) > 0 { // a client that asks for keys and does not read them would fill memory
				l.watch(&c.socket, c.interest&^uint32(readable))
			}
		}
		if n > 0 {
			c.records++
			if l.received(c, l.in[:n]); !l.alive(c) || c.linger >= 0 {
				return
			}
		}
		ended, whole := edge.Records(c.secure)
		switch {
		case err == nil && whole && ended == c.records && len(l.records.came) == 0:
			return
		case err == nil:
		case err == errLater: // crypto/tls returns it as it is
			c.records = ended // also those without bytes for us
			return
		case errors.Is(err, io.EOF):
			l.clientEOF(c)
			return
		default:
			l.abort(c)
			return
		}
	}
}

// farewell tells a client that no more will come, if what came before has gone out.
func (l *Loop) farewell(c *client) {
	if c.secure == nil || len(c.unsent) > 0 {
		return
	}
	c.secure.CloseWrite() // it writes to memory
	if b := l.records.takeOut(); len(b) > 0 {
		send(c.fd, b) // the connection ends either way
	}
}
