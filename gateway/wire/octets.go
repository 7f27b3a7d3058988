package wire

// Classes of bytes, one bit each, so that one table answers every question of the scan.
const (
	tchar     = 1 << iota // RFC 9110, section 5.6.2: token
	fieldByte             // RFC 9110, section 5.5: field-vchar, SP, HTAB, obs-text
	pathByte              // may stand in the path of a target
	queryByte             // may stand in the query of a target
	hostByte              // may stand in a registered name, lower or upper case
	hexDigit
	pathMark // may keep a path from being plain
	nameByte // of a field name that CGI-style upstreams cannot take for another
)

// octet maps every byte to its classes. One table of 256 bytes is four cache lines, two of
// which the usual head touches; a table for each class would be eight times that.
//
// The path and the query are wider than RFC 3986 by the bytes that browsers send unescaped (URL
// Standard, path and special-query percent-encode sets): a gateway for browsers cannot refuse
// "?filter[a]=1|2", nor a '\' in a query. In a path browsers turn it into a '/'.
//
//	                    "  #  <  >  ?  `  {  }  \  [  ]  ^  |  '
//	RFC 3986, pchar     –  –  –  –  –  –  –  –  –  –  –  –  –  ✓
//	pathByte            –  –  –  –  –  –  –  –  –  ✓  ✓  ✓  ✓  ✓
//	queryByte           –  –  –  –  ✓  ✓  ✓  ✓  ✓  ✓  ✓  ✓  ✓  ✓
//
// Never admitted: controls, SP, '"', '<', '>', '#', DEL and bytes above 0x7e.
var octet = func() (t [256]uint8) {
	for c := range 256 {
		b := byte(c)
		alnum := b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
		if alnum || contains("!#$%&'*+-.^_`|~", b) {
			t[c] |= tchar
		}
		if alnum || b == '-' {
			t[c] |= nameByte
		}
		if b == '\t' || b >= ' ' && b != 0x7f {
			t[c] |= fieldByte
		}
		if b > ' ' && b < 0x7f && !contains("\"<>#", b) {
			t[c] |= queryByte
			if !contains("?`{}\\", b) {
				t[c] |= pathByte
			}
		}
		if alnum || contains("-._", b) {
			t[c] |= hostByte
		}
		if b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F' {
			t[c] |= hexDigit
		}
		if contains("/%;", b) {
			t[c] |= pathMark
		}
	}
	return t
}()

// contains reports whether set contains b. It builds the table, once.
func contains(set string, b byte) bool {
	for i := range len(set) {
		if set[i] == b {
			return true
		}
	}
	return false
}

// IsToken reports whether s is a token. See RFC 9110, section 5.6.2.
func IsToken(s []byte) bool {
	for _, b := range s {
		if octet[b]&tchar == 0 {
			return false
		}
	}
	return len(s) > 0
}

// IsTokenByte reports whether b can be part of a token.
func IsTokenByte(b byte) bool { return octet[b]&tchar != 0 }

// EqualFold reports whether s and t are equal but for the case of ASCII letters.
func EqualFold(s []byte, t string) bool {
	if len(s) != len(t) {
		return false
	}
	for i := range s {
		if s[i] != t[i] && lower(s[i]) != lower(t[i]) {
			return false
		}
	}
	return true
}

// lower returns b in lower case, if it is an ASCII letter. Unicode folding would make
// "ſet-cookie" and the Kelvin sign's "K" equal to names that they are not.
func lower(b byte) byte {
	if b >= 'A' && b <= 'Z' {
		return b | 0x20
	}
	return b
}

// SameVariable reports whether upstreams that make variables of field names, as CGI does, may make one
// of both: the names are equal but for case and for characters that are neither letters nor digits.
// See RFC 3875, section 4.1.18.
func SameVariable(s []byte, t string) bool {
	if len(s) != len(t) {
		return false
	}
	for i := range s {
		a, b := s[i], t[i]
		if a != b && lower(a) != lower(b) && (alnum(a) || alnum(b)) {
			return false
		}
	}
	return true
}

// alnum reports whether b is an ASCII letter or digit.
func alnum(b byte) bool { return octet[b]&nameByte != 0 && b != '-' }

// trim removes optional white space from both ends of s: SP and HTAB only. bytes.TrimSpace
// would also remove VT, FF, NBSP and others, which is how "\x0bchunked" passes for "chunked" in
// some servers. See RFC 9110, section 5.6.3.
func trim(s []byte) []byte {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// nextMember returns the first member of a comma-separated list, trimmed, and the rest of the list; rest is nil after the last. Empty members are returned as such: RFC 9110, section 5.6.1.2,
// has recipients ignore them, which is the caller's to do.
func nextMember(list []byte) (member, rest []byte) {
	for i, b := range list {
		if b == ',' {
			return trim(list[:i]), list[i+1:]
		}
	}
	return trim(list), nil
}

// decimal parses s as 1*DIGIT. It returns false for anything else and for more than 18 digits,
// the most that always fit 63 bits: a number that wraps around would end the content early.
// strconv.ParseInt takes a sign, and needs a string.
func decimal(s []byte) (int64, bool) {
	if len(s) == 0 || len(s) > 18 {
		return 0, false
	}
	var n int64
	for _, b := range s {
		if b < '0' || b > '9' {
			return 0, false
		}
		n = n*10 + int64(b-'0')
	}
	return n, true
}

// foldEqual is EqualFold for two slices of the same length.
func foldEqual(s, t []byte) bool {
	for i := range s {
		if lower(s[i]) != lower(t[i]) {
			return false
		}
	}
	return true
}
