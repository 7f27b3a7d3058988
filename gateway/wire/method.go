package wire

// IsSafe reports whether a method is safe, so that the upstream may receive the request twice.
// See RFC 9110, section 9.2.1. TRACE is safe too, and refused. Idempotent methods (section
// 9.2.2) are not enough for a repetition by an intermediary: a PUT that is sent twice may undo
// a change that came in between.
func IsSafe(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS":
		return true
	}
	return false
}
