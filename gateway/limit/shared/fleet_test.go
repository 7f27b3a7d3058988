package shared_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corsgate/corsgate/gateway/limit"
	"github.com/corsgate/corsgate/gateway/limit/shared"
)

// A fleet is nodes in a bubble of synctest, with one truth.
type fleet struct {
	nodes  []*shared.Limiter
	stores []*shared.Store
	calls  int
	gone   bool // Redis does not answer
	delay  func() time.Duration

	alone, charged, leased, returned int64
	falls, rises                     int

	mu sync.Mutex
}

const (
	timeout = 2 * time.Millisecond
	grace   = time.Second
)

// newFleet returns n running nodes. They stop with stop, before the bubble ends.
func newFleet(n int, period time.Duration, burst int, open bool) (f *fleet, stop func()) {
	f = &fleet{delay: func() time.Duration { return 300 * time.Microsecond }}
	x, begin := newTruth(), time.Now()
	count := func(key string, period time.Duration, burst, passed, want int64) (int64, int64, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.calls++
		granted, ahead := x.count(time.Since(begin).Microseconds(), key, int64(period), burst, passed, want)
		return granted, ahead, nil
	}
	add := func(sum *int64) func(int64) {
		return func(n int64) { f.mu.Lock(); *sum += n; f.mu.Unlock() }
	}
	var running sync.WaitGroup
	for range n {
		s := shared.NewStore(shared.Options{Timeout: timeout, Open: open, Called: func(int, string) {}})
		s.Fake(count, func() time.Duration { f.mu.Lock(); defer f.mu.Unlock(); return f.delay() }, func() error {
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.gone {
				return errors.New("gone")
			}
			return nil
		})
		l := s.Limiter("l", period, burst, shared.Hooks{Evicted: func() {}, Alone: func() { add(&f.alone)(1) },
			Charged: add(&f.charged), Leased: add(&f.leased), Returned: add(&f.returned)})
		f.nodes, f.stores = append(f.nodes, l), append(f.stores, s)
		s.Share([]*shared.Limiter{l})
		running.Go(func() {
			s.Run(func(shared bool, _ error) {
				f.mu.Lock()
				defer f.mu.Unlock()
				if shared {
					f.rises++
				} else {
					f.falls++
				}
			})
		})
	}
	time.Sleep(10 * time.Millisecond) // they have found Redis
	return f, func() {
		for _, s := range f.stores {
			s.Stop(grace)
		}
		running.Wait()
	}
}

func (f *fleet) allow(node int, key string) limit.Decision {
	return f.nodes[node].Allow([]byte(key), time.Now())
}

func (f *fleet) set(g func()) { f.mu.Lock(); g(); f.mu.Unlock() }

// A bucket is what events would have filled had they been counted one by one, when they passed.
type bucket struct {
	level, most float64 // in events
	last        time.Time
}

func (b *bucket) add(period time.Duration) {
	now := time.Now()
	b.level = max(0, b.level-float64(now.Sub(b.last))/float64(period)) + 1
	b.last, b.most = now, max(b.most, b.level)
}

// FuzzBound: whatever comes to which node, together they never let pass more than doc.go says.
func FuzzBound(f *testing.F) {
	f.Add(uint64(1), uint8(4), uint32(100), uint16(200), uint8(3))  // 10 000/s, four nodes, all busy
	f.Add(uint64(2), uint8(2), uint32(1000), uint16(10), uint8(0))  // a small burst
	f.Add(uint64(3), uint8(8), uint32(50), uint16(1000), uint8(1))  // many nodes
	f.Add(uint64(4), uint8(1), uint32(10000), uint16(1), uint8(2))  // no burst
	f.Add(uint64(5), uint8(3), uint32(100), uint16(64), uint8(200)) // all at once, then nothing
	f.Fuzz(func(t *testing.T, seed uint64, nodes uint8, micros uint32, size uint16, kind uint8) {
		n, period, burst := 1+int(nodes%8), time.Duration(10+micros%50_000)*time.Microsecond, 1+int(size%2000)
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			fleet, stop := newFleet(n, period, burst, false)
			defer stop()
			way := rand.New(rand.NewPCG(seed, 1))
			fleet.set(func() {
				fleet.delay = func() time.Duration { return time.Duration(way.Int64N(int64(1900 * time.Microsecond))) }
			})
			var passed bucket
			begin, all := time.Now(), 0
			for range 3000 {
				// Pauses between what a node gets: mostly less than the limit is good for, then for long nothing.
				switch pause := random.IntN(20); {
				case kind%4 == 0:
					time.Sleep(time.Duration(random.Int64N(int64(period))))
				case pause == 0:
					time.Sleep(time.Duration(random.Int64N(1 + int64(period)*int64(burst)/int64(1+kind%8))))
				case pause < 4+int(kind%5):
					time.Sleep(time.Duration(random.Int64N(1 + int64(period)/int64(2*n))))
				}
				if fleet.allow(random.IntN(n), "k").Allowed {
					passed.add(period)
					all++
				}
			}
			synctest.Wait()
			most := float64(int64(burst)+shared.Bound(int64(n), int64(burst))) + float64(timeout)/float64(period) + 1
			if passed.most > most {
				t.Errorf("%d nodes, a period of %v and a burst of %d: %.1f ahead, of %.1f (%d of 3000 in %v)", n, period, burst, passed.most, most, all, time.Since(begin))
			}
			if fleet.alone > 0 || fleet.falls > 0 {
				t.Errorf("%d events without Redis", fleet.alone)
			}
		})
	})
}

