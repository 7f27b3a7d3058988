package conn

import "sync"

// borrow gives conn a large buffer. The head is not needed any more: the response has begun.
func (c *Conn) borrow() {
	if c.large == nil {
		c.large, c.small = GetBuffer(), c.in
		c.in = c.large[:]
	}
}

// GiveBack returns the large buffer, so that an idle connection does not hold one.
func (c *Conn) GiveBack() {
	if c.large != nil {
		PutBuffer(c.large)
		c.in, c.large, c.small = c.small, nil, nil
	}
}

// A Buffer is for content that does not come with a head.
type Buffer [32 << 10]byte

// GetBuffer returns a buffer with anything in it. PutBuffer returns it.
func GetBuffer() *Buffer { return buffers.Get().(*Buffer) }

// PutBuffer takes a buffer back, which must not be used any more.
func PutBuffer(b *Buffer) { buffers.Put(b) }

var buffers = sync.Pool{New: func() any { return new(Buffer) }}
