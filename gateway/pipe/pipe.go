// Package pipe presents an HTTP/2 stream as an HTTP/1.1 connection to a handler on its own goroutine: the handler reads the
// request as HTTP/1.1 from the pipe, and an Outlet turns the response that it writes into frames. So one parser and one kind of
// handler suffice. It is internal to the gateway.
package pipe

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/corsgate/corsgate/gateway/tlsconf"
	"github.com/corsgate/corsgate/gateway/wire"
)

// pipeBytes is how much of a response may wait in a pipe before its handler has to wait.
const pipeBytes = 64 << 10

// keptBytes is the largest buffer that an empty pipe keeps.
const keptBytes = 4 << 10

// Addresses are the two ends of a connection.
type Addresses interface {
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
}

// ErrGone is the error of reads and writes after the stream was reset or its connection has ended.
var ErrGone = errors.New("the stream was reset")

// A Pipe is one stream of an HTTP/2 connection as a connection of HTTP/1.1, for a handler on a goroutine of its own. The handler
// reads the request, as it was written down from the stream, and writes the response; the owner of the stream feeds the one and
// takes the other.
//
// The handler's side is a net.Conn. The methods of the other side never wait.
type Pipe struct {
	carrier  Addresses         // its connection's
	identity *tlsconf.Identity // of the client; see Conn.Identity
	wake     func()            // tells the other side that there is something to take, or to give back

	mu       sync.Mutex
	readable chan struct{} // signal to the reader, or the writer, that something has changed
	writable chan struct{}

	// The request.
	text      []byte    // of the head, until it is known how the content comes
	decided   bool      // it is
	sized     bool      // the head says how much content there is
	chunked   bool      // content of unknown length
	opens     bool      // the handler begins without content if none comes soon
	began     time.Time // when the head came; valid with opens, until decided
	until     time.Time // when content is late; likewise
	notBefore time.Time // the request is held until then; zero: it is not
	whole     bool      // nothing is to be read until all content is there
	in        []byte
	at        int       // in[at:] is to be read
	head      int       // of it, before the content
	held      int       // content in it that was not given back
	since     time.Time // when content that waits has come, or was last read; valid while held > 0
	used      int       // content that was read since Used
	ended     bool
	flaw      error // why the content has no end; nil: it has one
	failed    error
	gone      func() // see Watch

	// The response.
	out    []byte
	closed bool // the handler has ended its side
	left   bool // the handler has ended, so that it reads no more
	woken  bool // wake was called, and nothing taken since

	readBy, writeBy time.Time
}

// New returns a pipe for a stream of a connection. wake is called, by any goroutine, when there is something to take, or
// to give back; once, until it is.
func New(carrier Addresses, wake func()) *Pipe {
	return &Pipe{carrier: carrier, wake: wake, readable: make(chan struct{}, 1), writable: make(chan struct{}, 1)}
}

// Identify sets what [Pipe.Identity] returns. It must be called before Begin.
func (p *Pipe) Identify(i *tlsconf.Identity) { p.identity = i }

// notify wakes what waits on c, now or later.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// begin gives the pipe the head of a request, without its empty line. If known is set, the head can be read at once; else when
// content comes, or the end does, or, if opens is set, after a Moment.
func (p *Pipe) begin(text []byte, known, ended, opens bool) {
	p.text, p.opens = append(p.text[:0], text...), opens
	switch {
	case ended:
		p.decide(false)
		p.ended = true
	case known:
		p.decide(false)
	case opens:
		p.began = time.Now()
		p.until = p.began.Add(Moment)
	}
}

// decide ends the head. Precondition: p.mu is held, or p is not shared yet.
func (p *Pipe) decide(chunked bool) {
	p.decided, p.chunked = true, chunked
	p.in = append(p.in, p.text...)
	if chunked {
		p.in = append(p.in, "Transfer-Encoding: chunked\r\n"...)
	}
	p.in = append(p.in, '\r', '\n')
	p.head, p.text = len(p.in), nil
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
		p.decide(!p.sized && (len(b) > 0 || !end || len(trailers) > 0))
	}
	switch {
	case len(b) > 0 && p.chunked:
		p.in = append(append(wire.AppendChunkSize(p.in, len(b)), b...), '\r', '\n')
	default:
		p.in = append(p.in, b...)
	}
	if p.held == 0 {
		p.since = time.Now()
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
		p.decide(!p.sized)
	case !p.chunked && p.whole:
		p.rechunk() // or what follows would not be looked for
	}
	p.ended, p.flaw = true, f
	notify(p.readable)
}

// Fail ends the pipe, because the stream has ended; reads and writes fail with err.
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

// Take has f look at what the handler has written, whether that is all, and whether the handler has ended: it may continue to
// read the client's side of a tunnel after it has closed its own. f returns how much of what was written is done with.
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
