//go:build linux

package gateway_test

import (
	"bufio"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/pkitest"
)

// A socketServer is an upstream that agrees to every WebSocket and then runs handle on it. keys are those of an
// upstream that trusts it.
type socketServer struct{ url, keys string }

func webSockets(t *testing.T, handle func(net.Conn, io.Reader)) (url string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return "http://" + webSocketsOn(t, ln, handle)
}

func secureWebSockets(t *testing.T, handle func(net.Conn, io.Reader)) socketServer {
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{authority(t).server.TLS(t)}})
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	pkitest.Replace(t, ca, authority(t).PEM)
	return socketServer{"https://" + webSocketsOn(t, ln, handle), fmt.Sprintf("tls_ca = %q\n", ca)}
}

func webSocketsOn(t *testing.T, ln net.Listener, handle func(net.Conn, io.Reader)) (address string) {
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
	return ln.Addr().String()
}

// open opens a WebSocket through the gateway, with early octets right behind the request, and
// returns the connection when the first five octets of the upstream have come.
func open(t *testing.T, address, early string) (clientConn, *bufio.Reader) {
	t.Helper()
	nc := dial(t, address)
	return nc, openOn(t, nc, early)
}

func openOn(t *testing.T, nc net.Conn, early string) *bufio.Reader {
	t.Helper()
	nc.SetDeadline(time.Now().Add(patience))
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
	return br
}

// tunnelConfig has WebSockets of an upstream.
func tunnelConfig(up socketServer, more string) string {
	return fmt.Sprintf("[upstream.api]\nendpoints = [%q]\n%s[cors.app]\norigins = [\"https://myapp.com\"]\n"+
		"[route.api]\ncors = \"app\"\nupstream = \"api\"\ntimeout = \"0s\"\n", up.url, up.keys) + more
}

// everyTunnel runs a test for each kind of listener and of upstream.
func everyTunnel(t *testing.T, handle func(net.Conn, io.Reader), test func(t *testing.T, engine string, up socketServer)) {
	for kind, up := range map[string]socketServer{"http": {url: webSockets(t, handle)}, "https": secureWebSockets(t, handle)} {
		for _, engine := range []string{looped, blocking, secure} {
			t.Run(engine+" to "+kind, func(t *testing.T) { test(t, engine, up) })
		}
	}
}

// closeWrite ends one's own side.
func closeWrite(c net.Conn) { c.(interface{ CloseWrite() error }).CloseWrite() }

func echoAll(c net.Conn, r io.Reader) {
	io.Copy(struct{ io.Writer }{c}, r)
	closeWrite(c)
}

