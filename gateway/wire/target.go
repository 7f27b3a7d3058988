package wire

import "bytes"

// The paths that stand for an absent one.
var (
	rootPath     = []byte("/")
	asteriskPath = []byte("*")
)

// target splits the request target. See RFC 9112, section 3.2:
//
//	form                                       here
//	origin-form     /items?page=2              3.2.1  Path, Query
//	absolute-form   http://api.example/items   3.2.2  the authority goes to r.Host, to be compared
//	                                                  with Host by judge
//	authority-form  api.example:443            3.2.3  only CONNECT has it: refused
//	asterisk-form   *                          3.2.4  only OPTIONS has it
//
// A '%' in the query may stand alone, as browsers send it: nothing is routed by the query.
func (r *Request) target(t []byte) *Fault {
	if t[0] != '/' {
		// The server as a whole, not a resource of it.
		if len(t) == 1 && t[0] == '*' && string(r.Method) == "OPTIONS" {
			r.Path, r.PlainPath = t, true
			return nil
		}
		scheme := len("http://")
		// RFC 9112, section 3.2.2, has servers accept absolute-form. Other schemes than http
		// and https would make the gateway a proxy for them.
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
		r.Path = asteriskPath // RFC 9112, section 3.2.4: the last proxy sends "*"
	default:
		r.Path = rootPath
	}
	r.checkPath()
	return nil
}

// checkPath judges r.Path and sets r.PlainPath. A path is plain if every recipient routes it
// alike: no escape to decode, no parameter to cut off, no "//" to merge and no dot segment to
// remove.
//
//	/admin/../items    /items to some, /admin/../items to others
//	/items;x=/admin    Tomcat cuts at ';', nginx does not
//	/%61dmin           /admin once decoded
//	/items//admin      merged by some
//
// A path that is not plain may be fine; routing then has to consider every reading of it.
func (r *Request) checkPath() {
	plain := true
	for i, b := range r.Path {
		// Most bytes fall to the second case: path bytes without any effect on routing.
		switch class := octet[b]; {
		case class&pathByte == 0:
			plain = false
			r.flawed(flawOf(b))
		case class&pathMark == 0:
		case b == '%':
			plain = false
			if !escaped(r.Path[i:]) {
				r.flawed(FaultPercent)
				// %00 cuts a path short in C code, %0a and %0d end lines in logs and redirects.
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

// flawOf returns the flaw of a target that contains b where it must be escaped. A '#' gets its
// own text: a fragment never leaves a browser (RFC 9110, section 4.2.5), so the URL was put
// together by hand.
func flawOf(b byte) *Fault {
	if b == '#' {
		return FaultFragment
	}
	return FaultUnescaped
}

// AppendEscaped appends a target with every byte escaped that must be; existing escapes stay.
// It is for hints and redirects. A forwarded target is never changed: it must be the one that
// was routed.
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

// dotOrEmpty reports whether s, which follows a slash, begins with a dot segment ("." or "..";
// RFC 3986, section 5.2.4), or with an empty one that is not the last. Three dots are a name.
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

// escaped reports whether s begins with '%' and two hexadecimal digits: pct-encoded in RFC
// 3986, section 2.1.
func escaped(s []byte) bool {
	return len(s) >= 3 && octet[s[1]]&hexDigit != 0 && octet[s[2]]&hexDigit != 0
}

// controlEscape reports whether the escape at the beginning of s stands for a control byte: no path
// needs one, and it can harm logs, redirects and upstreams that decode it.
func controlEscape(s []byte) bool {
	return s[1] <= '1' || s[1] == '7' && lower(s[2]) == 'f'
}

// PrintablePath returns the path for logs and traces, in ASCII. It aliases Path unless that has
// to be escaped.
func (r *Request) PrintablePath() []byte {
	if r.Flaw == nil {
		return r.Path
	}
	return AppendEscaped(nil, r.Path)
}
