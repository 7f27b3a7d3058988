// Package overload refuses requests when there are too many at once, so that those that were accepted stay fast. The rules are:
//
//   - only requests for an upstream are shed, and last of all checks: preflights, refusals and
//     answers of the gateway's own cost no more than the 503 would;
//   - a route of low priority is shed from 85 % of limits.in_flight on, one of normal priority from
//     95 %, one of high priority from 100 %, but each leaves some places, however few there are: so there is always
//     room for what matters more;
//   - requests that are not all there hold at most a quarter of GOMEMLIMIT, or the largest of them end; so they do when memory
//     runs out for another reason; if that is not enough, low priority is shed, then normal; a limit that is not set is none;
//   - a WebSocket, or another upgrade, is in flight until it is agreed to: what limits those is limits.connections.
//
// What a crowd of connections changes is decided in package edge. It is internal to the gateway.
package overload

import (
	"math"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/snapshot"
)

// shedMemory are the shares of GOMEMLIMIT from which on routes are shed, by rank. There is no such
// limit for high priority: it would only save the gateway's own work.
var shedMemory = [...]float64{.70, .85}

// A Shedder counts the requests in flight and watches memory. It is safe for concurrent use.
type Shedder struct {
	inFlight atomic.Int64
	// memory is the least rank that there is memory for; 0: all.
	memory  atomic.Uint32
	metrics *metrics.Metrics
}

// New returns a Shedder that counts what it sheds in m.
func New(m *metrics.Metrics) *Shedder { return &Shedder{metrics: m} }

// Admit reports whether a request of a route with this room may be forwarded. If it may, it is in flight until Leave.
func (s *Shedder) Admit(room snapshot.Room) bool {
	switch {
	case uint32(room.Rank) < s.memory.Load():
		s.metrics.ShedMemory.Inc()
	case s.inFlight.Add(1) > room.Most:
		s.inFlight.Add(-1)
		s.metrics.ShedInFlight.Inc()
	default:
		return true
	}
	return false
}

// Leave ends what Admit began. It must be called once for each request that was admitted.
func (s *Shedder) Leave() { s.inFlight.Add(-1) }

// InFlight returns how many requests are in flight.
func (s *Shedder) InFlight() int64 { return s.inFlight.Load() }

// WatchMemory looks at memory now and then, until stop is closed; without GOMEMLIMIT it does nothing. relieve gives back that
// many bytes, if it can, or more to keep a bound that follows from the limit, and returns how many it did.
func (s *Shedder) WatchMemory(stop <-chan struct{}, relieve func(want, limit int64) (freed int64)) {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		return
	}
	var known pressure
	for {
		pause := s.lookAtMemory(&known, relieve)
		select {
		case <-stop:
			return
		case <-time.After(pause):
		}
	}
}

// lookAtMemory looks at memory once, and returns how long it is to the next time.
func (s *Shedder) lookAtMemory(known *pressure, relieve func(want, limit int64) (freed int64)) (pause time.Duration) {
	limit := debug.SetMemoryLimit(-1)
	m := readMemory()
	inUse := known.inUse(m.inUse, m.collections)
	want := 0.0
	if inUse >= shedMemory[0]*float64(limit) {
		want = inUse - relieveTo*float64(limit)
	}
	pause = longestPause
	// A look at all requests is only worth it if they can hold too much.
	if want > 0 || m.heap > float64(limit)/lookAt {
		start := time.Now()
		if freed := relieve(int64(want), limit); freed > 0 {
			known.relieved(freed, m.collections)
			inUse = max(0, inUse-float64(freed))
		}
		pause = pauseAfter(time.Since(start))
	}
	s.note(inUse, limit)
	return pause
}

const shortestPause, longestPause = 50 * time.Millisecond, 250 * time.Millisecond

// pauseAfter returns the time until the next look at all requests after one that took so long:
// there may be many, and event loops serve nothing else while it runs.
func pauseAfter(took time.Duration) time.Duration {
	return min(max(50*took, shortestPause), longestPause)
}

// relieveTo is the share of GOMEMLIMIT that is to be in use after requests that are not all there were ended.
const relieveTo = .60

// lookAt is the part of GOMEMLIMIT, as a divisor, that the heap has before requests that are not all there are looked at.
const lookAt = 4

// A pressure remembers what was given back and still counts as in use, because no collection has begun since.
type pressure struct {
	freed float64
	until uint64 // the collection that has begun since
}

// inUse returns the memory in use, measured over the last collections.
func (p *pressure) inUse(measured float64, collections uint64) float64 {
	if collections >= p.until {
		p.freed = 0
	}
	return max(0, measured-p.freed)
}

// relieved notes that something was given back. The collection that ends next may have begun before.
func (p *pressure) relieved(freed int64, collections uint64) {
	p.freed += float64(freed)
	p.until = collections + 2
}

// note sheds requests for which there is no memory.
func (s *Shedder) note(inUse float64, limit int64) {
	least := uint32(0)
	for rank, share := range shedMemory {
		if inUse >= share*float64(limit) {
			least = uint32(rank) + 1
		}
	}
	s.memory.Store(least)
}

// A memory is how much of it is in use, in bytes.
type memory struct {
	inUse       float64 // what the last garbage collection has found in use, and stacks
	heap        float64 // objects, those included that are garbage
	collections uint64  // how many there were
}

// readMemory returns how much memory is in use. What is garbage does not count: the collector, which knows the limit, will
// come for it.
func readMemory() memory {
	samples := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	runtimemetrics.Read(samples)
	return memory{
		inUse:       float64(samples[0].Value.Uint64() + samples[1].Value.Uint64()),
		heap:        float64(samples[2].Value.Uint64()),
		collections: samples[3].Value.Uint64(),
	}
}
