package listen

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/socket"
	"github.com/corsgate/corsgate/gateway/tlsconf"
)

// This file binds listeners, and replaces them while they are served. The rules are:
//
//   - a listener that did not change is left alone;
//   - one of the same address as before keeps the same sockets, whatever else changed: no
//     connection that waits to be accepted is lost;
//   - everything is bound before anything changes, and new bindings accept before old ones stop;
//   - connections of a listener that was removed or replaced end after their current response;
//     if the new one asks for other client certificates, they serve no further request.

// A binding is a listener of a configuration that is bound. It is not changed once it is in force.
type binding struct {
	config  config.Listener
	sockets *socket.Group // nil: it was attached
	shared  bool          // sockets are those of the binding that this one replaces, or of another process
	quic    quicBinding
	auth    *tlsconf.ClientAuth
	on      []*edge.Listener // for whom connections are accepted: one for the loops, or one for each socket
	looped  []int            // descriptors for the loops to accept on, in turn; nil once they do
	onLoops bool
}

// Attach adds a listener that was made elsewhere; c says how to serve it. It must be called
// before Serve. A reload that changes it needs a restart.
func (s *Set) Attach(l *edge.Listener, c *config.Listener) {
	describe(l, c)
	s.bindings = append(s.bindings, &binding{config: *c, on: []*edge.Listener{l}})
	s.connections.enter(l)
}

// describe applies the configuration of the listener to l.
func describe(l *edge.Listener, c *config.Listener) {
	l.TLS, l.ProxyProtocol, l.RedirectHTTPS, l.ReadyPath, l.H2C = c.TLS, c.ProxyProtocol, c.RedirectHTTPS, c.ReadyPath, c.H2C
	network, _ := c.Address.Split()
	l.Activated = network == "systemd"
}

// rebind returns the bindings of cfg: those in force as far as they fit, and others, which do not
// accept yet. If one of them cannot be bound it returns the error, and none is kept.
func (s *Set) rebind(cfg *config.Config, auths map[string]*tlsconf.ClientAuth) ([]*binding, error) {
	old := s.match(cfg.Listeners)
	var leaving []*binding
	for _, b := range s.bindings {
		if !slices.Contains(old, b) {
			leaving = append(leaving, b)
		}
	}
	next := make([]*binding, len(cfg.Listeners))
	for i := range cfg.Listeners {
		c := &cfg.Listeners[i]
		if old[i] != nil && old[i].config == *c && sameAuth(old[i].auth, auths[c.Name]) {
			next[i] = old[i]
			continue
		}
		b, err := s.bind(c, auths[c.Name], old[i], leaving)
		if err != nil {
			for _, b := range next[:i] {
				if b != nil && !slices.Contains(s.bindings, b) {
					b.discard()
				}
			}
			return nil, config.Problems{cfg.Problem("listener."+c.Name+".address", -1, fmt.Sprintf("cannot listen on %s: %v", c.Address, err), "")}
		}
		next[i] = b
	}
	return next, nil
}

// sameAuth reports whether two listeners ask the same of clients. Where they do not, the
// connections of the one are not the other's: a client whose authority was removed has to
// reconnect.
func sameAuth(a, b *tlsconf.ClientAuth) bool { return a == b || a != nil && b != nil && a.Tag == b.Tag }

// match returns for each listener the binding in force that has its address, or nil. Where there
// are several (port 0), the one with the same name comes first.
func (s *Set) match(listeners []config.Listener) []*binding {
	old := make([]*binding, len(listeners))
	for _, named := range []bool{true, false} {
		for i := range listeners {
			for _, b := range s.bindings {
				if old[i] == nil && b.config.Address == listeners[i].Address && (!named || b.config.Name == listeners[i].Name) && !slices.Contains(old, b) {
					old[i] = b
				}
			}
		}
	}
	return old
}

