package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway"
	"github.com/corsgate/corsgate/gateway/config"
)

// hello is a route that answers; listeners come before it.
const hello = "[route.all]\nrespond = { body = \"hello\" }\n"

// listening is a configuration with listeners.
func listening(t *testing.T, tables ...string) *config.Config {
	t.Helper()
	return parse(t, strings.Join(tables, "\n")+"\n"+hello)
}

// a table of one listener.
func table(name, address string, more ...string) string {
	return fmt.Sprintf("[listener.%s]\naddress = %q\n%s\n", name, address, strings.Join(more, "\n"))
}

// A visitor has a connection.
type visitor struct {
	net.Conn
	r *bufio.Reader
}

func visit(t *testing.T, address string) visitor {
	t.Helper()
	c := dialPlain(t, address)
	return visitor{c, bufio.NewReader(c)}
}

// asks makes a request and wants the status; last says whether the connection is to end.
func (v visitor) asks(t *testing.T, status int, last bool) {
	t.Helper()
	io.WriteString(v, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	res, err := http.ReadResponse(v.r, nil)
	if err != nil {
		t.Errorf("%v, want %d", err, status)
		return
	}
	io.Copy(io.Discard, res.Body)
	if res.StatusCode != status || res.Close != last {
		t.Errorf("%d, ends: %v; want %d, %v", res.StatusCode, res.Close, status, last)
	}
}

// refused wants nobody to listen at address.
func refused(t *testing.T, address string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer c.Close()
	// Another process may have been given the port meanwhile: what it says is not what the gateway does.
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	if answer, _ := io.ReadAll(c); strings.Contains(string(answer), "\r\n\r\nhello") {
		t.Errorf("%s is still listened on", address)
	}
}

func reload(t *testing.T, g *gateway.Gateway, cfg *config.Config) {
	t.Helper()
	if err := g.Reload(cfg); err != nil {
		t.Fatal(err)
	}
}

// TestReloadListeners: listeners come, change and go; those that did not change are left alone with
// their connections.
func TestReloadListeners(t *testing.T) {
	for _, engine := range []string{looped, blocking} {
		t.Run(engine, func(t *testing.T) {
			other := map[string]string{looped: blocking, blocking: looped}[engine]
			by := func(engine string) string { return fmt.Sprintf("engine = %q", engine) }
			a := table("a", "127.0.0.1:0", by(engine))
			g, at := serveConfig(t, listening(t, a))
			stays := visit(t, at)
			stays.asks(t, 200, false)

			reload(t, g, listening(t, a, table("b", "127.0.0.1:0", by(engine))))
			b := g.Addr("b")
			if g.Addr("a") != at || b == "" || b == at {
				t.Fatalf("a at %s, b at %s; a was at %s", g.Addr("a"), b, at)
			}
			onB := visit(t, b)
			onB.asks(t, 200, false)
			counted(t, g, `corsgate_connections{listener="b"}`, 1)

			// b goes: its connections end after one more response.
			reload(t, g, listening(t, a))
			refused(t, b)
			onB.asks(t, 200, true)
			counted(t, g, `corsgate_connections{listener="a"}`, 1)

			// A port of somebody else: nothing changes.
			taken, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer taken.Close()
			bad := listening(t, table("fine", "127.0.0.1:0"), table("bad", taken.Addr().String()))
			if err := g.Reload(bad); err == nil || !strings.HasPrefix(err.Error(), "corsgate.toml:6: listener.bad.address: cannot listen on "+taken.Addr().String()) {
				t.Errorf("a port in use: %v", err)
			}
			if g.Addr("a") != at || g.Addr("fine") != "" {
				t.Errorf("a at %q, fine at %q", g.Addr("a"), g.Addr("fine"))
			}
			stays.asks(t, 200, false)

			// The same address, otherwise: it is the same socket, so nobody is refused.
			for _, change := range []string{by(other), by(engine)} {
				reload(t, g, listening(t, table("a", "127.0.0.1:0", change, "redirect_https = true")))
				if g.Addr("a") != at {
					t.Fatalf("a at %s, was at %s", g.Addr("a"), at)
				}
				next := visit(t, at)
				next.asks(t, 308, false)
				stays.asks(t, map[string]int{by(other): 200, by(engine): 308}[change], true)
				stays = next
			}

			// From all interfaces to one and back: the port is its own.
			_, port, _ := net.SplitHostPort(at)
			for _, address := range []string{":" + port, "127.0.0.1:" + port, ":" + port} {
				reload(t, g, listening(t, table("a", address, by(engine))))
				visit(t, at).asks(t, 200, false)
			}
		})
	}
}

// TestReloadBetweenListenAndServe: what is bound by then is served.
func TestReloadBeforeServe(t *testing.T) {
	g, err := gateway.New(listening(t, table("a", "127.0.0.1:0")), discard())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Listen(); err != nil {
		t.Fatal(err)
	}
	reload(t, g, listening(t, table("b", "127.0.0.1:0"), table("c", "127.0.0.1:0", `engine = "fasthttp"`)))
	served := make(chan error, 1)
	go func() { served <- g.Serve() }()
	for _, name := range []string{"b", "c"} {
		visit(t, g.Addr(name)).asks(t, 200, false)
	}
	if err := g.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := g.Reload(listening(t, table("d", "127.0.0.1:0"))); err == nil {
		t.Error("a gateway that has stopped was reloaded")
	}
}

// TestHandedOver: another gateway accepts on the same sockets, whatever its engine is; nobody is refused
// in between, and each request is answered.
func TestHandedOver(t *testing.T) {
	for _, engines := range [][2]string{{looped, looped}, {looped, blocking}, {blocking, looped}} {
		cfg := func(engine string) *config.Config {
			return listening(t, table("a", "127.0.0.1:0", fmt.Sprintf("engine = %q", engine)))
		}
		first, err := gateway.New(cfg(engines[0]), discard())
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Listen(); err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- first.Serve() }()
		at := first.Addr("a")
		visit(t, at).asks(t, 200, false)

		second, err := gateway.New(cfg(engines[1]), discard())
		if err != nil {
			t.Fatal(err)
		}
		sockets, err := first.Sockets()
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Inherit(sockets); err != nil {
			t.Fatal(err)
		}
		if err := second.Listen(); err != nil {
			t.Fatal(err)
		}
		if second.Addr("a") != at {
			t.Fatalf("at %s, want %s", second.Addr("a"), at)
		}
		if err := first.HandOver(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		var waiting []visitor // nobody accepts yet
		for range 8 {
			waiting = append(waiting, visit(t, at))
		}
		go func() { served <- second.Serve() }()
		for _, v := range waiting {
			v.asks(t, 200, false)
			v.Close()
		}
		if err := second.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-served
		refused(t, at)
	}
}
