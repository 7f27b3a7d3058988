package gateway

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/corsgate/corsgate/gateway/access"
	"github.com/corsgate/corsgate/gateway/config"
)

// TestLoopAllocations is TestWholeAllocations for the event loop. It holds when every request is
// logged, too.
func TestLoopAllocations(t *testing.T) {
	up, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		c, err := up.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		response := []byte(responseHead + "{}")
		buf := make([]byte, 16<<10)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
			if _, err := c.Write(response); err != nil {
				return
			}
		}
	}()
	cfg, err := config.Parse("corsgate.toml", []byte(strings.Replace(benchConfig+logAll, "127.0.0.1:1", up.Addr().String(), 1)))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listeners[0].Address = "127.0.0.1:0"
	g, err := New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	g.LogAccess(access.Destination{Out: io.Discard})
	if err := g.Listen(); err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- g.Serve() }()
	c, err := net.Dial("tcp", g.Addr(cfg.Listeners[0].Name))
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	f := func(name, head string, length int) {
		t.Helper()
		octets := []byte(head)
		for range 100 {
			roundTrip(t, c, r, octets, length)
		}
		if got := testing.AllocsPerRun(500, func() { roundTrip(t, c, r, octets, length) }); got > 0 {
			t.Errorf("%s: %v allocations, want none", name, got)
		}
	}
	f("preflight", preflightHead, 0)
	f("denied preflight", deniedHead, len("CORS preflight refused: origin-not-allowed\n"))
	f("forwarded", actualHead, 2)
	f("with content", strings.Replace(actualHead, "GET ", "POST ", 1)[:len(actualHead)-1]+"Content-Length: 5\r\n\r\nhello", 2)
	c.Close()
	if err := g.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	<-served
	up.Close()
	<-answered
}
