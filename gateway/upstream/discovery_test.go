package upstream_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/balance"
	"github.com/corsgate/corsgate/gateway/upstream/discover"
)

// A finder answers with what it was last told.
type finder struct {
	mu      sync.Mutex
	servers []discover.Server
	ttl     time.Duration
	err     error
	slow    time.Duration
	times   []time.Time
}

func (f *finder) Look(ctx context.Context) ([]discover.Server, time.Duration, error) {
	f.mu.Lock()
	servers, ttl, err, slow := f.servers, f.ttl, f.err, f.slow
	f.times = append(f.times, time.Now())
	f.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	case <-time.After(slow):
	}
	return servers, ttl, err
}

// asked returns when it was asked.
func (f *finder) asked() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.times)
}

// tell sets what is found from now on: "address", or "address priority weight".
func (f *finder) tell(ttl time.Duration, err error, servers ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.servers, f.ttl, f.err = nil, ttl, err
	for _, text := range servers {
		s := discover.Server{Weight: 1}
		address, rest, _ := strings.Cut(text, " ")
		s.Addr = netip.MustParseAddrPort(address)
		fmt.Sscan(rest, &s.Priority, &s.Weight)
		f.servers = append(f.servers, s)
	}
}

// named returns an upstream of these addresses that is not started.
func named(opts upstream.Options, list ...upstream.Address) *upstream.Upstream {
	for i := range list {
		list[i].Index, list[i].Label, list[i].Network = i, fmt.Sprint("endpoint ", i), "tcp"
	}
	return upstream.New("test", list, opts)
}

// shown returns the endpoints as "index:address weight".
func shown(u *upstream.Upstream) string {
	var list []string
	for _, s := range u.Status() {
		list = append(list, fmt.Sprint(s.Index, ":", s.Address, " ", s.Weight))
	}
	return strings.Join(list, ", ")
}

// TestFollow: a name is looked up again when its answer has become too old, more slowly when that
// fails, and what was found stays until something else is.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(finder)
		f.tell(20*time.Second, nil, "192.0.2.1:80", "192.0.2.2:80")
		u := named(options(), upstream.Address{Find: f, Weight: 1})
		var told []string
		u.Looked = func(l upstream.Lookup) {
			if l.Changed {
				told = append(told, fmt.Sprint(l.Servers, " ", l.Err))
			}
		}
		if e := u.Pick(&balance.Choice{}); e != nil {
			t.Errorf("before Start an endpoint %v", e.Address)
		}
		u.Start()
		defer u.Stop()
		u.Settle()
		want := func(endpoints string) {
			t.Helper()
			synctest.Wait()
			if got := shown(u); got != endpoints {
				t.Errorf("endpoints %s, want %s", got, endpoints)
			}
		}
		both := "0:192.0.2.1:80 1, 0:192.0.2.2:80 1"
		want(both)
		stays := u.Endpoints()[1]
		f.tell(20*time.Second, nil, "192.0.2.2:80", "192.0.2.3:80")
		time.Sleep(19 * time.Second)
		want(both)
		time.Sleep(2 * time.Second)
		want("0:192.0.2.2:80 1, 0:192.0.2.3:80 1")
		if u.Endpoints()[0] != stays {
			t.Error("the endpoint that stays is another one")
		}
		f.tell(0, errors.New("out of order"), "192.0.2.2:80", "192.0.2.3:80")
		begin := len(f.asked())
		time.Sleep(5 * time.Minute)
		want("0:192.0.2.2:80 1, 0:192.0.2.3:80 1")
		times := f.asked()
		for i := begin + 1; i < len(times); i++ {
			low := min(time.Second/2<<min(i-begin-1, 3), 4*time.Second)
			if d := times[i].Sub(times[i-1]); d < low || d > low+low/2+1 {
				t.Errorf("attempt %d after %v, want %v", i-begin, d, low)
			}
		}
		if n := len(times) - begin; n < 50 || n > 77 {
			t.Errorf("%d attempts in 5 minutes", n)
		}
		f.tell(time.Second, nil, "192.0.2.4:80")
		time.Sleep(34 * time.Second)
		want("0:192.0.2.4:80 1")
		if got := strings.Join(told, "; "); got != "2 <nil>; 2 <nil>; 2 out of order; 1 <nil>" {
			t.Errorf("told %s", got)
		}
		u.Stop()
		n := len(f.asked())
		time.Sleep(time.Hour)
		if len(f.asked()) != n {
			t.Error("it is looked up after Stop")
		}
	})
}

