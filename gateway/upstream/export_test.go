package upstream

import "github.com/corsgate/corsgate/gateway/upstream/balance"

// Member is what e is to package balance.
func (e *Endpoint) Member() *balance.Member { return &e.load }

// Idle returns how many connections are idle.
func (e *Endpoint) Idle() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.idle) + len(e.resting)
}
