package proxy

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/corsgate/corsgate/gateway/trace"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file makes requests part of traces, where the configuration has [trace]. The rules are:
//
//   - a traceparent that is valid passes unchanged, from any client, unless the gateway records a span
//     of its own: then it names that one;
//   - without one a trace is started here, sampled or not; the tracestate of a trace that was not
//     understood goes. See W3C, "Trace Context", section 4;
//   - a client's word that a trace is sampled is believed from trusted peers only: it costs work.

// traced says how traceparent and tracestate of a request are treated.
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

// joinTrace makes the request part of a trace, and decides whether it is recorded.
func (r *record) joinTrace(x *request) (d traced) {
	t := x.s.Tracing
	if t == nil {
		return d
	}
	c, valid := trace.Context{}, false
	if x.req.TraceParentLines == 1 {
		c, valid = trace.Parse(x.req.TraceParent)
	}
	var from [8]byte
	if valid {
		from, c.Sampled = c.Parent, c.Sampled && x.trusted || t.Sample()
	} else {
		c.Sampled = t.Sample()
		binary.BigEndian.PutUint64(c.Trace[:8], rand.Uint64())
		binary.BigEndian.PutUint64(c.Trace[8:], rand.Uint64()|1) // never all 0
	}
	record := c.Sampled && t.Exporter != nil
	if valid && !record {
		return d
	}
	binary.BigEndian.PutUint64(c.Parent[:], rand.Uint64()|1)
	if record {
		r.span = &trace.Span{
			Context: c, From: from, Start: x.now,
			Method: string(x.req.Method), Scheme: x.scheme(), Host: string(x.req.Host), Path: string(x.req.Path),
			Client: string(x.appendClient(nil)), RequestID: string(x.requestID()),
			Route: x.route.Name, Upstream: x.route.Upstream.Name,
		}
	}
	return traced{context: c, write: !x.route.Request.Drops(traceParent), started: !valid}
}

// endSpan gives x's span to the exporter of today.
func (r *record) endSpan(x *response, e *upstream.Endpoint, now time.Time) {
	span := r.span
	r.span = nil
	if e != nil {
		span.Endpoint = e.Address.Label
	}
	span.End, span.Status, span.Error = now, x.status, x.failure
	if to := x.p.current.Load().Exporter(); to != nil {
		to.Put(span)
	} else {
		x.p.metrics.SpansDropped.Inc()
	}
}
