package route

import "bytes"

// This file says in which other ways a path can be read. The rules are:
//
//   - readers decode escapes once or more, some '\' is a '/' to, cut parameters (";…") off before
//     or after that, and merge doubled slashes: each step can only uncover more of a rule's path,
//     so the first and the last of these readings tell about all between them;
//   - some take a path that begins with two slashes for a reference to another host: what follows the
//     first segment is one more reading;
//   - dot segments have no such order, and an upstream resolves them below a prefix that the
//     gateway added: a path with one, under whatever disguise, has no agreed reading at all.
//     Browsers and careful clients never send one (URL Standard, path state).

// maxDepth bounds how often escapes of escapes are decoded; implementations differ beyond it.
const maxDepth = 3

// judge returns Found if same holds for every last reading of path and no reading has a dot segment, else
// why not.
func judge(path []byte, depth int, same func(reading []byte) bool) Miss {
	if dotted(path) {
		return Dotted
	}
	decoded := decode(path)
	if len(decoded) == len(path) {
		// Where '\' is a slash it also ends a parameter.
		if same(merge(cut(slashed(path)))) && same(merge(slashed(cut(path)))) {
			return Found
		}
		return Ambiguous
	}
	if depth == 0 {
		return Nested
	}
	if miss := judge(decoded, depth-1, same); miss != Found || bytes.IndexByte(path, ';') < 0 {
		return miss
	}
	// A slash still escaped does not end a parameter for a reader that cuts first: "/a;%2fb" is /a to it.
	return judge(decode(cut(path)), depth-1, same)
}

// afterAuthority returns what follows the authority for a reader that takes "//name/path" for a reference
// to another host, and whether path looks like that. See RFC 3986, section 4.2.
func afterAuthority(path []byte) ([]byte, bool) {
	if len(path) < 2 || path[0] != '/' || path[1] != '/' {
		return nil, false
	}
	end := bytes.IndexByte(path[2:], '/')
	if end < 0 {
		return path[:1], true
	}
	return path[2+end:], true
}

// decode returns path with its escapes decoded, once. Text that is not an escape stays.
func decode(path []byte) []byte {
	if bytes.IndexByte(path, '%') < 0 {
		return path
	}
	out := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] == '%' && i+2 < len(path) {
			hi, ok1 := unhex(path[i+1])
			lo, ok2 := unhex(path[i+2])
			if ok1 && ok2 {
				out = append(out, hi<<4|lo)
				i += 2
				continue
			}
		}
		out = append(out, path[i])
	}
	return out
}

func unhex(b byte) (byte, bool) {
	switch {
	case b >= '0' && b <= '9':
		return b - '0', true
	case b >= 'a' && b <= 'f':
		return b - 'a' + 10, true
	case b >= 'A' && b <= 'F':
		return b - 'A' + 10, true
	}
	return 0, false
}

// slashed returns path with '\' made '/'.
func slashed(path []byte) []byte {
	if bytes.IndexByte(path, '\\') < 0 {
		return path
	}
	return bytes.ReplaceAll(path, []byte{'\\'}, []byte{'/'})
}

// merge returns path with runs of slashes made one.
func merge(path []byte) []byte {
	if !bytes.Contains(path, []byte("//")) {
		return path
	}
	out := make([]byte, 0, len(path))
	for i, b := range path {
		if b != '/' || i == 0 || path[i-1] != '/' {
			out = append(out, b)
		}
	}
	return out
}

// cut returns path without what follows ';' in each segment.
func cut(path []byte) []byte {
	if bytes.IndexByte(path, ';') < 0 {
		return path
	}
	out := make([]byte, 0, len(path))
	parameter := false
	for _, b := range path {
		if parameter = b == ';' || parameter && b != '/'; !parameter {
			out = append(out, b)
		}
	}
	return out
}

// dotted reports whether a segment of path, without its parameters, is "." or "..", '\' being
// taken for '/'.
func dotted(path []byte) bool {
	start, dots, end := 0, true, -1 // of this segment: only dots so far; where its name ends
	for i := 0; i <= len(path); i++ {
		last := i == len(path)
		switch {
		case last || path[i] == '/' || path[i] == '\\':
			if end < 0 {
				end = i
			}
			if n := end - start; dots && (n == 1 || n == 2) {
				return true
			}
			start, dots, end = i+1, true, -1
		case end >= 0:
		case path[i] == ';':
			end = i
		case path[i] != '.':
			dots = false
		}
	}
	return false
}