// run lets each node of a fleet have events at its rate, a second, for a time, and returns how many passed.
func (f *fleet) run(rates []int, d time.Duration) (passed []int) {
	passed = make([]int, len(rates))
	var nodes sync.WaitGroup
	for i, rate := range rates {
		if rate == 0 {
			continue
		}
		nodes.Go(func() {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second / time.Duration(rate)) {
				if f.allow(i, "k").Allowed {
					passed[i]++
				}
			}
		})
	}
	nodes.Wait()
	synctest.Wait()
	return passed
}

func sum(of []int) (n int) {
	for _, v := range of {
		n += v
	}
	return n
}

// TestSum: nodes with uneven load enforce the limit together, neither more nor less.
func TestSum(t *testing.T) {
	f := func(perSecond, burst int, rates ...int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			fleet, stop := newFleet(len(rates), time.Second/time.Duration(perSecond), burst, false)
			defer stop()
			const d = 10 * time.Second
			passed := fleet.run(rates, d)
			want := min(perSecond*10+burst, sum(rates)*10)
			most := want + int(shared.Bound(int64(len(rates)), int64(burst))) + 2*perSecond/1000 + 1
			least := want - len(rates)*burst/8 - perSecond/500 - 1
			if want == sum(rates)*10 {
				least = want
			}
			if got := sum(passed); got > most || got < least {
				t.Errorf("%d/s, burst %d, nodes with %d a second: %d passed (%d), want %d, from %d to %d", perSecond, burst, rates, got, passed, want, least, most)
			} else {
				t.Logf("%d/s, burst %d, nodes with %d a second: %d passed (%d) of %d, off by %+.2f %%; %.1f calls for 1000 events; %d charged, %d leased, %d returned",
					perSecond, burst, rates, got, passed, want, 100*float64(got-want)/float64(want),
					1000*float64(fleet.calls)/float64(10*sum(rates)), fleet.charged, fleet.leased, fleet.returned)
			}
		})
	}
	f(1000, 1000, 2000)                   // one node beyond the limit
	f(1000, 1000, 400)                    // one below
	f(1000, 200, 1000, 100, 10, 0)        // four, uneven, just beyond
	f(1000, 200, 800, 100, 10, 1)         // just below
	f(1000, 1000, 3000, 3000, 3000, 3000) // all far beyond
	f(10, 10, 10, 10, 10, 10)
	f(10, 1, 5, 5, 5, 5)
	f(100, 200, 1000, 10, 10, 10)
	f(10_000, 10_000, 2000, 2000, 2000, 2000) // below: leases
}

// TestIdle: what an idle node holds comes back, and a node that needs it gets it.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, stop := newFleet(2, 10*time.Millisecond, 800, false)
		defer stop()
		fleet.run([]int{1000, 0}, 500*time.Millisecond) // 500, of 800 and 50 that have come back
		if fleet.leased == 0 {
			t.Fatal("a busy key has no lease")
		}
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		if held := fleet.leased + fleet.charged - fleet.returned; held != 500 {
			t.Errorf("%d are counted for 500 events: %d leased, %d charged, %d returned", held, fleet.leased, fleet.charged, fleet.returned)
		}
		if got := sum(fleet.run([]int{0, 10_000}, 100*time.Millisecond)); got < 395 || got > 415 {
			t.Errorf("the other node has %d, want what is left: 400, and 10 that come in that time", got)
		}
	})
}

