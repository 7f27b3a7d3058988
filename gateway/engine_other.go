//go:build !linux

package gateway

import "github.com/corsgate/corsgate/gateway/config"

// listen binds a listener on fasthttp's server: the event loop is for Linux.
func (g *Gateway) listen(c *config.Listener) error { return g.listenBlocking(c) }
