package cors

import "bytes"

// SameEffect reports whether two sets of field lines, as the Append methods of two policies made them for one request
// that both allow, mean the same to the page that made it. That the one allows "*" and the other the origin itself does
// not matter to it, nor do Vary and what follows it, which are for caches and tools: only that the origin is allowed, and all
// other fields, do.
//
// Nothing is kept or allocated.
func SameEffect(a, b []byte) bool {
	for {
		var nameA, valueA, nameB, valueB []byte
		nameA, valueA, a = cutEffect(a)
		nameB, valueB, b = cutEffect(b)
		if string(nameA) != string(nameB) || string(valueA) != string(valueB) {
			return false
		}
		if len(nameA) == 0 {
			return true
		}
	}
}

// cutEffect returns the first field of lines that a page can observe, and the lines behind it; no
// name if there is no such field. The value is left out where it can only be the origin or "*".
func cutEffect(lines []byte) (name, value, rest []byte) {
	for len(lines) > 0 {
		var line []byte
		line, lines, _ = bytes.Cut(lines, []byte("\r\n"))
		name, value, _ = bytes.Cut(line, []byte(": "))
		switch string(name) {
		case "Vary":
			return nil, nil, nil
		case "Access-Control-Allow-Origin", "Timing-Allow-Origin":
			return name, nil, lines
		default:
			return name, value, lines
		}
	}
	return nil, nil, nil
}
