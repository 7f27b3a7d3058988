package wire

// AppendChunkSize appends the line that opens a chunk of n bytes: lower-case digits, no leading
// zero, no extension, the one spelling that no decoder reads differently.
func AppendChunkSize(dst []byte, n int) []byte {
	const digits = "0123456789abcdef"
	shift := 0
	for n>>shift > 0xf {
		shift += 4
	}
	for ; shift >= 0; shift -= 4 {
		dst = append(dst, digits[n>>shift&0xf])
	}
	return append(dst, '\r', '\n')
}

// LastChunk ends chunked content without trailers.
const LastChunk = "0\r\n\r\n"

// AppendChunk appends a chunk. For no content it appends nothing: a chunk of size zero is the
// last one (RFC 9112, section 7.1), and would end the message early.
func AppendChunk(dst, content []byte) []byte {
	if len(content) == 0 {
		return dst
	}
	dst = AppendChunkSize(dst, len(content))
	return append(append(dst, content...), '\r', '\n')
}

// AppendLastChunk ends chunked content with a trailer section. trailers are complete lines, or
// empty.
func AppendLastChunk(dst, trailers []byte) []byte {
	dst = append(append(dst, "0\r\n"...), trailers...)
	return append(dst, '\r', '\n')
}
