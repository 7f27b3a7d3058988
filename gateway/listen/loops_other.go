//go:build !linux

package listen

import (
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/edge"
)

// The event loop is for Linux: elsewhere fasthttp's server serves every listener.

func onLoops(*config.Listener) bool { return false }

func (s *Set) width() int { return 1 }

func (s *Set) prepare(b *binding) error { return b.listenBlocking() }

func (s *Set) startOnLoops(*binding) {}

func (b *binding) discardLooped() {}

func (s *Set) retireOnLoops(*edge.Listener) {}
