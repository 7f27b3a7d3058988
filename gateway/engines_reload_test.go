package gateway_test

import (
	"bufio"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/corsgate/corsgate/gateway/config"
)

// TestLoopReloads is TestReloadTearsNothing on the event loop, and each reload replaces the
// upstream too: requests under way end as they began, and idle connections to it are closed.
func TestLoopReloads(t *testing.T) {
	says := reply{octets: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}
	one, two := newDouble(t, says), newDouble(t, says)
	g, address := serveOn(t, looped, policy(one.url(), "ONE"))
	configs := []*config.Config{parseFor(t, looped, policy(two.url(), "TWO")), parseFor(t, looped, policy(one.url(), "ONE"))}

	const reloads, least = 100, 200
	var stop atomic.Bool
	var clients sync.WaitGroup
	for i := range 4 {
		c := dial(t, address)
		clients.Go(func() {
			r := bufio.NewReader(c)
			for n := 0; n < least || !stop.Load(); n++ {
				answer, err := oneOf(c, r, n+i)
				if err != nil {
					t.Errorf("request %d: %v", n, err)
					return
				}
				if a, b := strings.Count(answer, "ONE"), strings.Count(answer, "TWO"); a > 0 == (b > 0) {
					t.Errorf("torn:\n%s", answer)
					return
				}
			}
		})
	}
	for i := range reloads {
		if err := g.Reload(configs[i%2]); err != nil {
			t.Errorf("reload %d: %v", i, err)
		}
		// A request on each configuration.
		c := dial(t, address)
		if _, err := oneOf(c, bufio.NewReader(c), 0); err != nil {
			t.Errorf("reload %d: %v", i, err)
		}
		c.Close()
	}
	stop.Store(true)
	clients.Wait()
	// What is current is one.url(): the other's connections come to their end.
	two.mu.Lock()
	conns := two.conns
	two.mu.Unlock()
	two.Close()
	two.done.Wait()
	if len(conns) == 0 {
		t.Error("the second upstream was never asked")
	}
}
