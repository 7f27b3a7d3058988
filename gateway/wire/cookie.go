package wire

import "bytes"

// Cookie returns the value of the first cookie of a name, whose case matters, and how many there are that have a value. See RFC 6265,
// section 4.2.1. It allocates nothing.
func (r *Request) Cookie(name string) (value []byte, n int) {
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.ID != Other || len(f.Name) != len("Cookie") || !EqualFold(f.Name, "Cookie") {
			continue
		}
		for rest, more := f.Value, true; more; {
			var pair []byte
			pair, rest, more = bytes.Cut(rest, []byte(";"))
			pair = trim(pair)
			if len(pair) > len(name)+1 && pair[len(name)] == '=' && string(pair[:len(name)]) == name {
				if n++; n == 1 {
					value = pair[len(name)+1:]
				}
			}
		}
	}
	return value, n
}
