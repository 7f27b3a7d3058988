package upstream

// This file counts the exchanges of an endpoint. There are at most max_connections at once, over
// both engines; up to max_queue more wait, see queue.go. Counters only, no lock: the event loops call this, too.

// TryAcquire begins an exchange if there may be one more. Release ends it.
func (e *Endpoint) TryAcquire() bool {
	n, ok := e.load.TryAdd(int64(e.opts.MaxConnections))
	if !ok {
		return false
	}
	e.entered.Add(1)
	if e.opts.Balance.Counts() {
		e.upstream.set.Load().choice.Began(&e.load, n)
	}
	return true
}

// full reports whether TryAcquire would fail.
func (e *Endpoint) full() bool { return e.InFlight() >= e.opts.MaxConnections }

// Release ends an exchange.
func (e *Endpoint) Release() {
	n := e.load.Remove()
	if e.opts.Balance.Counts() {
		e.upstream.set.Load().choice.Ended(&e.load, n)
	}
	if e.waiting.Load() > 0 {
		e.serveQueue()
	}
}

// BeginStream has an exchange that has entered count as a stream, and no longer as one of max_connections. It reports
// false, and changes nothing, if there are max_streams already. EndStream then ends it, instead of Release.
func (e *Endpoint) BeginStream() bool {
	if n, most := e.streams.Add(1), int64(e.opts.MaxStreams); most > 0 && n > most {
		e.streams.Add(-1)
		return false
	}
	e.Release()
	return true
}

// EndStream ends a stream.
func (e *Endpoint) EndStream() { e.streams.Add(-1) }

// Streams returns how many tunnels and event streams there are.
func (e *Endpoint) Streams() int { return int(e.streams.Load()) }

// InFlight returns how many exchanges with the endpoint are under way.
func (e *Endpoint) InFlight() int { return e.load.InFlight() }

// Waiting returns how many exchanges are in the queue.
func (e *Endpoint) Waiting() int { return int(e.waiting.Load()) }
