package proxy

// Sizes of what an exchange keeps for the next one on its connection. Larger buffers are left to
// the garbage collector.
const (
	maxKept      = 64 << 10
	smallContent = 16 << 10 // of content that is kept, or copied for a mirror
	aheadContent = 64 << 10 // content of a known length that is read before the upstream is asked
	firstContent = 4 << 10  // of that, to begin with
)

// emptied returns b for use again, or nothing if it has grown too large to be kept.
func emptied(b []byte) []byte {
	if cap(b) > maxKept {
		return nil
	}
	return b[:0]
}
