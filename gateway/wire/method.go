package wire

// IsSafe reports whether a method is safe, so that the upstream may receive the request twice. See
// RFC 9110, section 9.2.1.
func IsSafe(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS":
		return true
	}
	return false
}
