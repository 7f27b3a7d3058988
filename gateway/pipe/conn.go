package pipe

import (
	"io"
	"net"
	"os"
	"time"

	"github.com/corsgate/corsgate/gateway/tlsconf"
)

// This file implements the handler's side of a pipe: net.Conn, and what package edge asks of a stream.

// Read is part of net.Conn.
func (p *Pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		by := p.patience(time.Now())
		switch {
		case p.failed != nil:
			return 0, p.failed
		case !p.readBy.IsZero() && !time.Now().Before(p.readBy):
			return 0, os.ErrDeadlineExceeded
		case !p.notBefore.IsZero():
		case p.at < len(p.in) && (p.ended || !p.whole):
			return p.read(b), nil
		case p.ended && p.flaw != nil:
			return 0, p.flaw
		case p.ended:
			return 0, io.EOF
		}
		p.wait(p.readable, by)
	}
}

// read takes what there is.
func (p *Pipe) read(b []byte) int {
	n := copy(b, p.in[p.at:])
	p.at += n
	back := min(n, p.held) // a head and chunks are not worth a second count
	if p.at == len(p.in) {
		back = p.held
		if p.in, p.at, p.head = p.in[:0], 0, 0; cap(p.in) > 2*pipeBytes {
			p.in = nil
		}
	}
	if p.held -= back; p.held > 0 {
		p.since = time.Now()
	}
	if p.used += back; p.used > 0 && !p.ended {
		p.tell()
	}
	return n
}

// wait waits for a signal, or until a time, zero for ever. Precondition: p.mu is held.
func (p *Pipe) wait(c chan struct{}, by time.Time) {
	p.mu.Unlock()
	defer p.mu.Lock()
	if by.IsZero() {
		<-c
		return
	}
	t := time.NewTimer(time.Until(by))
	defer t.Stop()
	select {
	case <-c:
	case <-t.C:
	}
}

// Write is part of net.Conn. It returns when there is room for more.
func (p *Pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return 0, p.failed
	}
	p.out = append(p.out, b...)
	p.tell()
	for len(p.out) > pipeBytes {
		switch {
		case p.failed != nil:
			return 0, p.failed
		case !p.writeBy.IsZero() && !time.Now().Before(p.writeBy):
			return 0, os.ErrDeadlineExceeded
		}
		p.wait(p.writable, p.writeBy)
	}
	return len(b), p.failed
}

// CloseWrite ends the handler's side.
func (p *Pipe) CloseWrite() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.tell()
	return nil
}

// Leave ends both sides of the handler.
func (p *Pipe) Leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed, p.left = true, true
	p.woken = false // what was taken before did not say so
	p.tell()
}

// Close is part of net.Conn.
func (p *Pipe) Close() error { return p.CloseWrite() }

// Watch has f called, on another goroutine, when the stream is reset, until stop is called.
func (p *Pipe) Watch(f func()) (stop func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := make(chan struct{})
	run := func() { defer close(done); f() }
	if p.failed != nil {
		go run()
		return func() { <-done }
	}
	p.gone = run
	return func() {
		p.mu.Lock()
		waits := p.gone != nil
		p.gone = nil
		p.mu.Unlock()
		if !waits {
			<-done
		}
	}
}

// SetReadDeadline is part of net.Conn.
func (p *Pipe) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.readBy = t
	notify(p.readable)
	return nil
}

// SetWriteDeadline is part of net.Conn.
func (p *Pipe) SetWriteDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writeBy = t
	notify(p.writable)
	return nil
}

// SetDeadline is part of net.Conn.
func (p *Pipe) SetDeadline(t time.Time) error {
	p.SetWriteDeadline(t) // it cannot fail
	return p.SetReadDeadline(t)
}

// LocalAddr is part of net.Conn.
func (p *Pipe) LocalAddr() net.Addr { return p.carrier.LocalAddr() }

// RemoteAddr is part of net.Conn.
func (p *Pipe) RemoteAddr() net.Addr { return p.carrier.RemoteAddr() }

// Identity returns the identity of the client, nil if it has shown no certificate.
func (p *Pipe) Identity() *tlsconf.Identity { return p.identity }

// Major returns the major version of HTTP.
func (p *Pipe) Major() int { return 2 }

// Break makes what the handler reads and writes fail from now on. The stream ends in a reset.
func (p *Pipe) Break() { p.Fail(ErrGone) }
