package pipe

import (
	"time"

	"github.com/corsgate/corsgate/gateway/wire"
)

// This file gives back the memory of content that the handler does not read, because its upstream is slow.

// Waiting returns how many bytes of memory are held for content of which nothing was read for so long.
func (p *Pipe) Waiting(age time.Duration) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting(age)
}

// waiting is Waiting. Precondition: p.mu is held.
func (p *Pipe) waiting(age time.Duration) int {
	if p.held == 0 || p.flaw != nil || time.Since(p.since) < age {
		return 0
	}
	return cap(p.in)
}

// Relieve drops such content if it takes least bytes or more: reading it fails with f. It returns how many bytes that were.
func (p *Pipe) Relieve(age time.Duration, least int, f *wire.Fault) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.waiting(age)
	if n == 0 || n < least {
		return 0
	}
	var rest []byte
	if p.at < p.head {
		rest = append(rest, p.in[p.at:p.head]...) // the request is answered
	}
	p.in, p.at, p.head = rest, 0, len(rest)
	p.used, p.held = p.used+p.held, 0
	p.ended, p.flaw = true, f
	notify(p.readable)
	p.tell()
	return n
}
