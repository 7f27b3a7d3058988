// Package jwks keeps the keys of an issuer: it fetches them in the background, and holds the last good ones. It is internal to
// corsgate.
package jwks

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/auth/token"
)

// The rules are:
//
//   - keys are fetched at the start, once an interval, and because of a token with an unknown kid: of such tokens, which anybody
//     can make, one in an interval has an effect. There is one fetch at a time, for all who wait;
//   - what cannot be fetched or understood changes nothing: the last good keys stay, over a restart, too (see keep.go);
//   - after a failure the next attempt comes sooner: after a second, then two, and so on up to the interval.

// Options are where keys come from.
type Options struct {
	// URL is that of a key set, or, if Discover is set, of an issuer, whose metadata have it.
	URL      string
	Discover bool
	Interval time.Duration
	// Keep is a file that has the keys for the next start; "": they are not kept.
	Keep string
}

// Counts is what happened to a source.
type Counts struct{ Fetched, Unchanged, Failed atomic.Uint64 }

// A Source has the keys of an issuer. Its methods are safe for concurrent use. Run makes it work; until then it has none.
type Source struct {
	Options
	Counts Counts

	keys    atomic.Pointer[token.Keys]
	updated atomic.Int64 // Unix seconds of the last good answer, 0: none
	waiting atomic.Int64
	wake    chan struct{}

	// Of Run's goroutine.
	through  http.RoundTripper // nil: the network
	fetcher  fetcher
	lastText string // that the keys came from

	mu      sync.Mutex
	under   chan struct{} // closed when the fetch that is under way, or about to begin, has ended; nil: there is none
	renewed time.Time     // when a token had the keys fetched
}

// New returns a source that has no keys yet.
func New(o Options) *Source {
	return &Source{Options: o, wake: make(chan struct{}, 1), under: make(chan struct{})}
}

// Keys returns the keys, or nil.
func (s *Source) Keys() *token.Keys { return s.keys.Load() }

// Age returns how old the keys are, and false if there are none.
func (s *Source) Age(now time.Time) (time.Duration, bool) {
	at := s.updated.Load()
	return now.Sub(time.Unix(at, 0)), at > 0
}

// From returns where keys come from, without a query, which may be secret.
func (s *Source) From() string {
	from, _, _ := strings.Cut(s.URL, "?")
	return from
}

// Run fetches keys until ctx is done.
func (s *Source) Run(ctx context.Context, log *slog.Logger) {
	s.fetcher.client = newClient(s.through)
	defer s.fetcher.client.CloseIdleConnections()
	s.load(log)
	for failures := 0; ; {
		s.begin()
		err := s.fetch(ctx, log)
		s.end()
		pause := s.Interval
		if failures++; err == nil {
			failures = 0
		} else {
			pause = min(pause, time.Second<<min(failures-1, 10))
		}
		timer := time.NewTimer(jittered(pause))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-s.wake:
			timer.Stop()
		}
	}
}

// jittered returns d, or up to a tenth less: gateways that were started at once do not ask at once for ever.
func jittered(d time.Duration) time.Duration { return d - rand.N(d/10+1) }

func (s *Source) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.under == nil {
		s.under = make(chan struct{})
	}
	select {
	case <-s.wake: // what it was to begin begins now
	default:
	}
}

func (s *Source) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.under)
	s.under = nil
}

// maxWaiting bounds the requests that wait for keys.
const maxWaiting = 1024

// Await waits for the first keys, if a fetch is under way, at most so long.
func (s *Source) Await(timeout time.Duration) {
	s.mu.Lock()
	under := s.under
	s.mu.Unlock()
	if under != nil {
		s.wait(under, timeout)
	}
}

// Renew has the keys fetched because of a token with an unknown kid, unless another has in this interval, and waits for that at
// most so long. It reports whether the keys may be others after it.
func (s *Source) Renew(timeout time.Duration, now time.Time) bool {
	s.mu.Lock()
	if s.under == nil {
		if !s.renewed.IsZero() && now.Sub(s.renewed) < s.Interval {
			s.mu.Unlock()
			return false
		}
		s.renewed, s.under = now, make(chan struct{})
		select {
		case s.wake <- struct{}{}:
		default: // a fetch is about to begin
		}
	}
	under := s.under
	s.mu.Unlock()
	return s.wait(under, timeout)
}

func (s *Source) wait(under chan struct{}, timeout time.Duration) bool {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > maxWaiting {
		return false
	}
	late := time.NewTimer(timeout)
	defer late.Stop()
	select {
	case <-under:
		return true
	case <-late.C:
		return false
	}
}
