package proxy

// This file refuses requests when there are too many at once; see package overload.

// shed counts a request that is to be forwarded, until left, or reports that it is one too many.
func (x *exchange) shed() bool {
	x.inFlight = x.p.overload.Admit(x.route.Room)
	return !x.inFlight
}

// left takes back what shed has counted, once.
func (x *exchange) left() {
	if x.inFlight {
		x.inFlight = false
		x.p.overload.Leave()
	}
}

// retryAfter are lines that send clients back at different times, so that they do not all come at once.
var retryAfter = [...]string{"Retry-After: 1\r\n", "Retry-After: 2\r\n", "Retry-After: 3\r\n", "Retry-After: 4\r\n"}

// refuseShed answers a request that was shed.
func (x *exchange) refuseShed() {
	x.answer(ownShed, retryAfter[x.record.seq%uint32(len(retryAfter))])
}
