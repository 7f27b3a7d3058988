package proxy

import (
	"crypto/rand"
	"log/slog"
	"sync/atomic"

	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/backend"
	"github.com/corsgate/corsgate/gateway/logging"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/overload"
	"github.com/corsgate/corsgate/gateway/report"
	"github.com/corsgate/corsgate/gateway/snapshot"
)

// A Proxy is what all requests share. Its methods are safe for concurrent use, but for LogAccess.
type Proxy struct {
	current   atomic.Pointer[snapshot.Snapshot] // what is served now; nil before the first Swap
	log       *slog.Logger
	metrics   *metrics.Metrics
	access    *access.Log // nil: none
	pseudonym string      // in Via: unique to this process, says nothing about it
	draining  atomic.Bool // new requests are not welcome
	succeeded atomic.Bool // by a process that accepts on the same sockets
	overload  *overload.Shedder
	copies    *backend.Copies
	unasked   logging.Sampler // of the log's lines on authorisers that fail
	report    report.Lists
}

// New returns a proxy that serves nothing yet: Swap must be called before a request comes. It counts in m.
func New(log *slog.Logger, m *metrics.Metrics) *Proxy {
	return &Proxy{log: log, metrics: m, pseudonym: "cg-" + rand.Text()[:12], overload: overload.New(m), copies: backend.NewCopies(log)}
}

// Current returns what is served now, or nil before the first Swap.
func (p *Proxy) Current() *snapshot.Snapshot { return p.current.Load() }

// Swap makes s current. The lists of what is most frequent forget what s has changed.
func (p *Proxy) Swap(s *snapshot.Snapshot) {
	if prev := p.current.Swap(s); prev != nil {
		p.report.Forget(prev, s)
	}
}

// LogAccess logs requests to l. It must be called before the first request.
func (p *Proxy) LogAccess(l *access.Log) { p.access = l }

// Drain makes readiness checks fail, unless another process accepts on the same sockets
// (succeeded).
func (p *Proxy) Drain(succeeded bool) {
	p.succeeded.Store(succeeded)
	p.draining.Store(true)
}

// Draining reports whether Drain was called.
func (p *Proxy) Draining() bool { return p.draining.Load() }

// Overload returns what refuses requests when there are too many at once.
func (p *Proxy) Overload() *overload.Shedder { return p.overload }

// Report returns the lists of what pages have asked for lately.
func (p *Proxy) Report() *report.Lists { return &p.report }

// Pseudonym returns what the gateway calls itself in Via.
func (p *Proxy) Pseudonym() string { return p.pseudonym }

// Copies are the copies of requests that are sent to mirrors.
func (p *Proxy) Copies() *backend.Copies { return p.copies }

// shard returns where the i-th loop logs requests, or nil if LogAccess was not called.
func (p *Proxy) shard(i int) *access.Shard {
	if p.access == nil {
		return nil
	}
	return p.access.Shard(i)
}

// anyShard returns a shard for callers that are not event loops.
func (p *Proxy) anyShard() *access.Shard {
	if p.access == nil {
		return nil
	}
	return p.access.AnyShard()
}
