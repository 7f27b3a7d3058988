package gateway

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
)

// This file binds listeners, and exchanges them while they are served. The rules are:
//
//   - a listener that did not change is left alone;
//   - one of the same address as before goes on with the same sockets, whatever else changed: no
//     connection that waits to be accepted is lost;
//   - everything is bound before anything changes, and what is new accepts before what is old stops;
//   - connections of a listener that has gone, or has become another, end after their current response; where it asks something
//     else of clients now, they get no further one.

// A binding is a listener of a configuration that is bound. It is not changed once it is in force.
type binding struct {
	config  config.Listener
	sockets *edge.Sockets // nil: it was attached
	shared  bool          // sockets are those of the binding that this one replaces, or of another process
	quic    quicBinding
	auth    *edge.ClientAuth
	on      []*edge.Listener // for whom connections are accepted: one for the loops, or one for each socket
	looped  []int            // descriptors for the loops to accept on, in turn; nil once they do
	onLoops bool
}

// A Socket is a listening socket on its way from one process to another.
type Socket struct {
	// Key names the table of the configuration that it is of, such as "listener.http".
	Key string
	// Address is what the table says.
	Address string
	// File is the socket.
	File *os.File
}

// Inherit has Listen use sockets that another process has handed over, for listeners of the same
// address. It closes the files.
func (g *Gateway) Inherit(sockets []Socket) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	files := map[inheritance][]*os.File{}
	for _, s := range sockets {
		k := inheritance{s.Key, s.Address}
		files[k] = append(files[k], s.File)
	}
	var failed error
	for k, list := range files {
		list, err := g.inheritDatagrams(k, list)
		if failed = errors.Join(failed, err); len(list) == 0 {
			continue
		}
		s, err := edge.Inherit(k.address, list)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		g.inherited[k] = s
	}
	return failed
}

// inheritance says what inherited sockets were bound for.
type inheritance struct{ key, address string }

// Sockets returns duplicates of all sockets, for another process to be given. The files are the caller's.
func (g *Gateway) Sockets() (list []Socket, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, b := range g.bound() {
		for i := range b.sockets.Len() {
			file, err := b.sockets.File(i)
			if err != nil {
				discardFiles(list)
				return nil, err
			}
			list = append(list, Socket{"listener." + b.config.Name, string(b.config.Address), file})
		}
		if b.quic.datagrams != nil {
			files, err := b.quic.datagrams.Files()
			if err != nil {
				discardFiles(list)
				return nil, err
			}
			for _, file := range files {
				list = append(list, Socket{"listener." + b.config.Name, string(b.config.Address), file})
			}
		}
	}
	return list, nil
}

func discardFiles(list []Socket) {
	for _, s := range list {
		s.File.Close() //nolint:errcheck // a duplicate
	}
}

// bound returns the bindings that have sockets. Precondition: g.mu is held.
func (g *Gateway) bound() (list []*binding) {
	for _, b := range g.bindings {
		if b.sockets != nil {
			list = append(list, b)
		}
	}
	return list
}

// Attach adds a listener that was made elsewhere; c says how it is to be served. It must be called
// before Serve. A reload that changes it needs a restart.
func (g *Gateway) Attach(l *edge.Listener, c *config.Listener) {
	g.mu.Lock()
	defer g.mu.Unlock()
	describe(l, c)
	g.bindings = append(g.bindings, &binding{config: *c, on: []*edge.Listener{l}})
	g.listeners.enter(l)
}

// describe has l say what the configuration says of it.
func describe(l *edge.Listener, c *config.Listener) {
	l.TLS, l.ProxyProtocol, l.RedirectHTTPS, l.ReadyPath, l.H2C = c.TLS, c.ProxyProtocol, c.RedirectHTTPS, c.ReadyPath, c.H2C
	network, _ := c.Address.Split()
	l.Activated = network == "systemd"
}

// rebind returns the bindings of cfg: those in force as far as they fit, and others, which do not
// accept yet. If one of them cannot be had it returns why, and there is none. Precondition: g.mu is held.
func (g *Gateway) rebind(cfg *config.Config, auths map[string]*edge.ClientAuth) ([]*binding, error) {
	old := g.match(cfg.Listeners)
	var leaving []*binding
	for _, b := range g.bindings {
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
		b, err := g.bind(c, auths[c.Name], old[i], leaving)
		if err != nil {
			for _, b := range next[:i] {
				if b != nil && !slices.Contains(g.bindings, b) {
					b.discard()
				}
			}
			return nil, config.Problems{cfg.Problem("listener."+c.Name+".address", -1, fmt.Sprintf("cannot listen on %s: %v", c.Address, err), "")}
		}
		next[i] = b
	}
	return next, nil
}

