package edge

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/corsgate/corsgate/gateway/tlsconf"
	"github.com/corsgate/corsgate/gateway/wire"
)

// pipeBytes is how much of a response may wait in a pipe before its handler has to wait.
const pipeBytes = 64 << 10

// keptBytes is the largest buffer that an empty pipe keeps.
const keptBytes = 4 << 10

// Ends are the addresses of a connection.
type Ends interface {
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
}

// ErrStreamGone is why reads and writes of a pipe fail when its stream was reset, or its connection has ended.
var ErrStreamGone = errors.New("the stream was reset")

// A Pipe is one stream of an HTTP/2 connection as a connection of HTTP/1.1, for a handler on a goroutine of its own. The handler
// reads the request, as it was written down from the stream, and writes the response; whoever has the stream feeds the one and
// takes the other. So there is one idea of what a request is, and one of what becomes of it.
//
// The handler's side is a net.Conn. The methods of the other side never wait.
type Pipe struct {
	carrier  Ends              // its connection's
	identity *tlsconf.Identity // of the client; see Conn.Identity
	wake     func()            // tells the other side that there is something to take, or to give back

	mu       sync.Mutex
	readable chan struct{} // signals to whoever reads, or writes, that something has changed
	writable chan struct{}

	// The request.
	text    []byte // of the head, until it is known how the content comes
	decided bool   // it is
	chunked bool   // content of unknown length
	methods bool   // the method is one that is used with content
	whole   bool   // nothing is to be read until all content is there
	in      []byte
	at      int // in[at:] is to be read
	held    int // content in it that was not given back
	used    int // content that was read since Used
	ended   bool
	flaw    error // why the content has no end; nil: it has one
	failed  error
	gone    func() // see Watch

	// The response.
	out    []byte
	closed bool // the handler has ended its side
	left   bool // the handler has ended, so that it reads no more
	woken  bool // wake was called, and nothing taken since

	readBy, writeBy time.Time
}

// NewPipe returns a pipe for a stream of a connection. wake is called, by any goroutine, when there is something to take, or to give
// back; once, until it is.
func NewPipe(carrier Ends, wake func()) *Pipe {
	return &Pipe{carrier: carrier, wake: wake, readable: make(chan struct{}, 1), writable: make(chan struct{}, 1)}
}

// Identify sets what [Pipe.Identity] returns. It must be called before Begin.
func (p *Pipe) Identify(i *tlsconf.Identity) { p.identity = i }

// Identity returns the identity of the client, nil if it has shown no certificate.
func (p *Pipe) Identity() *tlsconf.Identity { return p.identity }

// Major returns the major version of HTTP.
func (p *Pipe) Major() int { return 2 }

// Break makes what the handler reads and writes fail from now on. The stream ends in a reset.
func (p *Pipe) Break() { p.Fail(ErrStreamGone) }

// notify wakes what waits on c, now or later.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// begin gives the pipe the head of a request, without its empty line. If sized is set, the head says how much content there is;
// else that is known when some comes, or the end does.
func (p *Pipe) begin(text []byte, sized, ended, methods bool) {
	p.text, p.methods = append(p.text[:0], text...), methods
	switch {
	case ended:
		p.decide(false)
		p.ended = true
	case sized:
		p.decide(false)
	}
}

// decide ends the head. Precondition: p.mu is held, or nobody knows of p yet.
func (p *Pipe) decide(chunked bool) {
	p.decided, p.chunked = true, chunked
	p.in = append(p.in, p.text...)
	if chunked {
		p.in = append(p.in, "Transfer-Encoding: chunked\r\n"...)
	}
	p.in = append(p.in, '\r', '\n')
	p.text = nil
}

// Feed adds content, and the end of it if end is set; trailers are the lines that come with it, which content of a length that the
// head has told, and that the handler may have, cannot carry.
func (p *Pipe) Feed(b []byte, end bool, trailers []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	if !p.decided {
		p.decide(len(b) > 0 || !end || len(trailers) > 0)
	}
	switch {
	case len(b) > 0 && p.chunked:
		p.in = append(append(wire.AppendChunkSize(p.in, len(b)), b...), '\r', '\n')
	default:
		p.in = append(p.in, b...)
	}
	p.held += len(b)
	if p.ended = end; end && len(trailers) > 0 && !p.chunked && p.whole {
		p.rechunk()
	}
	if end && p.chunked {
		p.in = wire.AppendLastChunk(p.in, trailers)
	}
	notify(p.readable)
}

// rechunk makes chunked content of all that has come, of which nothing was read.
func (p *Pipe) rechunk() {
	end := bytes.Index(p.in, []byte("\r\n\r\n")) + 2
	head, content := p.in[:end], p.in[end+2:]
	p.in = nil
	p.text = Unsized(append([]byte(nil), head...))
	p.decide(true)
	p.in = wire.AppendChunk(p.in, content)
}

// Refuse ends the content of a request for a fault of what came after it.
func (p *Pipe) Refuse(f *wire.Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	switch {
	case !p.decided:
		p.decide(true)
	case !p.chunked && p.whole:
		p.rechunk() // or what follows would not be looked for
	}
	p.ended, p.flaw = true, f
	notify(p.readable)
}

// Fail ends the pipe: the stream is no more.
func (p *Pipe) Fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return
	}
	p.failed = err
	p.in, p.at, p.out = nil, 0, nil
	if p.gone != nil {
		go p.gone()
		p.gone = nil
	}
	notify(p.readable)
	notify(p.writable)
}

// Spent returns how much content was read since it was asked last.
func (p *Pipe) Spent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.used
	p.used = 0
	return n
}

// Take has f look at what the handler has written, whether that is all, and whether the handler has ended: it may go on to read
// the client's side of a tunnel after it has closed its own. f returns how much of what was written is done with.
func (p *Pipe) Take(f func(b []byte, closed, left bool) int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.woken = false
	n := f(p.out, p.closed, p.left)
	if n == 0 {
		return
	}
	if p.out = p.out[:copy(p.out, p.out[n:])]; len(p.out) == 0 && cap(p.out) > keptBytes {
		p.out = nil
	}
	notify(p.writable)
}

// tell wakes the other side, once until it takes something. Precondition: p.mu is held.
func (p *Pipe) tell() {
	if !p.woken {
		p.woken = true
		p.wake()
	}
}

// Read is part of net.Conn.
func (p *Pipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if !p.decided && p.methods {
			p.decide(true)
		}
		switch {
		case p.failed != nil:
			return 0, p.failed
		case !p.readBy.IsZero() && !time.Now().Before(p.readBy):
			return 0, os.ErrDeadlineExceeded
		case p.at < len(p.in) && (p.ended || !p.whole):
			return p.read(b), nil
		case p.ended && p.flaw != nil:
			return 0, p.flaw
		case p.ended:
			return 0, io.EOF
		}
		p.wait(p.readable, p.readBy)
	}
}

// read takes what there is.
func (p *Pipe) read(b []byte) int {
	n := copy(b, p.in[p.at:])
	p.at += n
	back := min(n, p.held) // a head and chunks are not worth a second count
	if p.at == len(p.in) {
		back = p.held
		if p.in, p.at = p.in[:0], 0; cap(p.in) > 2*pipeBytes {
			p.in = nil
		}
	}
	p.held -= back
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

// leave ends both sides of the handler.
func (p *Pipe) leave() {
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
