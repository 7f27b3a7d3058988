package route

import "bytes"

// maxDepth bounds how often escapes of escapes are resolved.
const maxDepth = 4

// readings returns the ways in which some server on the way could read path, other than as it
// stands:
//
//   - escapes of unreserved characters decoded, dot segments resolved (RFC 3986, section 6.2.2);
//   - also doubled slashes merged;
//   - also every escape decoded, once and again, '\' taken for '/', and parameters (";…") cut off.
func readings(path []byte) [][]byte {
	normal := decode(path, isUnreserved)
	folded := path
	for range maxDepth {
		next := decode(folded, func(byte) bool { return true })
		if bytes.Equal(next, folded) {
			break
		}
		folded = next
	}
	slashed := bytes.ReplaceAll(folded, []byte(`\`), []byte("/"))
	return [][]byte{
		resolve(normal),
		resolve(merge(normal)),
		resolve(merge(slashed)),
		resolve(merge(cutParameters(slashed))),
	}
}

func isUnreserved(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' ||
		b == '-' || b == '.' || b == '_' || b == '~'
}

// decode returns path with those escapes decoded that stand for an octet of the set.
func decode(path []byte, set func(byte) bool) []byte {
	var out []byte
	for i := 0; i < len(path); i++ {
		if path[i] == '%' && i+2 < len(path) {
			hi, ok1 := unhex(path[i+1])
			lo, ok2 := unhex(path[i+2])
			if b := hi<<4 | lo; ok1 && ok2 && set(b) {
				out = append(out, b)
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

// merge returns path with runs of slashes made one.
func merge(path []byte) []byte {
	var out []byte
	for i, b := range path {
		if b != '/' || i == 0 || path[i-1] != '/' {
			out = append(out, b)
		}
	}
	return out
}

// cutParameters returns path without what follows ';' in each segment.
func cutParameters(path []byte) []byte {
	var out []byte
	for i, segment := range bytes.Split(path, []byte("/")) {
		if i > 0 {
			out = append(out, '/')
		}
		segment, _, _ = bytes.Cut(segment, []byte(";"))
		out = append(out, segment...)
	}
	return out
}

// resolve returns path without dot segments. See RFC 3986, section 5.2.4.
func resolve(path []byte) []byte {
	var kept [][]byte
	segments := bytes.Split(path, []byte("/"))
	for i, s := range segments {
		last := i == len(segments)-1
		switch string(s) {
		case ".", "..":
			if string(s) == ".." && len(kept) > 1 {
				kept = kept[:len(kept)-1]
			}
			if last {
				kept = append(kept, nil)
			}
		default:
			kept = append(kept, s)
		}
	}
	return bytes.Join(kept, []byte("/"))
}