// bind makes the binding of c, which does not accept yet. old is the one in force of the same
// address, or nil; leaving are those in force that will be none. A port that the kernel may choose
// is chosen again if HTTP/3 cannot have it.
func (s *Set) bind(c *config.Listener, auth *tlsconf.ClientAuth, old *binding, leaving []*binding) (b *binding, err error) {
	for range choices {
		b, err = s.bindOnce(c, auth, old, leaving)
		if err == nil || !c.HTTP3 || !strings.HasSuffix(string(c.Address), ":0") || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return b, err
}

const choices = 8

func (s *Set) bindOnce(c *config.Listener, auth *tlsconf.ClientAuth, old *binding, leaving []*binding) (*binding, error) {
	b := &binding{config: *c, auth: auth}
	var err error
	switch key := (inheritance{"listener." + c.Name, string(c.Address)}); {
	case old != nil && old.sockets == nil:
		return nil, errors.New("it was bound elsewhere, and only a restart can change it")
	case old != nil:
		b.sockets, b.shared = old.sockets, true
	case s.inherited[key] != nil:
		b.sockets, b.shared = s.inherited[key], true
		delete(s.inherited, key)
	default:
		if b.sockets, b.shared, err = s.bindNew(c, leaving); err != nil {
			return nil, err
		}
	}
	if err := s.prepare(b); err != nil {
		b.discard()
		return nil, err
	}
	if c.HTTP3 {
		if err := s.bindQUIC(b, old, leaving); err != nil {
			b.discard()
			return nil, err
		}
	}
	return b, nil
}

// bindNew returns new sockets for c, or those that another listener of the same
// address had in the process that handed them over.
func (s *Set) bindNew(c *config.Listener, leaving []*binding) (bound *socket.Group, shared bool, err error) {
	for k, inherited := range s.inherited {
		if k.address == string(c.Address) {
			delete(s.inherited, k)
			return inherited, true, nil
		}
	}
	n := 1
	if onLoops(c) {
		n = s.width()
	}
	bound, err = socket.Bind(string(c.Address), n, slices.ContainsFunc(leaving, func(b *binding) bool { return b.hasPort(c.Address) }))
	return bound, false, err
}

// hasPort reports whether b is bound to the port of an address, which then cannot be bound as if
// it were free.
func (b *binding) hasPort(a config.Address) bool {
	network, address := a.Split()
	_, port, err := net.SplitHostPort(address)
	if network != "tcp" || err != nil || b.sockets == nil {
		return false
	}
	_, mine, err := net.SplitHostPort(b.sockets.Addr().String())
	return err == nil && port == mine
}

// listenBlocking prepares a binding whose connections have a goroutine each.
func (b *binding) listenBlocking() error {
	for i := range b.sockets.Len() {
		ln, err := b.sockets.Listener(i)
		if err != nil {
			return err
		}
		l := edge.NewListener(b.config.Name, ln)
		describe(l, &b.config)
		l.ClientAuth = b.auth
		b.on = append(b.on, l)
	}
	return nil
}

// discard undoes what bind has done.
func (b *binding) discard() {
	for _, l := range b.on {
		l.Close() // nothing was accepted
	}
	b.discardLooped()
	b.quic.discard()
	if !b.shared {
		b.sockets.Close() // likewise
	}
}

// install puts the bindings in force, which rebind has made, and retires those that are no longer configured.
// Nothing here can fail.
func (s *Set) install(next []*binding) {
	prev := s.bindings
	s.bindings = next
	for _, b := range next {
		if !slices.Contains(prev, b) {
			for _, l := range b.on {
				s.connections.enter(l)
			}
			if s.serving {
				s.start(b)
				s.log.Info("listening", "listener", b.config.Name, "address", b.on[0].Addr().String())
			}
		}
	}
	for _, b := range prev {
		if slices.Contains(next, b) {
			continue
		}
		revoked := slices.ContainsFunc(next, func(n *binding) bool { return n.config.Address == b.config.Address && !sameAuth(n.auth, b.auth) })
		for _, l := range b.on {
			if revoked {
				s.server.Revoke(l)
			} else {
				s.server.Retire(l)
			}
			s.retireOnLoops(l)
		}
		s.retireQUIC(b, next)
		if b.sockets != nil && !slices.ContainsFunc(next, func(n *binding) bool { return n.sockets == b.sockets }) {
			b.sockets.Close() // nothing is accepted on them any more
			s.log.Info("no longer listening", "listener", b.config.Name, "address", b.sockets.Addr().String())
		}
	}
	s.connections.leave()
}

// start has a binding accept.
func (s *Set) start(b *binding) {
	s.startQUIC(b)
	if b.onLoops {
		s.startOnLoops(b)
		return
	}
	for _, l := range b.on {
		s.work.Go(func() { s.failed(s.server.Serve(l)) })
	}
}

// failed ends Serve with an error, if there is one.
func (s *Set) failed(err error) {
	if err != nil {
		select {
		case s.failure <- err:
		default: // one is enough
		}
	}
}
