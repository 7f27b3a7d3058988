//go:build !linux

package gateway

import (
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
)

// The event loop is for Linux: elsewhere fasthttp's server serves every listener.

func onLoops(*config.Listener) bool { return false }

func (g *Gateway) width() int { return 1 }

func (g *Gateway) prepare(b *binding) error { return b.listenBlocking() }

func (g *Gateway) startOnLoops(*binding) {}

func (b *binding) discardLooped() {}

func (g *Gateway) retireOnLoops(*edge.Listener) {}
