package proxy

// This file notes what pages were refused; see package report.

// noteAllowed lists a preflight that is allowed. key is all of its question but the origin.
func (x *exchange) noteAllowed(key []byte) {
	q := x.listed()
	x.p.report.Allow(&q, key)
}
