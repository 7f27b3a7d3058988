package edge

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/gateway/tlsconf"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file speaks TLS with clients, by crypto/tls.

// newSessions returns the configuration of all handshakes of a server, which defers to the one in
// force. It outlives them, because crypto/tls makes the keys of session tickets for it, and
// rotates them every day: so sessions are resumed across reloads. That a client which is resumed would
// be accepted now is checked by crypto/tls: its certificate against the authorities in force.
func (s *Server) newSessions() *tls.Config {
	sessions := &tls.Config{MinVersion: tls.VersionTLS12}
	sessions.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		c := s.opts.Load().TLS
		if c == nil {
			return nil, tlsconf.ErrUnconfigured
		}
		if c.GetConfigForClient != nil {
			if other, err := c.GetConfigForClient(hello); other != nil || err != nil {
				return other, err // an authority's challenge
			}
		}
		return hello.Conn.(*transport).on.ClientAuth.Config(c, sessions), nil
	}
	return sessions
}

// FaultPlaintext is the fault of a client that speaks plain HTTP to a TLS listener.
var FaultPlaintext = &wire.Fault{Status: 400, Class: "plaintext", Reason: "this port speaks TLS: use https://"}

// A transport is what TLS is spoken over: a socket, from which something may have been read.
type transport struct {
	net.Conn
	on       *Listener
	identity *tlsconf.Identity // of the client, after the handshake
	read     []byte
	plain    []byte // the bytes of a client that does not speak TLS

	patience time.Duration // for each write; 0: who writes sees to its deadline
	writeBy  time.Time     // the write deadline in force, if it was set for patience
	failed   error         // of a write

	records recordCount // of what was read
}

// A recordCount follows the boundaries of records in the bytes of a connection.
type recordCount struct {
	ended int     // records
	left  int     // bytes of the current one beyond its header
	head  [5]byte // its header, as far as it has come
	had   int     // of head
}

func (r *recordCount) add(b []byte) {
	for len(b) > 0 {
		if r.had < len(r.head) {
			n := copy(r.head[r.had:], b)
			b = b[n:]
			if r.had += n; r.had < len(r.head) {
				return
			}
			r.left = int(r.head[3])<<8 | int(r.head[4])
		}
		n := min(len(b), r.left)
		b = b[n:]
		if r.left -= n; r.left == 0 {
			r.ended++
			r.had = 0
		}
	}
}

// Records returns how many records of a TLS connection of this package have been read from its
// socket, and whether none has been read in part.
func Records(secure *tls.Conn) (ended int, whole bool) {
	r := &secure.NetConn().(*transport).records
	return r.ended, r.had == 0
}

// Rebase has a TLS connection of this package speak over another socket, or what passes for
// one, from which read was read already; and returns the one that it has spoken over. The
// connection must not be used concurrently.
func Rebase(secure *tls.Conn, nc net.Conn, read []byte) (before net.Conn) {
	t := secure.NetConn().(*transport)
	before, t.Conn = t.Conn, nc
	t.read = append(t.read, read...)
	return before
}

// SyscallConn returns the socket.
func (t *transport) SyscallConn() (syscall.RawConn, error) {
	return t.Conn.(syscall.Conn).SyscallConn()
}

// Write writes records. That is not for Send alone to bound: crypto/tls also writes while it
// reads, a new key if the client asks for one. It would wait for ever for a client that reads
// none, or fail for the deadline of an earlier response.
func (t *transport) Write(p []byte) (int, error) {
	if t.failed != nil {
		return 0, t.failed // crypto/tls would try again with the next key, and wait again
	}
	if t.patience > 0 {
		if by := time.Now().Add(t.patience); by.Sub(t.writeBy) > t.patience/rearmDivisor || t.writeBy.After(by) {
			t.writeBy = by
			t.Conn.SetWriteDeadline(by) // a dead socket shows at the write
		}
	}
	n, err := t.Conn.Write(p)
	if t.failed = err; errors.Is(err, os.ErrDeadlineExceeded) {
		resetOnClose(t.Conn)
	}
	return n, err
}

// wait gives each write from now on a time; 0: the writer sets deadlines itself. There must be no concurrent write.
func (t *transport) wait(patience time.Duration) {
	if t != nil {
		t.patience, t.writeBy = patience, time.Time{}
	}
}

func (t *transport) Read(p []byte) (int, error) {
	if len(t.read) > 0 {
		n := copy(p, t.read)
		t.read = t.read[n:]
		t.note(p[:n])
		return n, nil
	}
	n, err := t.Conn.Read(p)
	t.note(p[:n])
	return n, err
}

// note examines the bytes that were read. No record begins with a letter, as requests do: of
// those crypto/tls reads five bytes and perhaps more, and gives them up, but their sender gets
// an answer.
func (t *transport) note(b []byte) {
	if len(t.plain) > 0 || len(b) > 0 && t.records == (recordCount{}) && looksLikeHTTP([5]byte{b[0], ' '}) {
		t.plain = append(t.plain, b...)
	}
	t.records.add(b)
}

// shakeHands makes the handshake before by. It returns false if it fails.
func (c *Conn) shakeHands(by time.Time) bool {
	secure := c.Conn.(*tls.Conn)
	secure.SetDeadline(by) // a dead socket shows in the handshake
	h := c.server.shaking.begin(c, by, max(1, min(maxTLSHandshakes, c.opts.Connections/2)))
	c.under.Conn = h
	err := secure.Handshake()
	c.under.Conn = c.socket
	crowded := h.end()
	if err == nil {
		secure.SetDeadline(time.Time{}) // likewise
		if c.on.ClientAuth != nil {
			c.under.identity = tlsconf.NewIdentity(secure.ConnectionState().PeerCertificates)
		}
		return true
	}
	failure := failureOf(err)
	if crowded {
		failure = FailurePressure
	}
	var header tls.RecordHeaderError
	if errors.As(err, &header) && header.Conn != nil && looksLikeHTTP(header.RecordHeader) {
		failure = FailurePlaintext
		c.refusePlaintext()
	}
	c.server.failed(c, failure, err)
	return false
}

// refusePlaintext answers a request that came without TLS, as other requests are answered whose head is refused.
func (c *Conn) refusePlaintext() {
	c.in = append(make([]byte, 0, firstBuffer), c.under.plain...)
	c.w = len(c.in)
	c.in = c.in[:cap(c.in)]
	c.Conn, c.under, c.plain = c.socket, nil, true
	c.Refuse(FaultPlaintext)
}

// protocolOf returns what ALPN has chosen, or "".
func protocolOf(c net.Conn) string { return c.(*tls.Conn).ConnectionState().NegotiatedProtocol }

// looksLikeHTTP reports whether the first bytes of a connection are of a request line.
func looksLikeHTTP(header [5]byte) bool {
	for _, b := range header {
		if b < 'A' || b > 'Z' {
			return b == ' '
		}
	}
	return true
}
