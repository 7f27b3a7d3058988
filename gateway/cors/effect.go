package cors

import "bytes"

// SameEffect reports whether two sets of field lines mean the same to the page that made the
// request. They are the lines that the Append methods of two policies made for one request that
// both allow. It serves to compare a policy with its candidate successor on live traffic: a
// difference that no page can observe is not one.
//
//	Access-Control-Allow-Origin: *         equal to ───►  Access-Control-Allow-Origin: https://app.example.com
//	Access-Control-Max-Age: 600            unequal to ─►  Access-Control-Max-Age: 60
//	Vary: …                                ignored, with everything after it: for caches and tools
//
// Nothing is kept or allocated.
func SameEffect(a, b []byte) bool {
	for {
		var nameA, valueA, nameB, valueB []byte
		// Both sides were rendered by the same code in the same order, so a comparison line by
		// line is enough.
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
