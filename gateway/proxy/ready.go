package proxy

// This file tells balancers whether new requests are welcome: those that cannot reach the admin listener ask one of the
// gateway's own, at its ready_path. Such a request has no route: no policy, redirect or limit applies to it.

// failureDraining is the failure code of readiness checks during a drain.
const failureDraining = "draining"

// sayReady answers a request for the listener's ready_path.
func (x *response) sayReady() {
	const fresh = "Cache-Control: no-store\r\n"
	switch method := string(x.req.Method); {
	case method != "GET" && method != "HEAD":
		x.answer(ownReadyMethod, "Allow: GET, HEAD\r\n")
	case x.p.draining.Load() && !x.p.succeeded.Load():
		x.answer(ownDraining, fresh)
	default:
		x.answer(ownReady, fresh)
	}
}
