package wire

// ValidForwarded reports whether s is a list of forwarded-elements: pairs of a token and a value, which is a token or
// a quoted string, joined by ';'. Empty elements and pairs are let pass. See RFC 7239, section 4.
func ValidForwarded(s []byte) bool {
	for len(s) > 0 {
		switch s[0] {
		case ',', ' ', '\t', ';':
			s = s[1:]
			continue
		}
		rest, ok := forwardedPair(s)
		if !ok {
			return false
		}
		if s = trim(rest); len(s) > 0 && s[0] != ',' && s[0] != ';' {
			return false
		}
	}
	return true
}

// forwardedPair returns what follows the pair at the beginning of s.
func forwardedPair(s []byte) (rest []byte, ok bool) {
	name := tokenLength(s)
	if name == 0 || name == len(s) || s[name] != '=' {
		return nil, false
	}
	s = s[name+1:]
	if len(s) == 0 || s[0] != '"' {
		value := 0
		for value < len(s) && (octet[s[value]]&tchar != 0 || s[value] == ':' || s[value] == '[' || s[value] == ']') {
			value++ // addresses are often left unquoted
		}
		return s[value:], value > 0
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return s[i+1:], true
		case '\\':
			i++
		}
	}
	return nil, false
}

// tokenLength returns how many bytes at the beginning of s can be those of a token.
func tokenLength(s []byte) int {
	for i, b := range s {
		if octet[b]&tchar == 0 {
			return i
		}
	}
	return len(s)
}
