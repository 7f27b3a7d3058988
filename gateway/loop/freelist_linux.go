package loop

import "github.com/corsgate/corsgate/gateway/wire"

// memory is what a loop uses again and again. It needs no lock: a loop has its own. What is taken from a free list is what was
// given back last, so that it is likely to be in the processor's cache.
type memory struct {
	newExchange func() Exchange
	free        []Exchange
	bufs        [][]byte // small ones

	in  []byte        // for reading; free between events
	out []byte        // for responses; likewise
	res wire.Response // for reading their heads
}

// exchange returns an Exchange that is not in use.
func (m *memory) exchange() Exchange {
	n := len(m.free)
	if n == 0 {
		return m.newExchange()
	}
	x := m.free[n-1]
	m.free = m.free[:n-1]
	return x
}

func (m *memory) giveBack(x Exchange) { m.free = append(m.free, x) }

// buffer returns an empty buffer.
func (m *memory) buffer() []byte {
	n := len(m.bufs)
	if n == 0 {
		return make([]byte, 0, 2<<10)
	}
	b := m.bufs[n-1]
	m.bufs = m.bufs[:n-1]
	return b[:0]
}

// release takes a buffer back.
func (m *memory) release(b []byte) {
	if cap(b) <= keptBuffer && len(m.bufs) < batch {
		m.bufs = append(m.bufs, b)
	}
}
