package gateway_test

import (
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/corsgate/corsgate/gateway/pkitest"
)

// This file lets tests of gateways run over TLS: dial speaks it with those that serveOn has made with it.

// secured has the addresses of gateways with TLS.
var secured sync.Map

// A clientConn is a client's end, over TLS or not.
type clientConn interface {
	net.Conn
	CloseWrite() error
	SetLinger(seconds int) error
}

type secureConn struct {
	*tls.Conn
	tcp *net.TCPConn
}

func (c secureConn) SetLinger(seconds int) error { return c.tcp.SetLinger(seconds) }

// ends are what both ends of TLS have.
type ends struct {
	*pkitest.Authority
	server pkitest.Pair
}

var (
	theEnds     ends
	theEndsOnce sync.Once
)

func authority(t testing.TB) *ends {
	theEndsOnce.Do(func() {
		theEnds.Authority = pkitest.NewAuthority(t, "corsgate's tests")
		theEnds.server = theEnds.Issue(t, "gateway.test", "api.example.net", "127.0.0.1")
	})
	return &theEnds
}

func (e *ends) client() *tls.Config { return &tls.Config{RootCAs: e.Pool, ServerName: "gateway.test"} }

// overTLS returns the outcome of the same exchange over TLS.
func (o outcome) overTLS() outcome {
	https := strings.NewReplacer("X-Forwarded-Proto: http\r\n", "X-Forwarded-Proto: https\r\n", ";proto=http\r\n", ";proto=https\r\n",
		// $scheme
		"X-Url: http://", "X-Url: https://", " over http\r\n", " over https\r\n",
		// the URL of the host that the client asked for
		"Location: http://api.example", "Location: https://api.example")
	over := outcome{client: https.Replace(o.client)}
	for _, s := range o.upstream {
		over.upstream = append(over.upstream, https.Replace(s))
	}
	return over
}

// dialPlain connects to a gateway without TLS, whatever it speaks.
func dialPlain(t testing.TB, address string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

// overTLS speaks TLS over a connection.
func overTLS(t testing.TB, c net.Conn) *tls.Conn { return tls.Client(c, authority(t).client()) }

func overTLSWith(c net.Conn, config *tls.Config) *tls.Conn { return tls.Client(c, config) }
