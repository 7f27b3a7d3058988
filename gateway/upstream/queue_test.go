package upstream

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A slowQueue is what a queue is to be, worked out anew from all that has happened.
type slowQueue struct {
	waiting []*Place
	since   map[*Place]time.Time
	stood   time.Time
	gaps    []time.Duration
	last    time.Time // a place was served, or the queue began
	timeout time.Duration
}

func (q *slowQueue) pace() time.Duration {
	if n := len(q.gaps); n >= 2 {
		return slices.Min(q.gaps[n-2:])
	}
	return q.timeout
}

func (q *slowQueue) stands(now time.Time) bool {
	after := min(max(q.timeout/10, 16*q.pace()), q.timeout)
	return len(q.waiting) > 0 && !now.Before(q.stood.Add(after))
}

func (q *slowQueue) push(p *Place, now time.Time) {
	if len(q.waiting) == 0 {
		q.stood, q.last = now, now
	}
	q.waiting, q.since[p] = append(q.waiting, p), now
}

func (q *slowQueue) serve(now time.Time) *Place {
	i := 0
	if q.stands(now) {
		i = len(q.waiting) - 1
	}
	p := q.waiting[i]
	q.waiting = slices.Delete(q.waiting, i, i+1)
	q.gaps, q.last = append(q.gaps, max(now.Sub(q.last), 1)), now
	return p
}

func (q *slowQueue) expired(now time.Time) *Place {
	patience := q.timeout
	if q.stands(now) {
		patience = min(max(q.timeout/32, 8*q.pace()), q.timeout)
	}
	if len(q.waiting) == 0 || now.Before(q.since[q.waiting[0]].Add(patience)) {
		return nil
	}
	p := q.waiting[0]
	q.waiting = q.waiting[1:]
	return p
}

// TestQueueTwin: a queue does what its slow twin does, whatever happens.
func TestQueueTwin(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		timeout := []time.Duration{time.Second, 50 * time.Millisecond, time.Minute}[seed%3]
		q, slow := queue{}, slowQueue{since: map[*Place]time.Time{}, timeout: timeout}
		now := time.Unix(1000, 0)
		for step := range 300 {
			now = now.Add(time.Duration(rng.ExpFloat64() * float64(timeout) / 100))
			var got, want *Place
			switch n := rng.IntN(10); {
			case n < 5:
				p := new(Place)
				q.push(p, now)
				slow.push(p, now)
			case n < 7 && q.oldest != nil:
				got, want = q.serve(now, timeout), slow.serve(now)
			case n < 8 && q.oldest != nil:
				p := slow.waiting[rng.IntN(len(slow.waiting))]
				q.remove(p)
				slow.waiting = slices.DeleteFunc(slow.waiting, func(o *Place) bool { return o == p })
			default:
				got, want = q.expired(now, timeout), slow.expired(now)
			}
			if got != want {
				t.Fatalf("seed %d, step %d: got place %p, want %p", seed, step, got, want)
			}
			if q.stands(now, timeout) != slow.stands(now) {
				t.Fatalf("seed %d, step %d: stands %t, want %t", seed, step, q.stands(now, timeout), slow.stands(now))
			}
			if q.oldest != nil && q.due(now, timeout) > timeout {
				t.Fatalf("seed %d, step %d: looked at after %v, want at most %v", seed, step, q.due(now, timeout), timeout)
			}
			var list []*Place
			for p := q.oldest; p != nil; p = p.newer {
				list = append(list, p)
			}
			if !slices.Equal(list, slow.waiting) {
				t.Fatalf("seed %d, step %d: %d places wait, want %d, or in another order", seed, step, len(list), len(slow.waiting))
			}
		}
	}
}

// server is an endpoint with room for so many exchanges, each of which takes so long.
func server(connections int) *Endpoint {
	u := New("test", []Address{{Label: "e"}}, Options{MaxConnections: connections, MaxQueue: 1024, QueueTimeout: time.Second})
	return u.Endpoints()[0]
}

