//go:build linux

package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// What an HTTP/2 connection over TLS may cost, in bytes, when nothing is under way: crypto/tls and both tables of HPACK. On goroutines
// the stacks of two come on top, which shrink by half at a time.
const (
	mostIdleHTTP2           = 14 << 10
	mostIdleHTTP2Goroutines = 24 << 10
)

// TestIdleHTTP2Memory opens connections to a gateway in a process of its own, makes a request and a preflight on each, and looks at what each
// costs afterwards.
func TestIdleHTTP2Memory(t *testing.T) {
	if engine := os.Getenv("CORSGATE_TEST_IDLE"); engine != "" {
		serveIdle(t, engine)
		return
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n := min(1000, int(limit.Cur-500)/2)
	if testing.Short() || raced() {
		n = 200
	}
	t.Run(secure, func(t *testing.T) { idleCosts(t, secure, n, mostIdleHTTP2) })
	t.Run(secureBlocking, func(t *testing.T) { idleCosts(t, secureBlocking, n, mostIdleHTTP2Goroutines) })
}

// serveIdle is the gateway. It tells where it is, and for each line that comes what is in use of its heap and stacks.
func serveIdle(t *testing.T, engine string) {
	_, address := serveOn(t, engine, "[timeouts]\nidle = \"1h\"\n"+respond)
	fmt.Println(address)
	for in := bufio.NewReader(os.Stdin); ; {
		if _, err := in.ReadString('\n'); err != nil {
			return
		}
		for range 6 { // stacks shrink by half at a time
			debug.FreeOSMemory()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Println(m.HeapAlloc, m.StackInuse)
	}
}

func idleCosts(t *testing.T, engine string, n, most int) {
	stdin, out, address, pid := itself(t, "TestIdleHTTP2Memory", "CORSGATE_TEST_IDLE="+engine)
	used := func() (heap, stacks, resident int) {
		io.WriteString(stdin, "\n")
		if _, err := fmt.Fscanln(out, &heap, &stacks); err != nil {
			t.Fatal(err)
		}
		return heap, stacks, memory(t, pid, "VmRSS:")
	}
	var mu sync.Mutex
	var opened []net.Conn
	defer func() {
		for _, c := range opened {
			c.Close()
		}
	}()
	openAll := func(n int) {
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range n / 4 {
					c := idle(t, address)
					mu.Lock()
					opened = append(opened, c)
					mu.Unlock()
				}
			})
		}
		all.Wait()
	}
	openAll(40) // what all have in common is there
	heap, stacks, resident := used()
	n = n / 4 * 4
	openAll(n)
	h, s, r := used()
	each := func(a, b int) float64 { return float64(b-a) / float64(n) / 1024 }
	t.Logf("%d idle connections: heap %.1f KiB each, stacks %.1f, resident %.1f", n, each(heap, h), each(stacks, s), each(resident, r))
	if cost := (h + s - heap - stacks) / n; cost > most && !raced() {
		t.Errorf("an idle connection costs %d bytes, want at most %d", cost, most)
	}
}

// idle opens a connection and makes requests with heads as browsers send them.
func idle(t *testing.T, address string) net.Conn {
	config := authority(t).client()
	config.NextProtos, config.InsecureSkipVerify = []string{"h2"}, true // the child has an authority of its own
	c := overTLSWith(dialPlain(t, address), config)
	f := &framed{Framer: http2.NewFramer(c, c), c: c}
	f.enc = hpack.NewEncoder(&f.head)
	io.WriteString(c, http2.ClientPreface)
	f.WriteSettings()
	browser := []string{":scheme", "https", ":path", "/fixed", ":authority", "h", "origin", "https://myapp.com",
		"user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36", "accept", "*/*",
		"accept-language", "en-GB,en;q=0.9", "accept-encoding", "gzip, deflate, br, zstd", "referer", "https://myapp.com/", "sec-fetch-mode", "cors"}
	f.ask(1, true, append([]string{":method", "OPTIONS", "access-control-request-method", "METHOD-ONE"}, browser...)...)
	f.ask(3, true, append([]string{":method", "GET"}, browser...)...)
	if got := f.outcome(3); got != "200" {
		t.Errorf("an idle connection: %s, want 200", got)
	}
	return c
}