// TestTunnelIsExact sends random octets both ways in random pieces, and ends one side at a time.
func TestTunnelIsExact(t *testing.T) {
	everyTunnel(t, echoAll, func(t *testing.T, engine string, up socketServer) {
		_, address := serveOn(t, engine, tunnelConfig(up, ""))
		nc, br := open(t, address, "early")
		random := rand.New(rand.NewPCG(1, 2))
		sent := make([]byte, 3<<20)
		for i := range sent {
			sent[i] = byte(random.Uint32())
		}
		go func() {
			for rest := sent; len(rest) > 0; {
				n := min(len(rest), 1+random.IntN(100_000))
				if random.IntN(4) == 0 {
					n = min(n, 1+random.IntN(10))
				}
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

// TestTunnelRecords: octets that were decrypted together, or came together, all go on, though nothing more comes at the
// socket after them.
func TestTunnelRecords(t *testing.T) {
	everyTunnel(t, echoAll, func(t *testing.T, engine string, up socketServer) {
		_, address := serveOn(t, engine, tunnelConfig(up, ""))
		c, r := open(t, address, strings.Repeat("e", 9000)) // one record, more than a head's buffer
		echoed := make([]byte, 9000)
		if _, err := io.ReadFull(r, echoed); err != nil || strings.Trim(string(echoed), "e") != "" {
			t.Fatalf("%v", err)
		}
		for _, size := range []int{1, 10, 16 << 10, 32 << 10, 32<<10 + 1, 100_000} {
			echoes(t, c, r, strings.Repeat("x", size))
		}
		for range 100 { // many small records at once
			go io.WriteString(c, strings.Repeat("y", 10))
		}
		echoed = make([]byte, 1000)
		if _, err := io.ReadFull(r, echoed); err != nil || strings.Trim(string(echoed), "y") != "" {
			t.Fatalf("%q, %v", echoed, err)
		}
	})
}

// TestTunnelHalfClose: either side may end its own first, and the other then has as much time as it likes.
func TestTunnelHalfClose(t *testing.T) {
	const request, answer = "that is all", "and that is my answer"
	t.Run("client first", func(t *testing.T) {
		everyTunnel(t, func(c net.Conn, r io.Reader) {
			all, err := io.ReadAll(r)
			fmt.Fprintf(c, "%s %v %s", all, err, answer)
			closeWrite(c)
			io.Copy(io.Discard, r)
		}, func(t *testing.T, engine string, up socketServer) {
			g, address := serveOn(t, engine, tunnelConfig(up, ""))
			c, r := open(t, address, "")
			io.WriteString(c, request)
			c.CloseWrite()
			if got, err := io.ReadAll(r); string(got) != request+" <nil> "+answer || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			counted(t, g, "corsgate_tunnels", 0)
		})
	})
	t.Run("upstream first", func(t *testing.T) {
		heard := make(chan string, 1)
		everyTunnel(t, func(c net.Conn, r io.Reader) {
			io.WriteString(c, request)
			closeWrite(c)
			all, err := io.ReadAll(r)
			heard <- fmt.Sprint(string(all), err)
		}, func(t *testing.T, engine string, up socketServer) {
			g, address := serveOn(t, engine, tunnelConfig(up, ""))
			c, r := open(t, address, "")
			if got, err := io.ReadAll(r); string(got) != request || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			counted(t, g, "corsgate_tunnels", 1)
			io.WriteString(c, answer)
			c.CloseWrite()
			if got := <-heard; got != answer+"<nil>" {
				t.Errorf("the upstream got %q", got)
			}
			counted(t, g, "corsgate_tunnels", 0)
		})
	})
}

// TestTunnelEndsWithEitherSide: when one side resets its connection, the other's ends too.
func TestTunnelEndsWithEitherSide(t *testing.T) {
	t.Run("upstream", func(t *testing.T) {
		everyTunnel(t, func(c net.Conn, r io.Reader) {
			if s, ok := c.(*tls.Conn); ok {
				c = s.NetConn()
			}
			c.(*net.TCPConn).SetLinger(0)
			c.Close()
		}, func(t *testing.T, engine string, up socketServer) {
			_, address := serveOn(t, engine, tunnelConfig(up, ""))
			_, br := open(t, address, "")
			if _, err := br.ReadByte(); err == nil {
				t.Error("the client still gets octets")
			}
		})
	})
	t.Run("client", func(t *testing.T) {
		ended := make(chan bool, 1)
		everyTunnel(t, func(c net.Conn, r io.Reader) {
			io.Copy(io.Discard, r)
			ended <- true
		}, func(t *testing.T, engine string, up socketServer) {
			_, address := serveOn(t, engine, tunnelConfig(up, ""))
			nc, _ := open(t, address, "")
			nc.SetLinger(0)
			closeSocket(nc)
			select {
			case <-ended:
			case <-time.After(patience):
				t.Error("the upstream's connection goes on without its client")
			}
		})
	})
}

// TestTunnelTimesOut: a tunnel on which nobody speaks ends after timeouts.idle, one on which only
// one side speaks does not.
func TestTunnelTimesOut(t *testing.T) {
	everyTunnel(t, func(c net.Conn, r io.Reader) {
		for i := range 10 {
			time.Sleep(400 * time.Millisecond) // the pace of the test's upstream, not a wait for anything
			fmt.Fprint(c, i)
		}
		io.Copy(io.Discard, r)
	}, func(t *testing.T, engine string, up socketServer) {
		t.Parallel()
		_, address := serveOn(t, engine, tunnelConfig(up, "[timeouts]\nidle = \"3s\"\n"))
		_, br := open(t, address, "")
		got, err := io.ReadAll(br)
		if string(got) != "0123456789" || err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
			t.Errorf("the client got %q, %v, want 0123456789 and the end", got, err)
		}
	})
}

// TestTunnelOfSplit: a route that is divided takes WebSockets too, on both engines.
func TestTunnelOfSplit(t *testing.T) {
	url := webSockets(t, echoAll)
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
