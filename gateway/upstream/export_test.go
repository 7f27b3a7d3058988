package upstream

// Waiting returns how many exchanges are in the queue.
func (e *Endpoint) Waiting() int { return int(e.waiting.Load()) }
