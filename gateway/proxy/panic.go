package proxy

import "runtime/debug"

// answerIfPanic makes x.out a 500, after which the connection ends, if p is a panic, and logs its stack.
func (x *exchange) answerIfPanic(p any) bool {
	if p == nil {
		return false
	}
	x.p.log.Error("panic while handling a request", "panic", p, "stack", string(debug.Stack()))
	x.closing = true
	x.answerPanic()
	x.route = nil // for it may be what has panicked
	return true
}

// answerPanic makes the 500, without all that is of the route and its policy if that panics, too.
func (x *exchange) answerPanic() {
	defer func() {
		if recover() != nil {
			x.route = nil
			x.answer(ownPanic, "")
		}
	}()
	x.answer(ownPanic, "")
}
