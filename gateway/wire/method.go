package wire

// IsSafe reports whether a method is safe, so that nobody minds if an upstream has seen the
// request twice. See RFC 9110, section 9.2.1.
func IsSafe(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS":
		return true
	}
	return false
}
