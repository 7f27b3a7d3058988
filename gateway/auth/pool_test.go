package auth

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestPool: only so many are verified at once; the others wait their turn, and no longer than a second.
func TestPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(2)
		var inside, refused atomic.Int64
		begin := time.Now()
		for range 10 {
			go func() {
				if !p.enter(netip.Addr{}) {
					refused.Add(1)
					if took := time.Since(begin); took != maxVerifyWait {
						t.Errorf("sent away after %v, want %v", took, maxVerifyWait)
					}
					return
				}
				if inside.Add(1) > 2 {
					t.Error("more than two at once")
				}
				time.Sleep(300 * time.Millisecond)
				inside.Add(-1)
				p.leave()
			}()
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if n := refused.Load(); n != 2 { // two each at 0, 0.3, 0.6 and 0.9 s
			t.Errorf("%d are sent away, want 2", n)
		}
		if n := p.waiting.Load(); n != 0 || len(p.places) != 0 {
			t.Errorf("%d wait, %d are inside, want none", n, len(p.places))
		}
		p.waiting.Store(maxVerifyQueue)
		for range 2 {
			p.enter(netip.Addr{})
		}
		if p.enter(netip.Addr{}) {
			t.Error("one more waits than may")
		}
	})
}

// TestPoolShares: clients that send more than can be verified leave room for one that sends a token.
func TestPoolShares(t *testing.T) {
	for _, clients := range []int{1, 8} {
		synctest.Test(t, func(t *testing.T) {
			p := newPool(1)
			p.enter(netip.Addr{})
			taken := map[*atomic.Int64]bool{}
			for i := range clients {
				flooding := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
				taken[p.share(flooding)] = true
				for range maxVerifyQueue {
					go p.enter(flooding)
				}
			}
			synctest.Wait()
			waiting := p.waiting.Load()
			if least := int64(maxVerifyQueue / 8); waiting < least || waiting > maxVerifyQueue*7/8 {
				t.Errorf("%d clients: %d wait, want more than %d and an eighth less than %d", clients, waiting, least, maxVerifyQueue)
			}
			entered := make(chan bool, 1)
			honest := netip.MustParseAddr("192.0.3.1")
			for taken[p.share(honest)] { // one in a thousand has the hash of another
				honest = honest.Next()
			}
			go func() { entered <- p.enter(honest) }()
			synctest.Wait()
			if got := p.waiting.Load(); got != waiting+1 {
				t.Errorf("%d clients: %d wait beside the honest one, want %d", clients, got-1, waiting)
			}
			p.leave()
			time.Sleep(2 * maxVerifyWait) // one of them has the place, and the others go
			<-entered
		})
	}
	p := newPool(1)
	a, b := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff:ffff:ffff:ffff")
	if p.share(a) != p.share(b) {
		t.Error("a client with a network of 64 bits is several")
	}
	if p.share(netip.MustParseAddr("::ffff:192.0.2.1")) != p.share(netip.MustParseAddr("192.0.2.1")) {
		t.Error("an IPv4 address has two shares")
	}
}
