package loop

// This file is the loop's free lists: what is used again. They need no lock: a loop has its
// own. Last in, first out, so that what is used next is likely to be in the processor's cache.

// exchange returns an Exchange that is not in use.
func (l *Loop) exchange() Exchange {
	n := len(l.free)
	if n == 0 {
		return l.newExchange()
	}
	x := l.free[n-1]
	l.free = l.free[:n-1]
	return x
}

func (l *Loop) giveBack(x Exchange) { l.free = append(l.free, x) }

// buffer returns an empty buffer.
func (l *Loop) buffer() []byte {
	n := len(l.bufs)
	if n == 0 {
		return make([]byte, 0, 2<<10)
	}
	b := l.bufs[n-1]
	l.bufs = l.bufs[:n-1]
	return b[:0]
}

// release takes a buffer back.
func (l *Loop) release(b []byte) {
	if cap(b) <= keptBuffer && len(l.bufs) < batch {
		l.bufs = append(l.bufs, b)
	}
}
