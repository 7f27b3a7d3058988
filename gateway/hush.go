package gateway

import (
	"sync/atomic"
	"time"
)

// hushFor is how long a hush keeps quiet.
const hushFor = time.Second

// A hush lets the first of many lines that say the same into the log, and then one each second: an upstream that is down
// fails as many requests as there are, and each has its line in the access log. The zero hush lets the next line
// through. It is safe for concurrent use.
type hush struct {
	since atomic.Int64 // in Unix nanoseconds: when the last line was let through
	held  atomic.Int64 // since then
}

// pass reports whether the line of now may pass, and how many were held back before it.
func (h *hush) pass(now time.Time) (held int64, ok bool) {
	last := h.since.Load()
	if now.UnixNano()-last < int64(hushFor) || !h.since.CompareAndSwap(last, now.UnixNano()) {
		h.held.Add(1)
		return 0, false
	}
	return h.held.Swap(0), true
}

// warn logs what has become of an exchange with an upstream, unless h has it that enough was said.
func (x *exchange) warn(what string, h *hush, attrs ...any) {
	held, ok := h.pass(time.Now())
	if !ok {
		return
	}
	attrs = append([]any{"route", x.route.name, "upstream", x.route.upstream.name}, attrs...)
	if attrs = append(attrs, "request_id", string(x.requestID())); held > 0 {
		attrs = append(attrs, "more_before", held)
	}
	x.g.log.Warn(what, attrs...)
}
