package rewrite

// appendRelative appends a reference that is relative to the path that the upstream was asked for, which is the client's
// without the stripped prefix. Both resolve it alike, but in two cases: ".." at the root stays there, where it would take
// the client out of the prefix; and where the client has asked for the prefix alone, it resolves beside that and not below.
func (l *Locations) appendRelative(dst, ref []byte, a *Asked) []byte {
	switch at := aboveRoot(ref, a.depth); {
	case at > 0 && ref[at-1] == '/':
		return l.appendPath(dst, ref[at-1:])
	case at > 0 || a.bare:
		return append(append(append(dst, l.strip...), '/'), ref[max(at, 0):]...)
	}
	return append(dst, ref...)
}

// aboveRoot returns where in a relative path the part begins that is resolved at the root, since what is before it leads
// above the root from a path that is depth segments deep; -1 if nothing does.
func aboveRoot(ref []byte, depth int) int {
	at := -1
	for i := 0; i < len(ref); {
		end := i + authorityLength(ref[i:])
		slash := end < len(ref) && ref[end] == '/'
		next := end
		if slash {
			next++
		}
		switch {
		case isDots(ref[i:end], 2):
			if depth--; depth < 0 {
				at, depth = next, 0
			}
		case slash && !isDots(ref[i:end], 1):
			depth++
		}
		if !slash {
			break
		}
		i = next
	}
	return at
}

// isDots reports whether a segment consists of n dots, each of which may be escaped. See the URL
// Standard, section 4.4.
func isDots(segment []byte, n int) bool {
	for ; n > 0 && len(segment) > 0; n-- {
		switch {
		case segment[0] == '.':
			segment = segment[1:]
		case len(segment) > 2 && segment[0] == '%' && segment[1] == '2' && segment[2]|0x20 == 'e':
			segment = segment[3:]
		default:
			return false
		}
	}
	return n == 0 && len(segment) == 0
}
