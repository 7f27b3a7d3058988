package conn

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
// The event loop speaks neither, so exchanges with such servers are made by goroutines alone.

// ClientTLS returns what connections to a server with this name use, or nil without a name.
// Sessions are the server's own: another server of the same name may not know them.
func ClientTLS(base *tls.Config, name string) *tls.Config {
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

// Connect makes a new connection before by, ready for a request. source and target are what a PROXY header says.
func (p *Pool) Connect(ctx context.Context, by time.Time, source, target net.Addr) (*Conn, error) {
	nc, err := p.Dial(ctx, by)
	if err != nil {
		return nil, err
	}
	c, err := newConn(nc)
	if err == nil && (p.Server.SendProxy || p.Server.TLS != nil) {
		nc.SetDeadline(by) // a dead socket shows at once
		if err = p.greet(ctx, c, source, target); err == nil {
			err = nc.SetDeadline(time.Time{})
		}
	}
	if err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	return c, nil
}

// greet does what comes before the first request.
func (p *Pool) greet(ctx context.Context, c *Conn, source, target net.Addr) error {
	if p.Server.SendProxy {
		if _, err := proxyHeader(source, target).WriteTo(c.Conn); err != nil {
			return err
		}
	}
	if p.Server.TLS == nil {
		return nil
	}
	c.secure = tls.Client(ending{c.Conn}, p.Server.TLS)
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

// An ending is a connection under TLS. crypto/tls treats its end between two records as the end of the
// data, as web browsers do, but content that ends with the connection could then be cut by anyone
// on the path. See RFC 9112, section 9.8. The goodbye of TLS itself is still io.EOF.
type ending struct{ net.Conn }

// SyscallConn returns the socket.
func (c ending) SyscallConn() (syscall.RawConn, error) {
	return c.Conn.(syscall.Conn).SyscallConn()
}

// ErrNoGoodbye is how content ends that is cut on its way by TLS.
var ErrNoGoodbye = errors.New("the connection ended without the close_notify of TLS")

func (c ending) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err == io.EOF {
		err = ErrNoGoodbye
	}
	return n, err
}

// Close closes the connection. One that speaks TLS says so first, unless an exchange was broken
// off: then the missing goodbye is what tells the peer.
func (c *Conn) Close() error {
	if c.secure != nil && !c.idle {
		return c.secure.NetConn().Close()
	}
	return c.Conn.Close()
}

// spent reports whether nothing decrypted waits to be read: a TLS record can hold more than was
// asked for, and the socket does not show it.
func (c *Conn) spent() bool {
	if c.secure == nil {
		return true
	}
	c.SetReadBy(time.Unix(1, 0)) // crypto/tls can be used after a read that has timed out
	n, err := c.Read(c.in[:1])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}

// ConnectBy returns when a connection that is begun now for an exchange must be ready: within
// connect_timeout, and before deadline, if that is not zero.
func (p *Pool) ConnectBy(deadline time.Time) time.Time {
	by := time.Now().Add(p.Server.ConnectTimeout)
	if !deadline.IsZero() && deadline.Before(by) {
		by = deadline
	}
	return by
}
