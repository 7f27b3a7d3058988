package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/pires/go-proxyproto"
)

// This file makes connections that begin with more than a request: a PROXY protocol header, TLS.
// The event loop speaks neither, so exchanges with such endpoints are made by Do alone.

// clientTLS returns what connections to an endpoint with this name use, or nil without a name.
// Sessions are the endpoint's own: another server of the same name may not know them.
func clientTLS(base *tls.Config, name string) *tls.Config {
	if name == "" {
		return nil
	}
	c := &tls.Config{}
	if base != nil {
		c = base.Clone()
	}
	c.ServerName = name
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	c.NextProtos = []string{"http/1.1"}
	c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	return c
}

// connect makes a new connection, ready for x's request, within connect_timeout and x's deadline.
func (e *Endpoint) connect(x *Exchange) (*conn, error) {
	ctx, stop := x.heed()
	defer stop()
	by := e.connectBy(x.deadline)
	nc, err := e.dial(ctx, by)
	if err != nil {
		return nil, err
	}
	return e.ready(ctx, nc, by, x)
}

// ready makes a connection ready for x's request, or closes it.
func (e *Endpoint) ready(ctx context.Context, nc net.Conn, by time.Time, x *Exchange) (*conn, error) {
	c, err := newConn(nc)
	if err == nil && (e.opts.SendProxy || e.tls != nil) {
		nc.SetDeadline(by) // a dead socket shows at once
		if err = e.greet(ctx, c, x); err == nil {
			err = nc.SetDeadline(time.Time{})
		}
	}
	if err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	return c, nil
}

// greet does what comes before the first request.
func (e *Endpoint) greet(ctx context.Context, c *conn, x *Exchange) error {
	if e.opts.SendProxy {
		if _, err := proxyHeader(x.Source, x.Target).WriteTo(c.Conn); err != nil {
			return err
		}
	}
	if e.tls == nil {
		return nil
	}
	c.secure = tls.Client(ending{c.Conn}, e.tls)
	c.Conn = c.secure
	return c.secure.HandshakeContext(ctx)
}

// proxyHeader returns the header for a client's connection. One that is not TCP has no addresses
// that would mean anything to the upstream: its header says so.
func proxyHeader(source, target net.Addr) *proxyproto.Header {
	if _, ok := source.(*net.TCPAddr); !ok {
		source, target = nil, nil
	}
	return proxyproto.HeaderProxyFromAddrs(2, source, target)
}

// An ending is a connection under TLS. crypto/tls takes its end between two records for that of the
// data, as web browsers do, but content that ends with the connection could then be cut by anybody
// on the way. See RFC 9112, section 9.8. The goodbye of TLS itself is still io.EOF.
type ending struct{ net.Conn }

// SyscallConn returns the socket.
func (c ending) SyscallConn() (syscall.RawConn, error) {
	return c.Conn.(syscall.Conn).SyscallConn()
}

var errNoGoodbye = errors.New("the connection ended without the close_notify of TLS")

func (c ending) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == io.EOF {
		err = errNoGoodbye
	}
	return n, err
}

// Close closes the connection. One that speaks TLS says so first, unless an exchange was broken
// off: then the missing goodbye is what tells the peer.
func (c *conn) Close() error {
	if c.secure != nil && !c.idle {
		return c.secure.NetConn().Close()
	}
	return c.Conn.Close()
}

// spent reports whether nothing decrypted waits to be read: a TLS record can hold more than was
// asked for, and the socket does not show it.
func (c *conn) spent() bool {
	if c.secure == nil {
		return true
	}
	c.setReadBy(time.Unix(1, 0)) // crypto/tls goes on after a read that has timed out
	n, err := c.Read(c.in[:1])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}

// connectBy returns when a connection that is begun now must be ready.
func (e *Endpoint) connectBy(deadline time.Time) time.Time {
	by := time.Now().Add(e.opts.ConnectTimeout)
	if !deadline.IsZero() && deadline.Before(by) {
		by = deadline
	}
	return by
}
