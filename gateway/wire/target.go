package wire

import "bytes"

// The paths that stand for an absent one.
var (
	rootPath     = []byte("/")
	asteriskPath = []byte("*")
)

// target takes the request target apart. See RFC 9112, section 3.2.
func (r *Request) target(t []byte) *Fault {
	if t[0] != '/' {
		if len(t) == 1 && t[0] == '*' && string(r.Method) == "OPTIONS" {
			r.Path, r.PlainPath = t, true
			return nil
		}
		scheme := len("http://")
		switch {
		case len(t) > 7 && EqualFold(t[:7], "http://"):
		case len(t) > 8 && EqualFold(t[:8], "https://"):
			scheme = len("https://")
		default:
			return FaultTarget
		}
		t = t[scheme:]
		end := bytes.IndexAny(t, "/?")
		if end < 0 {
			end = len(t)
		}
		// Kept here until the Host field is known; an empty authority is not valid.
		if r.Host, t = t[:end], t[end:]; len(r.Host) == 0 {
			return FaultTarget
		}
	}
	path, query := t, []byte(nil)
	if q := bytes.IndexByte(t, '?'); q >= 0 {
		path, query = t[:q], t[q:]
	}
	r.Path, r.Query = path, query
	switch {
	case len(path) > 0:
	case len(query) == 0 && string(r.Method) == "OPTIONS":
		r.Path = asteriskPath // RFC 9112, section 3.2.4
	default:
		r.Path = rootPath
	}
	for i := bytes.IndexByte(query, '%'); i >= 0; i = nextEscape(query, i) {
		if !escaped(query[i:]) {
			return FaultTarget
		}
	}
	return r.checkPath()
}

// checkPath judges r.Path and sets r.PlainPath.
func (r *Request) checkPath() *Fault {
	plain := true
	for i, b := range r.Path {
		switch class := octet[b]; {
		case class&pathByte == 0:
			return FaultTarget
		case class&pathMark == 0:
		case b == '%':
			if plain = false; !escaped(r.Path[i:]) || controlEscape(r.Path[i:]) {
				return FaultTarget
			}
		case b == ';':
			plain = false
		case dotOrEmpty(r.Path[i+1:]):
			plain = false
		}
	}
	if len(r.Path) > 1 && r.Path[1] == '/' {
		return FaultTarget // "//host/path": some upstreams take it for an authority
	}
	r.PlainPath = plain
	return nil
}

// dotOrEmpty reports whether s, which follows a slash, begins with a dot segment, or with an
// empty one that is not the last.
func dotOrEmpty(s []byte) bool {
	dots := 0
	for dots < len(s) && s[dots] == '.' {
		dots++
	}
	switch dots {
	case 0:
		return len(s) > 0 && s[0] == '/'
	case 1, 2:
		return dots == len(s) || s[dots] == '/'
	}
	return false
}

// nextEscape returns the index of the next '%' after the one at s[i], or -1.
func nextEscape(s []byte, i int) int {
	n := bytes.IndexByte(s[i+1:], '%')
	if n < 0 {
		return -1
	}
	return i + 1 + n
}

// escaped reports whether s begins with '%' and two hexadecimal digits.
func escaped(s []byte) bool {
	return len(s) >= 3 && octet[s[1]]&hexDigit != 0 && octet[s[2]]&hexDigit != 0
}

// controlEscape reports whether the escape at the beginning of s stands for a control octet:
// no path needs one, and logs, redirects and upstreams that decode it are hurt by it.
func controlEscape(s []byte) bool {
	return s[1] <= '1' || s[1] == '7' && lower(s[2]) == 'f'
}
