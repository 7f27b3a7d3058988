package edge

import "time"

// This file gives connections back to the event loop that they came from, or were accepted for.

// stayTime is how soon another request has to follow one for which its connection came here.
const stayTime = time.Second

// between waits for the first byte of a request, or gives the connection back to its loop: at once,
// or, after an exchange that only this engine could make, when no other follows soon. It
// returns false if nothing needs to be read here.
func (c *Conn) between(timeout time.Duration) bool {
	if c.keepBlocking && c.handBack != nil && !c.goingAway() {
		if came, late := c.await(min(timeout, stayTime)); !late {
			return came
		}
	}
	if c.returnToLoop() {
		return false
	}
	came, _ := c.await(timeout)
	return came
}

// KeepBlocking has the connection stay on its goroutine for a while after the current exchange, because the
// event loop could not make it: the next one is likely to be like it, and each change costs more than
// the exchange.
func (c *Conn) KeepBlocking() { c.keepBlocking = true }

// Pin has the connection stay on its goroutine to its end, because something there belongs to
// it. ended is called at the end.
func (c *Conn) Pin(ended func()) { c.handBack, c.onEnd = nil, ended }

// returnToLoop gives an idle connection back to the event loop, if it came from one or may go to one.
func (c *Conn) returnToLoop() bool {
	if c.handBack == nil || !c.started && c.on.HandBack == nil || c.goingAway() {
		return false
	}
	c.under.wait(0) // a loop does not wait for a write
	if c.moved = c.handBack(c.Conn); !c.moved {
		c.under.wait(c.opts.BodyIdle)
	}
	return c.moved
}
