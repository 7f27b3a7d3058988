package wire

// ValidForwarded reports whether s is a list of forwarded-elements: pairs of a token and a value, which is a token or
// a quoted string, joined by ';'. Empty elements and pairs are let pass. See RFC 7239, section 4.
func ValidForwarded(s []byte) bool {
	_, _, ok := LastForwarded(s)
	return ok
}

// LastForwarded returns what the last element of a list of forwarded-elements says of the request that its proxy got: its
// Host and its scheme, nil where it does not say. A value with an escape in it is not given. ok is false if the list is not
// valid. See ValidForwarded.
func LastForwarded(s []byte) (host, proto []byte, ok bool) {
	for len(s) > 0 {
		switch s[0] {
		case ',':
			host, proto = nil, nil
			s = s[1:]
			continue
		case ' ', '\t', ';':
			s = s[1:]
			continue
		}
		name, value, rest := forwardedPair(s)
		if name == nil {
			return nil, nil, false
		}
		switch {
		case EqualFold(name, "host"):
			host = value
		case EqualFold(name, "proto"):
			proto = value
		}
		if s = trim(rest); len(s) > 0 && s[0] != ',' && s[0] != ';' {
			return nil, nil, false
		}
	}
	return host, proto, true
}

// forwardedPair returns the pair at the beginning of s and the text after it. name is nil if there
// is no pair. value is without quotes, and nil if it contains an escape.
func forwardedPair(s []byte) (name, value, rest []byte) {
	n := tokenLength(s)
	if n == 0 || n == len(s) || s[n] != '=' {
		return nil, nil, nil
	}
	name, s = s[:n], s[n+1:]
	if len(s) == 0 || s[0] != '"' {
		end := 0
		for end < len(s) && (octet[s[end]]&tchar != 0 || s[end] == ':' || s[end] == '[' || s[end] == ']') {
			end++ // addresses are often left unquoted
		}
		if end == 0 {
			return nil, nil, nil
		}
		return name, s[:end], s[end:]
	}
	escaped := false
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			if escaped {
				return name, nil, s[i+1:]
			}
			return name, s[1:i], s[i+1:]
		case '\\':
			escaped = true
			i++
		}
	}
	return nil, nil, nil
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
