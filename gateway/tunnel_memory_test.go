//go:build linux

package gateway_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"
	"testing"
)

// mostTunnels is what a tunnel may cost, in octets, when nobody speaks: two goroutines, what both connections are to
// package net, and what is known of the request. No buffers.
const (
	mostTunnel       = 20 << 10
	mostSecureTunnel = 40 << 10 // with TLS on both sides
)

// TestTunnelMemory opens tunnels through a gateway in a process of its own, and looks at what each costs.
func TestTunnelMemory(t *testing.T) {
	if url := os.Getenv("CORSGATE_TEST_TUNNELS"); url != "" {
		serveTunnels(t, socketServer{url, os.Getenv("CORSGATE_TEST_KEYS")})
		return
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n := min(10_000, int(limit.Cur-1000)/2) // both ends of all are here, and both ends there
	if testing.Short() || raced() {
		n = min(n, 500)
	}
	t.Run("plain", func(t *testing.T) { tunnelsCost(t, socketServer{url: webSockets(t, echoAll)}, n, mostTunnel) })
	t.Run("TLS", func(t *testing.T) { tunnelsCost(t, secureWebSockets(t, echoAll), min(n, 2000), mostSecureTunnel) })
}

// serveTunnels is the gateway. It tells where it is, and for each line that comes gives up what memory it can.
func serveTunnels(t *testing.T, up socketServer) {
	engine := looped
	if up.keys != "" {
		engine = secure
	}
	up.keys += "max_connections = 20000\n"
	_, address := serveOn(t, engine, tunnelConfig(up, "[timeouts]\nidle = \"1h\"\n[limits]\nconnections = 20000\n"))
	fmt.Println(address)
	for in := bufio.NewReader(os.Stdin); ; {
		if _, err := in.ReadString('\n'); err != nil {
			return
		}
		for range 3 { // stacks shrink by half at a time
			debug.FreeOSMemory()
		}
		fmt.Println("done")
	}
}

func tunnelsCost(t *testing.T, up socketServer, n, most int) {
	stdin, out, address, pid := itself(t, "TestTunnelMemory", "CORSGATE_TEST_TUNNELS="+up.url, "CORSGATE_TEST_KEYS="+up.keys)
	resident := func() int {
		io.WriteString(stdin, "\n")
		if line, err := out.ReadString('\n'); line != "done\n" {
			t.Fatalf("%q, %v", line, err)
		}
		return memory(t, pid, "VmRSS:")
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
		for range 8 {
			all.Go(func() {
				for range n / 8 {
					c := net.Conn(dialPlain(t, address))
					if up.keys != "" {
						c = tls.Client(c, &tls.Config{InsecureSkipVerify: true}) // the child has an authority of its own
					}
					mu.Lock()
					opened = append(opened, c)
					mu.Unlock()
					echoes(t, c, openOn(t, c, ""), "once")
				}
			})
		}
		all.Wait()
	}
	openAll(80) // what all have in common is there
	before := resident()
	openAll(n / 8 * 8)
	each := (resident() - before) / (n / 8 * 8)
	t.Logf("%d tunnels, %.1f KiB each", n/8*8, float64(each)/1024)
	if each > most && !raced() {
		t.Errorf("a tunnel costs %d octets, want at most %d", each, most)
	}
}

// raced reports whether the race detector looks on, which has memory of its own for each octet and goroutine.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
