package wire

// Unchunk decodes chunked content that lies in memory, to the front of dst unless that is nil.
// dst may begin where src does: content only moves towards the front, over framing that was
// read.
//
//	src   4\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n
//	dst   Wikipedia
//
// It returns the bytes of content, how many of src were used, and the decoder: it is Done if
// src contained all of the content, else its Left says how much of the last chunk is missing.
func Unchunk(dst, src []byte) (size, used int, d Chunked, fault *Fault) {
	for used < len(src) && !d.Done() {
		data, n, fault := d.Next(src[used:])
		if fault != nil {
			return 0, 0, d, fault
		}
		if dst != nil {
			copy(dst[size:], data)
		}
		size += len(data)
		used += n
	}
	return size, used, d, nil
}
