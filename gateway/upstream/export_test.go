package upstream

// InFlight returns how many exchanges are counted.
func (e *Endpoint) InFlight() int { return int(e.inFlight.Load()) }

// Waiting returns how many exchanges are in the queue.
func (e *Endpoint) Waiting() int { return int(e.waiting.Load()) }
