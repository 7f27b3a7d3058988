package proxy

import (
	"net"
	"net/netip"

	"github.com/corsgate/corsgate/gateway/backend"
)

// mirror sends a copy of the request to the route's mirror, if it is one of the share. content is
// all of its content, if whole is set; otherwise it is too large, or not here yet.
//
// Precondition: the route has a mirror, and the request's head is still to be read.
func (x *exchange) mirror(content []byte, whole bool) {
	m := x.route.Mirror
	switch {
	case !m.Chosen():
	case !whole || len(content) > smallContent || x.upgrade != "" || x.req.ConnectionAuth:
		m.Skip()
	case x.p.copies.Begin(m):
		c := &backend.Copy{Mirror: m, Text: make([]byte, 0, len(x.head)+len(content)+64)}
		c.Text = x.appendRequestTo(c.Text, m.Upstream.Pool, &x.traced)
		c.Text = appendFraming(c.Text, x.req, int64(len(content)))
		c.Head = len(c.Text)
		c.Text = append(c.Text, content...)
		c.Method = append(c.Method, x.req.Method...)
		if m.Upstream.Config.SendProxyProtocol {
			c.Client = net.TCPAddrFromAddrPort(netip.AddrPortFrom(x.address, 0))
		}
		go x.p.copies.Send(c)
	}
}
