package edge

import (
	"net/netip"
	"sync/atomic"

	"github.com/corsgate/corsgate/gateway/h2"
)

// openStreams are how many streams of a listener are open, by the major version of HTTP. They
// change with every request, so they share no cache line with fields that are only read.
type openStreams struct {
	_       [64]byte
	byMajor [4]atomic.Int64
	_       [64]byte
}

// Streams returns how many streams of a major version of HTTP, 2 or 3, are open on the
// listener's connections. It is safe for concurrent use.
func (l *Listener) Streams(major int) int { return int(l.streams.byMajor[major].Load()) }

// CountStream adds n to how many streams of a major version are open. It is safe for concurrent use.
func (l *Listener) CountStream(major int, n int) { l.streams.byMajor[major].Add(int64(n)) }

// HTTP2Counts returns what the server's HTTP/2 connections have met.
func (s *Server) HTTP2Counts() *h2.Counts { return &s.http2 }

// HTTP2 returns what a new HTTP/2 connection of a listener begins with. Connections share it.
// It is safe for concurrent use.
func (s *Server) HTTP2(l *Listener) *h2.Options {
	o, limits := l.http2.Load(), s.opts.Load().Limits
	if o == nil || o.Limits != limits {
		o = &h2.Options{Limits: limits, Connect: true, Counts: &s.http2, Streams: &l.streams.byMajor[2]}
		l.http2.Store(o)
	}
	return o
}

// FatalFrames reports that a client's frames have ended its connection: by a flood, if there is a cause.
func (s *Server) FatalFrames(cause h2.Cause, on *Listener, peer netip.Addr) {
	f := FaultFrames
	if cause == h2.CauseResets {
		f = FaultResets
	}
	s.onFault(f, peer)
	if cause != h2.CauseNone {
		s.ReportFlood(on, peer, "http2", cause.String())
	}
}
