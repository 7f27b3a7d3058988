package access

// Done is closed when the writer has ended.
func Done(l *Log) <-chan struct{} { return l.done }

// Stop ends the writer's goroutine: a test then writes by Drain.
func Stop(l *Log) {
	close(l.stop)
	<-l.done
}

// Drain writes what the shards hold.
func Drain(l *Log) { l.drain() }

// Lines returns how many records the shards hold that nobody has taken yet.
func Lines(l *Log) (n int) {
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		n += len(s.buf.records)
		s.mu.Unlock()
	}
	return n
}
