// Package logging limits how often a line is logged.
package logging

import (
	"log/slog"
	"sync/atomic"
	"time"
)

// interval is the least time between two lines.
const interval = time.Second

// A Sampler lets the first of many equal lines into the log, and then at most one per second: an upstream that is down
// fails all requests, and each has its line in the access log anyway. The zero Sampler lets the next line through. It is
// safe for concurrent use.
type Sampler struct {
	since atomic.Int64 // in Unix nanoseconds: when the last line was let through
	held  atomic.Int64 // since then
}

// Pass reports whether a line may be logged at time now, and how many were held back since the last one.
func (s *Sampler) Pass(now time.Time) (held int64, ok bool) {
	last := s.since.Load()
	if now.UnixNano()-last < int64(interval) || !s.since.CompareAndSwap(last, now.UnixNano()) {
		s.held.Add(1)
		return 0, false
	}
	return s.held.Swap(0), true
}

// Warn logs a line, unless one was logged less than a second ago. The line says how many were held back before it.
func (s *Sampler) Warn(log *slog.Logger, what string, attrs ...any) (logged bool) {
	held, ok := s.Pass(time.Now())
	if !ok {
		return false
	}
	if held > 0 {
		attrs = append(attrs, "more_before", held)
	}
	log.Warn(what, attrs...)
	return true
}
