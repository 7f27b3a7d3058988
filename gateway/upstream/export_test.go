package upstream

// InFlight returns how many exchanges are counted.
func (e *Endpoint) InFlight() int { return int(e.inFlight.Load()) }

// Waiting returns how many exchanges are in the queue.
func (e *Endpoint) Waiting() int { return int(e.waiting.Load()) }

// Idle returns how many connections are idle.
func (e *Endpoint) Idle() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.idle)
}
