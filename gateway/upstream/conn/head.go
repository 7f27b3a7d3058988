package conn

import "github.com/corsgate/corsgate/gateway/wire"

// ResponseLimits bound the head of a response: as large as any server sends, far from what an
// attacker would. It must not be changed.
var ResponseLimits = wire.Limits{HeadBytes: 64 << 10, Fields: 128}

// MaxInterim bounds the interim responses before the final one: a server at work may send 102
// (Processing) for minutes.
const MaxInterim = 100

// Reset makes the connection ready for the heads of another response.
func (c *Conn) Reset() { c.r, c.w, c.spared = 0, 0, false }

// Received reports whether any byte has come in since Reset.
func (c *Conn) Received() bool { return c.w > 0 }

// NextHead reads the next head of a response, interim or final, into c.Response. After an error
// of a deadline it may be called again.
func (c *Conn) NextHead() error {
	for {
		if c.r < c.w {
			n, fault := c.Response.Parse(c.in[c.r:c.w], ResponseLimits)
			if fault != nil {
				return fault
			}
			if n > 0 {
				c.r += n
				return nil
			}
		}
		if c.w == len(c.in) {
			c.makeRoom()
		}
		n, err := c.receive(c.in[c.w:])
		c.w += n
		if n == 0 && err != nil {
			return err
		}
	}
}

// makeRoom makes the buffer larger, or moves the unread bytes to its front.
func (c *Conn) makeRoom() {
	in := c.in
	if c.r == 0 {
		in = make([]byte, 2*len(c.in))
	}
	c.w = copy(in, c.in[c.r:c.w])
	c.r, c.in = 0, in
}
