package edge

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/corsgate/corsgate/gateway/h2"
	"github.com/corsgate/corsgate/gateway/tlsconf"
)

// A Listener accepts connections for a Server. When descriptors or memory run out it waits and
// continues, where a plain listener would end the server (fasthttp: any error that is not a
// timeout is final).
type Listener struct {
	net.Listener
	// Name is what the configuration calls it.
	Name string
	// TLS, ProxyProtocol, RedirectHTTPS and H2C are the configuration's tls, proxy_protocol, redirect_https and h2c.
	TLS, ProxyProtocol, RedirectHTTPS, H2C bool
	// ReadyPath is where the listener says whether the gateway is ready; "": nowhere.
	ReadyPath string
	// Activated: the sockets are the service manager's, and another process that it gives them to may make them
	// blocking at any time: that belongs to a socket, and not to a descriptor.
	Activated bool
	// ClientAuth is what clients have to show; nil: nothing.
	ClientAuth *tlsconf.ClientAuth
	// AltSvc is the field line that announces HTTP/3; nil: none.
	AltSvc []byte

	// HandBack, if set, takes a connection that speaks HTTP/1.1, plain or over TLS, once its
	// client is known and the handshake is done, before its first request and whenever it is
	// idle, asked says which; it then closes the socket. It reports false if it does not.
	HandBack func(nc net.Conn, peer netip.Addr, l *Listener, asked bool) bool

	server  *Server
	open    atomic.Int64
	retired atomic.Bool // see Server.Retire
	revoked atomic.Bool // see Server.Revoke
	http2   atomic.Pointer[h2.Options]
	streams openStreams
	done    chan struct{}
	once    sync.Once
}

// NewListener returns a Listener over ln.
func NewListener(name string, ln net.Listener) *Listener {
	return &Listener{Listener: ln, Name: name, done: make(chan struct{})}
}

// Accept returns the next connection that may be served. It errs only when the listener is
// closed.
func (l *Listener) Accept() (net.Conn, error) {
	var delay time.Duration
	for {
		nc, err := l.Listener.Accept()
		if err == nil && l.server.sparesFor(nc) {
			nc.Close() // it was not admitted
			err = os.NewSyscallError("accept4", syscall.EMFILE)
		}
		switch {
		case err == nil:
			delay = 0
			if !l.awaitRoom() {
				nc.Close() // it was not admitted
				return nil, net.ErrClosed
			}
			peer := peerAddr(nc)
			if l.ProxyProtocol {
				peer = netip.Addr{} // it is named later
			}
			if l.server.Acquire(peer, l) {
				return l.server.register(nc, peer, l), nil
			}
			nc.Close() // it was not admitted
		case l.closed() || errors.Is(err, net.ErrClosed):
			return nil, net.ErrClosed
		default:
			// EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED …: it passes, or waiting is all that can be done.
			if !errors.Is(err, syscall.ECONNABORTED) {
				l.server.ReportExhausted(l, err)
				l.server.MakeRoom(true)
			}
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			l.pause(delay)
		}
	}
}

// awaitRoom waits until there may be one more connection. It reports false if the listener has closed.
func (l *Listener) awaitRoom() bool {
	for l.server.Full() {
		l.server.MakeRoom(false)
		l.pause(50 * time.Millisecond)
		if l.closed() {
			return false
		}
	}
	return true
}

// pause waits for a connection to become free, or the listener to close, or d to pass.
func (l *Listener) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-l.server.admission.freed:
	case <-l.done:
	case <-t.C:
	}
}

// Open returns how many connections of the listener there are, whichever engine serves them.
func (l *Listener) Open() int { return int(l.open.Load()) }

// Retired reports whether the listener was retired; see [Server.Retire].
func (l *Listener) Retired() bool { return l.retired.Load() }

// Revoked reports whether the listener was revoked; see [Server.Revoke].
func (l *Listener) Revoked() bool { return l.revoked.Load() }

func (l *Listener) closed() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// Close stops accepting. Connections continue.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}