// offered sends so many exchanges a second to e for a time, and returns how long those that were served had waited, and
// those that were not.
func offered(e *Endpoint, each time.Duration, rate int, during time.Duration) (served, refused []time.Duration) {
	type outcome struct {
		waited time.Duration
		err    error
	}
	outcomes := make(chan outcome, int(float64(rate)*during.Seconds()))
	for range cap(outcomes) {
		time.Sleep(time.Second / time.Duration(rate))
		go func() {
			began := time.Now()
			err := e.Acquire(time.Time{}, nil)
			waited := time.Since(began)
			if err == nil {
				time.Sleep(each)
				e.Release()
			}
			outcomes <- outcome{waited, err}
		}()
	}
	for range cap(outcomes) {
		if o := <-outcomes; o.err == nil {
			served = append(served, o.waited)
		} else {
			refused = append(refused, o.waited)
		}
	}
	slices.Sort(served)
	slices.Sort(refused)
	return served, refused
}

func share(list []time.Duration, of float64) time.Duration { return list[int(float64(len(list)-1)*of)] }

// TestOverload: at three times what an endpoint can take it is busy all the time, what is served was served soon, and
// what is refused is told so soon.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := server(10)
		served, refused := offered(e, 20*time.Millisecond, 1500, 10*time.Second)
		if n := len(served); n < 4850 {
			t.Errorf("%d were served in 10 s, want at least 97 %% of 5000", n)
		}
		if d := share(served, .99); d > 40*time.Millisecond {
			t.Errorf("of those that were served one in a hundred has waited for %v, want at most 40 ms", d)
		}
		if d := share(refused, .95); d > 50*time.Millisecond {
			t.Errorf("of those that were refused one in twenty has waited for %v, want at most 50 ms", d)
		}
		synctest.Wait()
		if served, refused := offered(e, 20*time.Millisecond, 250, time.Second); len(refused) > 0 || share(served, 1) > 0 {
			t.Errorf("afterwards %d were refused, and one has waited for %v; want none", len(refused), share(served, 1))
		}
	})
}

// TestBurst: a burst waits, in order, and all of it is served.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := server(10)
		order := make(chan int, 50)
		for i := range cap(order) {
			go func() {
				if err := e.Acquire(time.Time{}, nil); err != nil {
					t.Errorf("the one that came as the %dth was refused: %v", i, err)
					return
				}
				time.Sleep(time.Duration(20)*time.Millisecond + time.Duration(i))
				e.Release()
				order <- i
			}()
			synctest.Wait() // it has entered, or joined the queue
		}
		for i := range cap(order) {
			if got := <-order; got != i {
				t.Errorf("the one that came as the %dth is served as the %dth", got, i)
			}
		}
	})
}

// TestSlowQueue: where each exchange takes seconds, a queue that has been given the time for it stays one.
func TestSlowQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := server(1)
		e.upstream.opts.QueueTimeout = time.Minute
		served, refused := offered(e, 5*time.Second, 1, 10*time.Second)
		if len(refused) > 0 || share(served, 1) < 30*time.Second {
			t.Errorf("%d of 10 were refused, the last of the others waited for %v; want none, and more than 30 s", len(refused), share(served, 1))
		}
	})
}

// TestStalled: an endpoint that has not answered for five seconds is as ever half a second after.
func TestStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := server(10)
		offered(e, 20*time.Millisecond, 1500, time.Second) // which teaches it its pace
		time.Sleep(time.Second)
		for range 10 {
			if !e.TryAcquire() {
				t.Fatal("no room")
			}
		}
		time.AfterFunc(5*time.Second, func() {
			for range 10 {
				e.Release()
			}
		})
		_, during := offered(e, 20*time.Millisecond, 400, 5*time.Second)
		if d := share(during, .95); d > 100*time.Millisecond {
			t.Errorf("meanwhile one in twenty was refused after %v, want at most 100 ms", d)
		}
		offered(e, 20*time.Millisecond, 400, 500*time.Millisecond)
		served, refused := offered(e, 20*time.Millisecond, 400, time.Second)
		if len(refused) > 0 || share(served, .99) > 5*time.Millisecond {
			t.Errorf("after it %d were refused, and one in a hundred waited for %v; want none", len(refused), share(served, .99))
		}
	})
}
