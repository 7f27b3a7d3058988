package edge

import (
	"net"
	"net/netip"
)

// A Carrier is a connection that carries several requests at once, each a [Stream]. Its methods may be called from any
// goroutine, return at once, and may be called again.
type Carrier interface {
	// GoAway tells the client to send no further request on the connection. Requests under way continue. With revoked set
	// the listener was revoked: no further request is served.
	GoAway(revoked bool)
	// CloseIdle ends the connection, unless a request is under way.
	CloseIdle()
}

// A Carried is a carrier as one of the connections of a server: it is counted, drained, and ended to make room for another.
// Its methods may be called from any goroutine.
type Carried struct{ c *Conn }

// Carry makes a carrier of another package one of the server's connections. nc is what is closed when the server's drain has
// no more time. Forget must follow.
func (s *Server) Carry(nc net.Conn, carrier Carrier, on *Listener) Carried {
	s.Acquire(netip.Addr{}, on) // without an address it is always admitted
	return Carried{s.enter(&Conn{Conn: nc, socket: nc, carrier: carrier}, netip.Addr{}, on)}
}

// Claim counts the connection for the address of its client, once that is known to be the client's own. It reports false if
// the address has too many.
func (m Carried) CountAddress(peer netip.Addr) bool {
	if !m.c.server.countAddress(peer) {
		return false
	}
	m.c.peer = peer
	return true
}

// Peer returns the address of the client, invalid before Claim.
func (m Carried) Peer() netip.Addr { return m.c.peer }

// Listener returns the listener by which the connection came.
func (m Carried) Listener() *Listener { return m.c.on }

// Leaving reports whether the connection is to end, because its server drains or its listener was retired.
func (m Carried) GoingAway() bool { return m.c.goingAway() }

// Busy notes that a request is under way, or that the connection is about to end: it does not make room for another.
func (m Carried) Busy() { m.c.spoke() }

// Idle notes that no request is under way; served says whether there was one.
func (m Carried) Idle(served bool) {
	if served {
		m.c.silent(Between)
	} else {
		m.c.silent(Fresh)
	}
}

// Forget removes the connection, which has ended, from those of the server.
func (m Carried) Forget() { m.c.server.forget(m.c) }

// goAway tells the clients of all carriers that the server drains. It may be called again: a connection may have begun since.
func (s *Server) goAway() { s.farewell(func(*Conn) bool { return true }) }

// farewell tells the clients of carriers to go.
func (s *Server) farewell(which func(*Conn) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.carrier != nil && which(c) {
			c.carrier.GoAway(c.on.Revoked())
		}
	}
}