// sameAuth reports whether two listeners ask the same of clients. Where they do not, the connections of the one are not the
// other's: a client that was let in by an authority that has gone has to come again.
func sameAuth(a, b *edge.ClientAuth) bool { return a == b || a != nil && b != nil && a.Tag == b.Tag }

// match returns for each listener the binding in force that has its address, or nil. Where there
// are several (port 0), that of the same name comes first.
func (g *Gateway) match(listeners []config.Listener) []*binding {
	old := make([]*binding, len(listeners))
	for _, named := range []bool{true, false} {
		for i := range listeners {
			for _, b := range g.bindings {
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
func (g *Gateway) bind(c *config.Listener, auth *edge.ClientAuth, old *binding, leaving []*binding) (b *binding, err error) {
	for range choices {
		b, err = g.bindOnce(c, auth, old, leaving)
		if err == nil || !c.HTTP3 || !strings.HasSuffix(string(c.Address), ":0") || !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	return b, err
}

const choices = 8

func (g *Gateway) bindOnce(c *config.Listener, auth *edge.ClientAuth, old *binding, leaving []*binding) (*binding, error) {
	b := &binding{config: *c, auth: auth}
	var err error
	switch key := (inheritance{"listener." + c.Name, string(c.Address)}); {
	case old != nil && old.sockets == nil:
		return nil, errors.New("it was bound elsewhere, and only a restart can change it")
	case old != nil:
		b.sockets, b.shared = old.sockets, true
	case g.inherited[key] != nil:
		b.sockets, b.shared = g.inherited[key], true
		delete(g.inherited, key)
	default:
		if b.sockets, b.shared, err = g.bindNew(c, leaving); err != nil {
			return nil, err
		}
	}
	if err := g.prepare(b); err != nil {
		b.discard()
		return nil, err
	}
	if c.HTTP3 {
		if err := g.bindQUIC(b, old, leaving); err != nil {
			b.discard()
			return nil, err
		}
	}
	return b, nil
}

// bindNew returns sockets for c that nobody has used, or those that another listener of the same
// address had in the process that handed them over.
func (g *Gateway) bindNew(c *config.Listener, leaving []*binding) (s *edge.Sockets, shared bool, err error) {
	for k, s := range g.inherited {
		if k.address == string(c.Address) {
			delete(g.inherited, k)
			return s, true, nil
		}
	}
	n := 1
	if onLoops(c) {
		n = g.width()
	}
	s, err = edge.Bind(string(c.Address), n, slices.ContainsFunc(leaving, func(b *binding) bool { return b.hasPort(c.Address) }))
	return s, false, err
}

// hasPort reports whether b is bound to the port of an address, which then cannot be bound as if
// nobody had it.
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
		l.Close() //nolint:errcheck // nothing was accepted
	}
	b.discardLooped()
	b.quic.discard()
	if !b.shared {
		b.sockets.Close() //nolint:errcheck // likewise
	}
}

// exchange puts the bindings in force, which rebind has made, and retires what is none of them.
// Nothing here can fail. Precondition: g.mu is held.
func (g *Gateway) exchange(next []*binding) {
	prev := g.bindings
	g.bindings = next
	for _, b := range next {
		if !slices.Contains(prev, b) {
			for _, l := range b.on {
				g.listeners.enter(l)
			}
			if g.serving {
				g.start(b)
				g.log.Info("listening", "listener", b.config.Name, "address", b.on[0].Addr().String())
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
				g.server.Revoke(l)
			} else {
				g.server.Retire(l)
			}
			g.retireOnLoops(l)
		}
		g.retireQUIC(b, next)
		if b.sockets != nil && !slices.ContainsFunc(next, func(n *binding) bool { return n.sockets == b.sockets }) {
			b.sockets.Close() //nolint:errcheck // nobody accepts on them
			g.log.Info("no longer listening", "listener", b.config.Name, "address", b.sockets.Addr().String())
		}
	}
	g.listeners.leave()
}

// start has a binding accept.
func (g *Gateway) start(b *binding) {
	g.startQUIC(b)
	if b.onLoops {
		g.startOnLoops(b)
		return
	}
	for _, l := range b.on {
		g.work.Go(func() { g.failed(g.server.Serve(l)) })
	}
}

// failed ends Serve with an error, if there is one.
func (g *Gateway) failed(err error) {
	if err != nil {
		select {
		case g.failure <- err:
		default: // one is enough
		}
	}
}
