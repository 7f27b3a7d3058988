package route

// CanonicalHost is canonicalHost with the room that Find gives it.
func CanonicalHost(host string) string {
	var buf [256]byte
	return string(canonicalHost(buf[:0], []byte(host)))
}
