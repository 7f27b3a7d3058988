package edge_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/pkitest"
)

// rekeying plays a client that asks for new keys, against a server that echoes, in a bubble of synctest.
func rekeying(t *testing.T, play func(t *testing.T, c net.Conn, keys *pkitest.Rekeyer)) {
	opts := options()
	opts.Header, opts.Idle, opts.BodyIdle = 5*time.Second, 75*time.Second, 30*time.Second
	synctest.Test(t, func(t *testing.T) {
		authority := pkitest.NewAuthority(t, "authority") // valid at the time of the bubble
		// A ticket would wait for somebody who reads it.
		opts.TLS = &tls.Config{Certificates: []tls.Certificate{authority.Issue(t, "edge.test").TLS(t)}, SessionTicketsDisabled: true}
		ln := newPipes()
		l := edge.NewListener("test", ln)
		l.TLS = true
		s := edge.NewServer(opts, echo, func(edgeFault, netip.Addr) {})
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		c := ln.dial()
		play(t, c, pkitest.NewRekeyer(t, c, &tls.Config{RootCAs: authority.Pool, ServerName: "edge.test"}))
		c.Close()
		l.Close()
		if err := s.Drain(context.Background()); err != nil {
			t.Error(err)
		}
		<-served
		time.Sleep(poolPause)
	})
}

// TestKeysUnread: a client that asks for a new key and does not read it is not waited for longer than body_idle.
func TestKeysUnread(t *testing.T) {
	rekeying(t, func(t *testing.T, c net.Conn, keys *pkitest.Rekeyer) {
		start := time.Now()
		var err error
		for err == nil {
			_, err = c.Write(keys.Append(keys.AppendUpdate(nil), []byte("G")))
		}
		if took := time.Since(start); !errors.Is(err, io.ErrClosedPipe) || took > 35*time.Second {
			t.Errorf("after %v: %v, want the end after 30s", took, err)
		}
	})
}

// TestKeys: a client may ask for a new key at any time, also long after the last response.
func TestKeys(t *testing.T) {
	rekeying(t, func(t *testing.T, c net.Conn, keys *pkitest.Rekeyer) {
		const key, response = 27, 22 + len("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nGET / ")
		read := func(what string, octets int) {
			t.Helper()
			if n, err := io.ReadFull(c, make([]byte, octets)); err != nil {
				t.Fatalf("%s: %d octets, %v", what, n, err)
			}
		}
		for range 3 {
			c.Write(keys.AppendUpdate(nil))
			read("a new key", key)
			c.Write(keys.Append(nil, []byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n")))
			read("a response", response)
			time.Sleep(60 * time.Second)
		}
	})
}
