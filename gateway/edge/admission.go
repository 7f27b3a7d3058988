package edge

import (
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// An admission counts connections and decides whether there may be one more. Both engines ask it, once
// for each connection, whichever serves it later.
type admission struct {
	mu    sync.Mutex
	open  int
	perIP map[netip.Prefix]int
	freed chan struct{} // has an element when a connection may have become free
}

func newAdmission() admission {
	return admission{perIP: make(map[netip.Prefix]int), freed: make(chan struct{}, 1)}
}

// Full reports whether there are as many connections as there may be, so that accepting one more
// should wait.
func (s *Server) Full() bool {
	s.admission.mu.Lock()
	defer s.admission.mu.Unlock()
	return s.admission.open >= s.opts.Load().Connections
}

// Spares reports whether a connection's descriptor is one of those that are reserved: it must be closed at once. A
// new descriptor has the least number that is free, so those below are in use.
func (s *Server) Spares(fd int) bool {
	most := s.opts.Load().Descriptors
	return most > 0 && fd >= most
}

func (s *Server) sparesFor(nc net.Conn) (spares bool) {
	if c, ok := nc.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			raw.Control(func(fd uintptr) { spares = s.Spares(int(fd)) }) // a dead socket shows at the read
		}
	}
	return spares
}

// Acquire counts a connection that l has accepted. It reports false if its address has too many;
// otherwise Release must follow when the connection has ended. The address may be invalid, if it is not
// known yet; see countAddress.
func (s *Server) Acquire(peer netip.Addr, l *Listener) bool {
	if peer.IsValid() && !s.countAddress(peer) {
		return false
	}
	g := &s.admission
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open++
	l.open.Add(1)
	return true
}

// countAddress counts a connection for its address. It reports false if that has too many.
func (s *Server) countAddress(peer netip.Addr) bool {
	most := s.opts.Load().ConnectionsPerIP
	prefix := CountedPrefix(peer)
	g := &s.admission
	g.mu.Lock()
	defer g.mu.Unlock()
	if most > 0 && g.perIP[prefix] >= most {
		return false
	}
	g.perIP[prefix]++
	return true
}

// Release takes back one Acquire.
func (s *Server) Release(peer netip.Addr, l *Listener) {
	s.admission.release(peer)
	l.open.Add(-1)
	s.room()
}

func (g *admission) release(peer netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open--
	if peer.IsValid() {
		prefix := CountedPrefix(peer)
		if g.perIP[prefix]--; g.perIP[prefix] == 0 {
			delete(g.perIP, prefix)
		}
	}
}

// CountedPrefix returns what connections are counted by: an IPv4 address or an IPv6 /64.
func CountedPrefix(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return p
}

func peerAddr(nc net.Conn) netip.Addr {
	if tcp, ok := nc.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}
