package trace

import (
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// silent is a collector that never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestStopSilent: a collector that does not answer holds a stop up no longer than the farewell, whether it was waited for
// already or is asked then; and every span counts as lost.
func TestStopSilent(t *testing.T) {
	for _, before := range []time.Duration{0, interval, 3 * timeout / 2} {
		synctest.Test(t, func(t *testing.T) {
			lost := 0
			e := New("http://collector.invalid", "edge", func(n int) { lost += n })
			e.client.Transport = silent{}
			done := make(chan struct{})
			go func() { defer close(done); e.Run(t.Context(), slog.New(slog.DiscardHandler)) }()
			const spans = 3 * batch
			for range spans {
				e.Put(&Span{})
			}
			time.Sleep(before)
			began := time.Now()
			e.Stop()
			<-done
			if took := time.Since(began); took > farewell {
				t.Errorf("stopped after %v: it took %v, want %v at most", before, took, farewell)
			}
			if lost != spans {
				t.Errorf("stopped after %v: %d spans are counted as lost, want %d", before, lost, spans)
			}
		})
	}
}
