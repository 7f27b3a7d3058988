//go:build linux

package gateway_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// webSockets is an upstream that agrees to every WebSocket and then runs handle on it.
func webSockets(t *testing.T, handle func(net.Conn, io.Reader)) (url string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				br := bufio.NewReader(c)
				req, err := http.ReadRequest(br)
				if err != nil {
					return
				}
				sum := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
				// The first octets of the tunnel come in one write with the head.
				fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
					"Sec-WebSocket-Accept: %s\r\n\r\nhello", base64.StdEncoding.EncodeToString(sum[:]))
				handle(c, br)
			}()
		}
	}()
	t.Cleanup(func() { ln.Close(); <-done })
	return "http://" + ln.Addr().String()
}

// open opens a WebSocket through the gateway, with early octets right behind the request, and
// returns the connection when the first five octets of the upstream have come.
func open(t *testing.T, address, early string) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(nc, "GET /live HTTP/1.1\r\nHost: api.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://myapp.com\r\n\r\n"+early)
	br := bufio.NewReader(nc)
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 101 || !strings.EqualFold(res.Header.Get("Upgrade"), "websocket") || res.Header.Get("Sec-Websocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("the answer to the upgrade is %d %v", res.StatusCode, res.Header)
	}
	hello := make([]byte, 5)
	if _, err := io.ReadFull(br, hello); err != nil || string(hello) != "hello" {
		t.Fatalf("the tunnel begins with %q, %v, want hello", hello, err)
	}
	return nc.(*net.TCPConn), br
}

// tunnelled serves WebSockets of the upstream at url and returns where.
func tunnelled(t *testing.T, engine, url, more string) string {
	_, address := serveOn(t, engine, fmt.Sprintf("[upstream.api]\nendpoints = [%q]\n[cors.app]\norigins = [\"https://myapp.com\"]\n"+
		"[route.api]\ncors = \"app\"\nupstream = \"api\"\ntimeout = \"0s\"\n", url)+more)
	return address
}

// TestTunnelIsExact sends random octets both ways in random pieces, and ends one side at a time.
func TestTunnelIsExact(t *testing.T) {
	url := webSockets(t, func(c net.Conn, r io.Reader) { io.Copy(c, r); c.(*net.TCPConn).CloseWrite() })
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			address := tunnelled(t, engine, url, "")
			nc, br := open(t, address, "early")
			random := rand.New(rand.NewPCG(1, 2))
			sent := make([]byte, 3<<20)
			for i := range sent {
				sent[i] = byte(random.Uint32())
			}
			go func() {
				for rest := sent; len(rest) > 0; {
					n := min(len(rest), 1+random.IntN(100_000))
					nc.Write(rest[:n])
					rest = rest[n:]
				}
				nc.CloseWrite()
			}()
			got, err := io.ReadAll(br)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != "early"+string(sent) {
				t.Errorf("%d octets came back, not those that were sent (%d)", len(got), len(sent)+5)
			}
		})
	}
}

// TestTunnelEndsWithEitherSide: when one side resets its connection, the other's ends too.
func TestTunnelEndsWithEitherSide(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		t.Run(engine+"/upstream", func(t *testing.T) {
			url := webSockets(t, func(c net.Conn, r io.Reader) { c.(*net.TCPConn).SetLinger(0) })
			nc, br := open(t, tunnelled(t, engine, url, ""), "")
			if _, err := br.ReadByte(); err == nil {
				t.Error("the client still gets octets")
			}
			nc.Close()
		})
		t.Run(engine+"/client", func(t *testing.T) {
			ended := make(chan error, 1)
			url := webSockets(t, func(c net.Conn, r io.Reader) {
				_, err := io.Copy(io.Discard, r)
				ended <- err
			})
			nc, _ := open(t, tunnelled(t, engine, url, ""), "")
			nc.SetLinger(0)
			nc.Close()
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Error("the upstream's connection goes on without its client")
			}
		})
	}
}

// TestTunnelTimesOut: a tunnel on which nobody speaks ends after timeouts.idle, one on which only
// one side speaks does not.
func TestTunnelTimesOut(t *testing.T) {
	url := webSockets(t, func(c net.Conn, r io.Reader) {
		for i := range 5 {
			time.Sleep(300 * time.Millisecond) // the pace of the test's upstream, not a wait for anything
			fmt.Fprint(c, i)
		}
		io.Copy(io.Discard, r)
	})
	_, br := open(t, tunnelled(t, looped, url, "[timeouts]\nidle = \"1s\"\n"), "")
	got, err := io.ReadAll(br)
	if string(got) != "01234" || err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
		t.Errorf("the client got %q, %v, want 01234 and the end", got, err)
	}
}

// TestTunnelOfSplit: a route that is divided takes WebSockets too, on both engines.
func TestTunnelOfSplit(t *testing.T) {
	url := webSockets(t, func(c net.Conn, r io.Reader) { io.Copy(c, r) })
	onEngines(t, func(t *testing.T, engine string) {
		_, address := serveOn(t, engine, fmt.Sprintf("[upstream.one]\nendpoints = [%q]\n[upstream.two]\nendpoints = [%q]\n"+
			"[route.api]\nsplit = [{ upstream = \"one\", weight = 1 }, { upstream = \"two\", weight = 1 }]\nmirror = { upstream = \"two\" }\n", url, url))
		for range 4 {
			c, r := open(t, address, "early")
			echoed := make([]byte, 5)
			if _, err := io.ReadFull(r, echoed); err != nil || string(echoed) != "early" {
				t.Errorf("%q, %v", echoed, err)
			}
			c.Close()
		}
	})
}
