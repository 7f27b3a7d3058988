package gateway

import (
	"context"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/trace"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file makes requests part of traces, where the configuration has [trace]. The rules are:
//
//   - a traceparent that is valid passes unchanged, from anybody, unless the gateway records a span
//     of its own: then it names that one;
//   - without one a trace is started here, sampled or not; the tracestate of a trace that was not
//     understood goes. See W3C, "Trace Context", section 4;
//   - a client's word that a trace is sampled is believed from trusted peers only: it costs work.

// tracing is a table [trace]. nil: traces pass as they are.
type tracing struct {
	config   config.Trace
	exporter *trace.Exporter // nil: nothing is recorded
	below    uint64          // of a random number, which then means sampled
}

// compileTracing takes over the exporter of prev if it is for the same collector.
func compileTracing(c *config.Trace, prev *snapshot, m *metrics.Metrics) *tracing {
	if c == nil {
		return nil
	}
	t := &tracing{config: *c}
	if t.below = uint64(c.Sample*(1<<63)) * 2; c.Sample == 1 {
		t.below = math.MaxUint64
	}
	var old *tracing
	if prev != nil {
		old = prev.tracing
	}
	switch {
	case c.Endpoint == "":
	case old != nil && old.config.Endpoint == c.Endpoint && old.config.Service == c.Service:
		t.exporter = old.exporter
	default:
		t.exporter = trace.New(c.Endpoint, c.Service, func(n int) { m.SpansDropped.Add(float64(n)) })
	}
	return t
}

// exporting returns what spans go to, or nil.
func (s *snapshot) exporting() *trace.Exporter {
	if s == nil || s.tracing == nil {
		return nil
	}
	return s.tracing.exporter
}

func (t *tracing) sample() bool { return t.below > 0 && rand.Uint64() < t.below }

// traced is what becomes of traceparent and tracestate in a request.
type traced struct {
	context trace.Context // to be written, instead of the client's
	write   bool
	started bool // the trace begins here
}

// drops reports whether a field is not forwarded as it came.
func (t *traced) drops(id wire.FieldID) bool {
	return t.write && id == wire.TraceParent || t.started && id == wire.TraceState
}

var traceParent = []byte("traceparent")

// join makes x's request part of a trace, and decides whether it is recorded.
func (t *tracing) join(x *exchange) (d traced) {
	if t == nil {
		return d
	}
	c, valid := trace.Context{}, false
	if x.req.TraceParentLines == 1 {
		c, valid = trace.Parse(x.req.TraceParent)
	}
	var from [8]byte
	if valid {
		from, c.Sampled = c.Parent, c.Sampled && x.trusted || t.sample()
	} else {
		c.Sampled = t.sample()
		binary.BigEndian.PutUint64(c.Trace[:8], rand.Uint64())
		binary.BigEndian.PutUint64(c.Trace[8:], rand.Uint64()|1) // never all 0
	}
	record := c.Sampled && t.exporter != nil
	if valid && !record {
		return d
	}
	binary.BigEndian.PutUint64(c.Parent[:], rand.Uint64()|1)
	if record {
		x.span = &trace.Span{
			Context: c, From: from, Start: x.now,
			Method: string(x.req.Method), Scheme: x.scheme(), Host: string(x.req.Host), Path: string(x.req.Path),
			Client: string(x.appendClient(nil)), RequestID: string(x.requestID()),
			Route: x.route.name, Upstream: x.route.upstream.Name,
		}
	}
	return traced{context: c, write: !x.route.Request.Drops(traceParent), started: !valid}
}

// endSpan gives x's span to the exporter of today.
func (x *exchange) endSpan(e *upstream.Endpoint, now time.Time) {
	span := x.span
	x.span = nil
	if e != nil {
		span.Endpoint = e.Address.Label
	}
	span.End, span.Status, span.Error = now, x.status, x.failure
	if to := x.g.current.Load().exporting(); to != nil {
		to.Put(span)
	} else {
		x.g.metrics.SpansDropped.Inc()
	}
}

// exports are the exporters that run.
type exports struct {
	running sync.WaitGroup
	ctx     context.Context
	abandon context.CancelFunc
}

// swapExporter starts the exporter of a snapshot that becomes current, and lets that of the one before end.
func (g *Gateway) swapExporter(prev, s *snapshot) {
	old, now := prev.exporting(), s.exporting()
	if now != nil && now != old {
		g.exports.running.Go(func() { now.Run(g.exports.ctx, g.log) })
	}
	if old != nil && now != old {
		old.Stop()
	}
}

// stop ends the exporters. What waits is sent, until done is closed.
func (e *exports) stop(current *trace.Exporter, done <-chan struct{}) {
	if current != nil {
		current.Stop()
	}
	ended := make(chan struct{})
	go func() {
		e.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-done:
	}
	e.abandon()
	<-ended
}