// TestSettle: the first look-up is waited for, also if it fails, but not for long.
func TestSettle(t *testing.T) {
	f := func(slow, want time.Duration, failed error, stop bool) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			opts := options()
			opts.ConnectTimeout = 2 * time.Second
			find := &finder{slow: slow}
			find.tell(time.Minute, failed)
			u := named(opts, upstream.Address{Find: find, Weight: 1}, upstream.Address{Find: &finder{ttl: time.Minute}, Weight: 1})
			begin := time.Now()
			u.Start()
			if stop {
				u.Stop()
			}
			u.Settle()
			u.Settle()
			if d := time.Since(begin); d != want {
				t.Errorf("a look-up of %v is waited for %v, want %v", slow, d, want)
			}
			u.Stop()
			synctest.Wait()
		})
	}
	f(time.Second, time.Second, nil, false)
	f(time.Second, time.Second, errors.New("out of order"), false)
	f(time.Minute, 2*time.Second, nil, false)
	f(time.Minute, 0, nil, true)
}

// TestSharedWeights: the servers of a name share its weight, by the weights of SRV records.
func TestSharedWeights(t *testing.T) {
	f := func(want string, weights [2]int, servers ...string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			find := new(finder)
			find.tell(time.Minute, nil, servers...)
			u := named(options(), upstream.Address{Dial: "192.0.2.9:80", Weight: weights[0]}, upstream.Address{Find: find, Weight: weights[1]})
			u.Start()
			defer u.Stop()
			u.Settle()
			if got := shown(u); got != want {
				t.Errorf("%v, %v:\n%s, want\n%s", weights, servers, got, want)
			}
		})
	}
	fixed := "0:192.0.2.9:80 "
	f(fixed+"2, 1:192.0.2.1:80 1, 1:192.0.2.2:80 1", [2]int{1, 1}, "192.0.2.1:80", "192.0.2.2:80")
	f(fixed+"1, 1:192.0.2.1:80 1, 1:192.0.2.2:80 1", [2]int{1, 2}, "192.0.2.1:80", "192.0.2.2:80")
	f(fixed+"4, 1:192.0.2.1:80 3, 1:192.0.2.2:80 1", [2]int{1, 1}, "192.0.2.1:80 0 30", "192.0.2.2:80 0 10")
	f(fixed+"2, 1:192.0.2.1:80 1, 1:192.0.2.2:80 1, 1:192.0.2.3:80 2", [2]int{1, 1}, "192.0.2.1:80 0 0", "192.0.2.2:80 0 0", "192.0.2.3:80 1 0")
	f(fixed+"1, 1:192.0.2.1:80 0, 1:192.0.2.2:80 0", [2]int{1, 0}, "192.0.2.1:80", "192.0.2.2:80 0 0")
	f(fixed+"10000, 1:192.0.2.1:80 10000, 1:192.0.2.2:80 1", [2]int{1, 1}, "192.0.2.1:80 0 10", "192.0.2.2:80 0 0")
	f(fixed+"1", [2]int{7, 1})
	f(fixed+"0", [2]int{0, 0})
}

// TestPriorities: servers of a later priority get exchanges when no earlier one can be used.
func TestPriorities(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := options()
		opts.Ejection = upstream.Ejection{Failures: 1, BaseTime: 5 * time.Second, MaxShare: 1}
		find := new(finder)
		find.tell(time.Hour, nil, "192.0.2.1:80 1 10", "192.0.2.2:80 1 30", "192.0.2.3:80 5 1", "192.0.2.4:80 9 1")
		u := named(opts, upstream.Address{Find: find, Weight: 1})
		u.Start()
		defer u.Stop()
		u.Settle()
		want := func(servers ...int) {
			t.Helper()
			synctest.Wait()
			counts := map[string]int{}
			for range 4000 {
				counts[u.Pick(&balance.Choice{}).Address.Dial]++
			}
			if len(counts) != len(servers) {
				t.Errorf("picked %v, want %v", counts, servers)
			}
			for _, n := range servers {
				if counts[fmt.Sprintf("192.0.2.%d:80", n)] == 0 {
					t.Errorf("picked %v, want %v", counts, servers)
				}
			}
		}
		list := u.Endpoints()
		want(1, 2)
		list[0].Failed()
		want(2)
		list[1].Failed()
		want(3)
		list[2].Failed()
		want(4)
		list[3].Failed()
		want(1, 2, 3, 4) // to try is better than to refuse
		time.Sleep(6 * time.Second)
		want(1, 2)
	})
}

// TestServiceShares: SRV weights are the shares of exchanges.
func TestServiceShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := options()
		opts.Balance = balance.RoundRobin
		find := new(finder)
		find.tell(time.Hour, nil, "192.0.2.1:80 1 10", "192.0.2.2:80 1 30", "192.0.2.3:80 5 100")
		u := named(opts, upstream.Address{Find: find, Weight: 1}, upstream.Address{Dial: "192.0.2.9:80", Weight: 1})
		u.Start()
		defer u.Stop()
		u.Settle()
		counts := map[string]int{}
		for range 800 {
			counts[u.Pick(&balance.Choice{}).Address.Dial]++
		}
		if counts["192.0.2.1:80"] != 100 || counts["192.0.2.2:80"] != 300 || counts["192.0.2.9:80"] != 400 {
			t.Errorf("shares %v", counts)
		}
	})
}
