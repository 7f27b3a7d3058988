//go:build !unix

package edge

import "net"

// Watch cannot look here: that the client has gone shows when something is sent, except on a stream.
func (c *Conn) Watch(gone func()) (stop func()) {
	if c.stream != nil {
		return c.stream.Watch(gone)
	}
	return func() {}
}

func speaks(net.Conn) bool { return false }
