package wire

// Unchunk decodes chunked content that lies in memory, to the front of dst unless that is nil.
// dst may begin where src does. It returns the octets of content and how many of src were used,
// and the decoder: it is Done if src held all of the content, else its Left tells what the last
// chunk has yet to bring.
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
