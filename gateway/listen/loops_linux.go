package listen

import (
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/loop"
	"golang.org/x/sys/unix"
)

// onLoops reports whether the event loops accept the connections of a listener: if they may serve them,
// and nothing comes before the first request.
func onLoops(c *config.Listener) bool { return mayLoop(c) && !c.ProxyProtocol && !c.TLS }

// mayLoop reports whether the event loops may serve a listener's connections: if the configuration
// leaves it to us and the listener is plain TCP.
func mayLoop(c *config.Listener) bool {
	network, _ := c.Address.Split()
	return c.Engine == "auto" && network != "unix"
}

// width returns how many loops there are, or will be.
func (s *Set) width() int {
	if s.loops != nil {
		return len(s.loops)
	}
	return runtime.GOMAXPROCS(0)
}

// makeLoops makes the loops, if there are none yet.
func (s *Set) makeLoops() error {
	if s.loops != nil {
		return nil
	}
	var loops []engine
	for i := range s.width() {
		l, err := loop.New(s.server, s.exchanges(i), s.log)
		if err != nil {
			for _, l := range loops {
				l.Drain(0)
			}
			return err
		}
		loops = append(loops, l)
	}
	s.loops = loops
	if s.serving {
		s.runLoops()
	}
	return nil
}

// prepare makes for a binding what accepts on its sockets.
func (s *Set) prepare(b *binding) error {
	if mayLoop(&b.config) {
		if err := s.makeLoops(); err != nil {
			return err
		}
	}
	if !onLoops(&b.config) {
		if err := b.listenBlocking(); err != nil {
			return err
		}
		if mayLoop(&b.config) {
			for _, l := range b.on {
				s.returnToLoop(l)
			}
		}
		return nil
	}
	b.onLoops = true
	on := edge.NewListener(b.config.Name, sockets{b.sockets.Addr()})
	describe(on, &b.config)
	on.ClientAuth = b.auth
	b.on = []*edge.Listener{on}
	// There are as many of the one as of the other, unless the sockets were bound for other purposes or by
	// a process with another number of processors: then no socket may be without a loop, nor a loop without.
	for i := range max(b.sockets.Len(), len(s.loops)) {
		fd, err := b.sockets.Duplicate(i % b.sockets.Len())
		if err != nil {
			return err
		}
		b.looped = append(b.looped, fd)
	}
	return nil
}

// returnToLoop has the loops serve the connections of a listener on which something comes before the
// first request, as soon as that is done.
func (s *Set) returnToLoop(l *edge.Listener) {
	loops := s.loops // they do not change any more
	var turn atomic.Uint32
	l.HandBack = func(nc net.Conn, peer netip.Addr, on *edge.Listener, asked bool) bool {
		return loops[turn.Add(1)%uint32(len(loops))].(*loop.Loop).Take(nc, peer, on, asked)
	}
}

func (s *Set) startOnLoops(b *binding) {
	for i, fd := range b.looped {
		if err := s.loops[i%len(s.loops)].(*loop.Loop).Accept(fd, b.on[0]); err != nil {
			s.log.Error("an event loop does not accept", "listener", b.config.Name, "error", err.Error())
		}
	}
	b.looped = nil
}

func (b *binding) discardLooped() {
	for _, fd := range b.looped {
		unix.Close(fd) // it was not used
	}
	b.looped = nil
}

func (s *Set) retireOnLoops(on *edge.Listener) {
	for _, l := range s.loops {
		l.(*loop.Loop).Retire(on)
	}
}

// sockets stands for the sockets that the loops accept on; Accept is theirs.
type sockets struct{ addr net.Addr }

func (s sockets) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (s sockets) Close() error              { return nil }
func (s sockets) Addr() net.Addr            { return s.addr }
