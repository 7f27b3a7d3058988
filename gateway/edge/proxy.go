package edge

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/pires/go-proxyproto"
)

// This file reads the header of the PROXY protocol, versions 1 and 2, with which a load balancer
// says whose connection it passes on. The rules are:
//
//   - it is believed from configured proxies only, and required of everybody;
//   - the address it names is the peer in all respects: limits, logs, forwarding fields;
//   - a connection of the proxy itself (LOCAL, UNKNOWN), such as a health check, is the proxy's.

// proxyBuffer is what a header is read into. What comes with it is kept.
const proxyBuffer = 512

var (
	errUntrusted = errors.New("the peer is not among the trusted proxies")
	errSite      = errors.New("too many connections from this address")
)

// proxied reads the header before by and learns from it who the peer is. It returns what was read
// beyond it, and false if the connection will not do.
func (c *Conn) proxied(by time.Time) (read []byte, ok bool) {
	proxy := peerAddr(c.socket)
	if !slices.ContainsFunc(c.opts.Proxies, func(p netip.Prefix) bool { return p.Contains(proxy) }) {
		c.server.lost(c, LossUntrusted, errUntrusted)
		return nil, false
	}
	c.socket.SetReadDeadline(by) //nolint:errcheck // a dead socket shows at the read
	r := bufio.NewReaderSize(c.socket, proxyBuffer)
	header, err := proxyproto.Read(r)
	if err == nil {
		err = c.named(header, proxy)
	}
	c.socket.SetReadDeadline(time.Time{}) //nolint:errcheck // likewise
	switch {
	case err != nil && !time.Now().Before(by): // the library hides what the socket says
		c.server.lost(c, LossHeaderTime, err)
		return nil, false
	case err != nil:
		c.server.lost(c, LossHeader, err)
		return nil, false
	}
	if !c.server.nameSite(c.peer) {
		peer := c.peer
		c.peer = netip.Addr{} // it was not counted for the address
		c.server.lostFrom(peer, c.on, LossProxiedSite, errSite)
		return nil, false
	}
	read, _ = r.Peek(r.Buffered())
	return read, true
}

// named makes the address of a header the peer.
func (c *Conn) named(header *proxyproto.Header, proxy netip.Addr) error {
	if header.Command.IsLocal() || header.TransportProtocol.IsUnspec() || header.TransportProtocol.IsUnix() {
		c.peer = proxy
		return nil
	}
	tcp, ok := header.SourceAddr.(*net.TCPAddr)
	if !ok {
		return fmt.Errorf("it is about %v, not a TCP connection", header.SourceAddr)
	}
	a := tcp.AddrPort().Addr().Unmap().WithZone("")
	if !a.IsValid() {
		return errors.New("it names no address")
	}
	c.peer = a
	return nil
}
