package upstream

// Idle returns how many connections are idle.
func (e *Endpoint) Idle() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.idle) + len(e.resting)
}