// TestStopGivesBack: a node that stops leaves nothing behind.
func TestStopGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, stop := newFleet(1, 10*time.Millisecond, 8000, false)
		passed := sum(fleet.run([]int{2000}, 300*time.Millisecond))
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		before := fleet.calls
		begin := time.Now()
		stop()
		if fleet.calls == before || time.Since(begin) > grace {
			t.Errorf("%d calls in %v", fleet.calls-before, time.Since(begin))
		}
		if fleet.leased == 0 || passed != 600 {
			t.Errorf("%d leased, %d passed", fleet.leased, passed)
		}
	})
}

// TestVerdicts: one node says what the limiter of package limit would say.
func TestVerdicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, stop := newFleet(1, time.Hour, 3, false)
		defer stop()
		local := limit.New(time.Hour, 3, time.Now(), nil)
		for i := range 8 {
			got, want := fleet.allow(0, "k"), local.Allow([]byte("k"), nil, time.Now())
			got.Next, want.Next = got.Next.Round(time.Second), want.Next.Round(time.Second)
			if got != want {
				t.Errorf("event %d: %+v, want %+v", i, got, want)
			}
			time.Sleep(time.Duration(i) * 7 * time.Minute)
		}
	})
}

// TestFailing: without Redis each node enforces the limit by itself, or nothing; nobody asks for nothing; and when Redis is
// back, the nodes find out at times of their own, and share again.
func TestFailing(t *testing.T) {
	for _, open := range []bool{false, true} {
		t.Run(fmt.Sprint("open=", open), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fleet, stop := newFleet(2, 10*time.Millisecond, 10, open)
				defer stop()
				fleet.run([]int{500, 500}, time.Second)
				fleet.set(func() { fleet.gone = true })
				fleet.run([]int{500, 500}, time.Second) // they fall
				if fleet.falls != 2 || fleet.alone == 0 {
					t.Fatalf("%d nodes have noticed, %d events", fleet.falls, fleet.alone)
				}
				calls := fleet.calls
				passed := fleet.run([]int{500, 500}, 10*time.Second)
				for i, n := range passed {
					if want := 1000; open && n != 5000 || !open && (n < want-15 || n > want+15) {
						t.Errorf("node %d admits %d", i, n)
					}
				}
				if fleet.calls != calls || fleet.falls != 2 {
					t.Errorf("%d calls, and %d falls", fleet.calls-calls, fleet.falls)
				}
				fleet.set(func() { fleet.gone = false })
				fleet.run([]int{500, 500}, 8*time.Second) // the longest pause is 7.5 s
				if fleet.rises != 4 {
					t.Fatalf("%d nodes are back", fleet.rises-2)
				}
				before := fleet.alone
				if got := sum(fleet.run([]int{500, 500}, 10*time.Second)); got < 985 || got > 1040 || fleet.alone != before {
					t.Errorf("together again: %d, want 1000; %d alone", got, fleet.alone-before)
				}
			})
		})
	}
}

// TestSlow: a call that takes longer than its time counts for none, and no key waits for it.
func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, stop := newFleet(1, 10*time.Millisecond, 100, false)
		defer stop()
		n := 0
		fleet.set(func() {
			fleet.delay = func() time.Duration {
				if n++; n%3 == 0 {
					return 0
				}
				return 10 * time.Millisecond
			}
		})
		if got := sum(fleet.run([]int{1000}, 10*time.Second)); got < 1000 || got > 1110 || fleet.falls != 0 {
			t.Errorf("two calls in three are slow: %d pass, %d falls", got, fleet.falls)
		} else {
			t.Logf("two calls in three fail: %d pass, of 1100", got)
		}
	})
}

// TestCrowd: more keys than cells of a set, all at once, do not lose what others are charged.
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet, stop := newFleet(1, time.Hour, 1, false)
		defer stop()
		allowed := 0
		for round := range 3 {
			for k := range uint64(3 * shared.Cells) {
				if fleet.nodes[0].AllowHash((k+1)<<20, []byte{byte(k)}, time.Now()) {
					allowed++
				}
				if round > 0 {
					time.Sleep(10 * time.Millisecond)
				}
			}
			time.Sleep(time.Second)
		}
		// Each is good for one, once it has been asked about.
		if allowed < shared.Cells || allowed > 3*shared.Cells {
			t.Errorf("%d events of %d keys that are good for one each", allowed, 3*shared.Cells)
		}
		t.Logf("%d of %d", allowed, 3*shared.Cells)
	})
}
