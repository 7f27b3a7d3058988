package wire

import "bytes"

// The paths that stand for an absent one.
var (
	rootPath     = []byte("/")
	asteriskPath = []byte("*")
)

// target takes the request target apart. See RFC 9112, section 3.2. A '%' in the query may stand
// alone, as browsers send it: nothing is routed by the query.
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
	r.checkPath()
	return nil
}

// checkPath judges r.Path and sets r.PlainPath.
func (r *Request) checkPath() {
	plain := true
	for i, b := range r.Path {
		switch class := octet[b]; {
		case class&pathByte == 0:
			plain = false
			r.flawed(flawOf(b))
		case class&pathMark == 0:
		case b == '%':
			plain = false
			if !escaped(r.Path[i:]) {
				r.flawed(FaultPercent)
			} else if controlEscape(r.Path[i:]) {
				r.flawed(FaultControl)
			}
		case b == ';':
			plain = false
		case dotOrEmpty(r.Path[i+1:]):
			plain = false
		}
	}
	r.PlainPath = plain
}

// flawed notes a flaw, unless there is one already.
func (r *Request) flawed(f *Fault) {
	if r.Flaw == nil {
		r.Flaw = f
	}
}

// flawOf returns the flaw of a target that holds b where it must be escaped.
func flawOf(b byte) *Fault {
	if b == '#' {
		return FaultFragment
	}
	return FaultUnescaped
}

// AppendEscaped appends a target as it has to be written: what must be escaped is, and what is
// escaped stays.
func AppendEscaped(dst, target []byte) []byte {
	const digits = "0123456789ABCDEF"
	allowed := uint8(pathByte)
	for i, b := range target {
		if b == '?' {
			allowed = queryByte
		}
		if b == '%' && escaped(target[i:]) || b != '%' && octet[b]&allowed != 0 || b == '?' {
			dst = append(dst, b)
		} else {
			dst = append(dst, '%', digits[b>>4], digits[b&0xf])
		}
	}
	return dst
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

// escaped reports whether s begins with '%' and two hexadecimal digits.
func escaped(s []byte) bool {
	return len(s) >= 3 && octet[s[1]]&hexDigit != 0 && octet[s[2]]&hexDigit != 0
}

// controlEscape reports whether the escape at the beginning of s stands for a control byte: no path
// needs one, and it can harm logs, redirects and upstreams that decode it.
func controlEscape(s []byte) bool {
	return s[1] <= '1' || s[1] == '7' && lower(s[2]) == 'f'
}

// PrintablePath returns the path for logs and traces, in ASCII. It aliases Path unless that has to be escaped.
func (r *Request) PrintablePath() []byte {
	if r.Flaw == nil {
		return r.Path
	}
	return AppendEscaped(nil, r.Path)
}
