package edge

import (
	"errors"
	"os"
	"time"
)

// secondLook is how long the second look of receive may take. What it is for is there already.
const secondLook = 10 * time.Millisecond

// receive reads once. When the deadline has passed it looks once more, once in a request: if the process was stopped
// at that time, what has come in time must not be taken for late.
func (c *Conn) receive(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 || c.spared || c.socket == nil || !errors.Is(err, os.ErrDeadlineExceeded) || c.interrupted.Load() || !speaks(c.socket) {
		return n, err
	}
	c.spared = true
	c.setReadDeadline(time.Now().Add(secondLook))
	return c.Conn.Read(p)
}
