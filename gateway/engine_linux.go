package gateway

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync/atomic"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/loop"
)

// listen binds a listener: on the event loops if the configuration leaves it to us and the
// listener is plain TCP, else on fasthttp's server.
func (g *Gateway) listen(c *config.Listener) error {
	plain := !c.TLS && !c.ProxyProtocol
	network, address := c.Address.Split()
	if plain && c.Engine == "auto" && network == "tcp" {
		return g.listenLoops(c, address)
	}
	if err := g.listenBlocking(c); err != nil || c.TLS || c.Engine != "auto" || network == "unix" {
		return err
	}
	return g.leadHome(g.blocking[len(g.blocking)-1])
}

// leadHome has the loops serve the connections of a listener on which something comes before the
// first request, or which is not ours to bind, as soon as that is done.
func (g *Gateway) leadHome(l *edge.Listener) error {
	if err := g.makeLoops(); err != nil {
		return err
	}
	var turn atomic.Uint32
	l.Home = func(nc net.Conn, peer netip.Addr, on *edge.Listener) bool {
		return g.loops[turn.Add(1)%uint32(len(g.loops))].(*loop.Loop).Take(nc, peer, on)
	}
	return nil
}

// makeLoops makes the loops, if there are none yet.
func (g *Gateway) makeLoops() error {
	if g.loops != nil {
		return nil
	}
	for i := range runtime.GOMAXPROCS(0) {
		l, err := loop.New(g.server, g.newLooped(i), g.log)
		if err != nil {
			return err
		}
		g.loops = append(g.loops, l)
	}
	return nil
}

// listenLoops binds one socket for each loop.
func (g *Gateway) listenLoops(c *config.Listener, address string) error {
	if err := g.makeLoops(); err != nil {
		return err
	}
	fds, addr, err := loop.Listen(address, len(g.loops))
	if err != nil {
		return edge.ExplainBind(err)
	}
	on := edge.NewListener(c.Name, sockets{addr})
	for i, l := range g.loops {
		if err := l.(*loop.Loop).Accept(fds[i], on); err != nil {
			return fmt.Errorf("cannot watch a listening socket: %w", err)
		}
	}
	g.attach(on, c)
	return nil
}

// sockets stands for the sockets that the loops accept on; Accept is theirs.
type sockets struct{ addr net.Addr }

func (s sockets) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (s sockets) Close() error              { return nil }
func (s sockets) Addr() net.Addr            { return s.addr }
