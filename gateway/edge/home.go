package edge

import "time"

// This file gives connections back to the event loop that they came from, or were accepted for.

// stayTime is how soon another request has to follow one for which its connection came here.
const stayTime = time.Second

// between waits for the first octet of a request, or gives the connection back to where it came from:
// at once, or, after an exchange that only this engine could make, when no other follows soon. It
// reports false if nothing is to be read here.
func (c *Conn) between(timeout time.Duration) bool {
	if c.stays && c.home != nil && !c.leaving() {
		if came, late := c.await(min(timeout, stayTime)); !late {
			return came
		}
	}
	if c.goHome() {
		return false
	}
	came, _ := c.await(timeout)
	return came
}

// Stay has the connection stay on its goroutine for a while after the current exchange, because the
// event loop could not make it: the next one is likely to be like it, and each change costs more than
// the exchange.
func (c *Conn) Stay() { c.stays = true }

// Keep has the connection stay on its goroutine to its end, of which ended is told: something there belongs to it.
func (c *Conn) Keep(ended func()) { c.home, c.onEnd = nil, ended }

// goHome gives an idle connection back to where it came from, if it came from anywhere.
func (c *Conn) goHome() bool {
	if c.home == nil || !c.started && c.on.Home == nil || c.leaving() {
		return false
	}
	c.under.wait(0) // there nobody waits for a write
	if c.moved = c.home(c.Conn); !c.moved {
		c.under.wait(c.opts.BodyIdle)
	}
	return c.moved
}
