package route

import "bytes"

// A Miss says why no rule takes a request.
type Miss uint8

// The misses, from the farthest to the nearest.
const (
	Found     Miss = iota
	NoHost         // no rule is for the host
	NoPath         // the host's rules are for other paths
	NoMethod       // the path's rules are for other methods
	Ambiguous      // different readings of the path lead to different rules
	Dotted         // some reading of the path has a dot segment
	Nested         // the path has escapes of escapes of escapes
)

// Misread reports whether there is no rule because the path has several readings.
func (m Miss) Misread() bool { return m >= Ambiguous }

// Find returns the rule for a request, by index, or -1 and the reason why there is none. host may have a
// port and a trailing dot; plain says that the path reads the same to everybody, see
// wire.Request.PlainPath. Nothing is kept; nothing is allocated for a plain path.
func (t *Table) Find(host, path, method []byte, plain bool) (int, Miss) {
	rule, miss := t.find(host, path, method)
	if plain {
		return rule, miss
	}
	same := func(reading []byte) bool {
		r, _ := t.find(host, reading, method)
		return r == rule
	}
	if misread := judge(path, maxDepth, same); misread != Found {
		return -1, misread
	}
	if rest, ok := afterAuthority(path); ok {
		if misread := judge(rest, maxDepth, same); misread != Found {
			return -1, misread
		}
	}
	return rule, miss
}

// find is Find for one reading of the path.
func (t *Table) find(host, path, method []byte) (int, Miss) {
	var buf [256]byte
	name := canonicalHost(buf[:0], host)
	miss := NoHost
	try := func(n *node) int {
		if n == nil {
			return -1
		}
		rule, m := n.find(path, method)
		miss = max(miss, m)
		return rule
	}
	if rule := try(t.exact[string(name)]); rule >= 0 {
		return rule, Found
	}
	if len(t.suffixes) > 0 {
		for i, b := range name {
			if b == '.' && i > 0 {
				if rule := try(t.suffixes[string(name[i:])]); rule >= 0 {
					return rule, Found
				}
			}
		}
	}
	if rule := try(t.any); rule >= 0 {
		return rule, Found
	}
	return -1, miss
}

// find walks down the segments of path and returns the deepest entry that takes method.
func (n *node) find(path, method []byte) (int, Miss) {
	rule, miss := n.entry(method)
	for len(n.children) > 0 && len(path) > 0 && path[0] == '/' { // "*" is below no prefix
		path = path[1:]
		end := bytes.IndexByte(path, '/')
		if end < 0 {
			end = len(path)
		}
		child := n.children[string(path[:end])]
		if child == nil {
			break
		}
		n, path = child, path[end:]
		if r, m := n.entry(method); r >= 0 {
			rule, miss = r, m
		} else if rule < 0 {
			miss = max(miss, m)
		}
	}
	return rule, miss
}

// entry returns the entry at n that takes method.
func (n *node) entry(method []byte) (int, Miss) {
	for i := range n.entries {
		e := &n.entries[i]
		if len(e.methods) == 0 {
			return e.rule, Found
		}
		for _, m := range e.methods {
			if m == string(method) {
				return e.rule, Found
			}
		}
	}
	if len(n.entries) > 0 {
		return -1, NoMethod
	}
	return -1, NoPath
}

// canonicalHost appends host in lower case, without its port and trailing dot. A host that does
// not fit the capacity of dst cannot be one of a rule, and becomes "".
func canonicalHost(dst, host []byte) []byte {
	for _, b := range host {
		if b == ':' && host[0] != '[' {
			break
		}
		if len(dst) == cap(dst) {
			return nil
		}
		if b >= 'A' && b <= 'Z' {
			b |= 0x20
		}
		if dst = append(dst, b); b == ']' {
			break
		}
	}
	if n := len(dst); n > 1 && dst[n-1] == '.' {
		dst = dst[:n-1]
	}
	return dst
}

// Methods returns the methods that rules of the host and the path take, for Allow. It is not for
// the hot path.
func (t *Table) Methods(host, path []byte, candidates []string) []string {
	var allowed []string
	for _, m := range candidates {
		if rule, _ := t.find(host, path, []byte(m)); rule >= 0 {
			allowed = append(allowed, m)
		}
	}
	return allowed
}
