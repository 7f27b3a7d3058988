package upstream

import "net"

// ErrNoGoodbye is how TLS ends that is cut.
var ErrNoGoodbye = errNoGoodbye

type closingConn struct {
	ending
	half interface{ CloseWrite() error }
}

func (c closingConn) CloseWrite() error { return c.half.CloseWrite() }

// Ending returns nc as upstreams put it under TLS: its end is no end of TLS.
func Ending(nc *net.TCPConn) net.Conn { return closingConn{ending{nc}, nc} }
