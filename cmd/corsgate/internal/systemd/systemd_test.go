package systemd

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestWatchdog: it is told while the loops run, and not once they hang.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		pings, hung := 0, 0
		var dead atomic.Bool
		go feed(ctx, 10*time.Second, func(within time.Duration) bool {
			if within >= 5*time.Second {
				t.Errorf("%v is too long to look", within)
			}
			return !dead.Load()
		}, func(s ...string) {
			if strings.Join(s, "") == "WATCHDOG=1" {
				pings++
			}
		}, func() { hung++ })
		time.Sleep(29 * time.Second) // at 0, 5, … 25
		dead.Store(true)
		time.Sleep(10 * time.Second)
		cancel()
		synctest.Wait()
		if pings != 6 || hung != 2 {
			t.Errorf("%d pings, and hung %d times; want 6, 2", pings, hung)
		}
	})
}
