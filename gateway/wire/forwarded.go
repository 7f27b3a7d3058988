package wire

// ValidForwarded reports whether s is a list of forwarded-elements: pairs of a token and a
// value, which is a token or a quoted string, joined by ';'. Empty elements and pairs are let
// pass. See RFC 7239, section 4.
func ValidForwarded(s []byte) bool {
	_, _, ok := LastForwarded(s)
	return ok
}

// LastForwarded returns the Host and the scheme that the last element of a list of
// forwarded-elements names, nil where it does not. The last element is the one that the nearest
// proxy wrote about the request that it received; everything before it came from further away
// and may be invented. A value with an escape in it is not returned. ok is false if the list is
// not valid. See ValidForwarded.
//
//	for=192.0.2.43, for="[2001:db8::17]";proto=http, for=10.0.0.7;host=api.example;proto=https
//	└─ farthest ─┘                                   └──────── last: host, proto ───────────┘
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

// forwardedPair returns the pair at the beginning of s and the text after it. name is nil if s
// does not begin with a pair. value is without quotes, and nil if it contains an escape: to
// return it unescaped would take a copy, and no proxy escapes anything in a host or a scheme.
//
//	forwarded-pair = token "=" value        RFC 7239, section 4
//	value          = token / quoted-string
func forwardedPair(s []byte) (name, value, rest []byte) {
	n := tokenLength(s)
	if n == 0 || n == len(s) || s[n] != '=' {
		return nil, nil, nil
	}
	name, s = s[:n], s[n+1:]
	if len(s) == 0 || s[0] != '"' {
		end := 0
		// RFC 7239, section 6, wants quotes around a ':' or a bracket.
		for end < len(s) && (octet[s[end]]&tchar != 0 || s[end] == ':' || s[end] == '[' || s[end] == ']') {
			end++ // addresses are often sent unquoted
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

// tokenLength returns how many bytes at the beginning of s can be part of a token.
func tokenLength(s []byte) int {
	for i, b := range s {
		if octet[b]&tchar == 0 {
			return i
		}
	}
	return len(s)
}
