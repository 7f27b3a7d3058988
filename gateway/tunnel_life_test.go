//go:build linux

package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// echoes wants the octets of text back from a tunnel.
func echoes(t *testing.T, c net.Conn, r *bufio.Reader, text string) {
	t.Helper()
	go io.WriteString(c, text) // what is large comes back while it is sent
	got := make([]byte, len(text))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != text {
		t.Fatalf("the tunnel carries %.100q, %v, want %.100q", got, err, text)
	}
}

// TestTunnelOutlivesReload: a tunnel goes on though its upstream and its route are no more. What is
// open and what was carried is counted.
func TestTunnelOutlivesReload(t *testing.T) {
	everyTunnel(t, echoAll, func(t *testing.T, engine string, up socketServer) {
		g, address := serveOn(t, engine, tunnelConfig(up, ""))
		counted(t, g, "corsgate_tunnels", 0)
		c, r := open(t, address, "")
		echoes(t, c, r, "before")
		counted(t, g, "corsgate_tunnels", 1)
		counted(t, g, `corsgate_tunnel_bytes_total{from="client"}`, 6)
		counted(t, g, `corsgate_tunnel_bytes_total{from="upstream"}`, 5+6)
		reload(t, g, parseFor(t, engine, "[route.other]\npath = \"/other\"\nrespond = { status = 204 }\n"))
		echoes(t, c, r, "after")
		c.Close()
		counted(t, g, "corsgate_tunnels", 0)
	})
}

// TestTunnelAtShutdown: a tunnel may end by itself while the gateway shuts down, and is ended when
// the time for that is up.
func TestTunnelAtShutdown(t *testing.T) {
	everyTunnel(t, echoAll, func(t *testing.T, engine string, up socketServer) {
		for _, patient := range []bool{true, false} {
			g, address := serveOn(t, engine, tunnelConfig(up, ""))
			c, r := open(t, address, "")
			ctx, cancel := context.WithCancel(t.Context())
			down := make(chan error, 1)
			go func() { down <- g.Shutdown(ctx) }()
			until(t, "nobody listens", func() bool {
				c, err := net.DialTimeout("tcp", address, time.Second)
				if err == nil {
					c.Close()
				}
				return err != nil
			})
			echoes(t, c, r, "still here")
			var want error
			if patient {
				c.CloseWrite()
			} else {
				want = context.Canceled
				cancel()
			}
			if _, err := r.ReadByte(); err == nil {
				t.Error("the tunnel goes on")
			}
			if err := <-down; !errors.Is(err, want) {
				t.Errorf("Shutdown returns %v, want %v", err, want)
			}
			counted(t, g, "corsgate_tunnels", 0)
			c.Close()
			cancel()
		}
	})
}
