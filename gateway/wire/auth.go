package wire

// NTLM and Negotiate authenticate a connection and not a request: later requests on the
// connection belong to the user who has logged in. See RFC 4559, section 6, and RFC 9110,
// section 11.6.

// connectionAuth reports whether a list of credentials or challenges has one of a scheme that
// authenticates connections. It does not look at quotes: a name within a quoted string counts
// too, which only costs the reuse of a connection, while a missed one would let the next client
// act as the user who logged in.
func connectionAuth(list []byte) bool {
	for rest := list; rest != nil; {
		var member []byte
		member, rest = nextMember(rest)
		if authenticatesConnection(member) {
			return true
		}
	}
	return false
}

// authenticatesConnection reports whether a challenge, or its beginning, is of such a scheme.
func authenticatesConnection(member []byte) bool {
	// challenge = auth-scheme [ 1*SP ( token68 / #auth-param ) ]: RFC 9110, section 11.3.
	scheme := member[:tokenLength(member)]
	if !EqualFold(scheme, "NTLM") && !EqualFold(scheme, "Negotiate") {
		return false
	}
	//	Negotiate, NTLM TlRMTVNT   two challenges: the scheme is alone, or SP and data follow
	//	Digest ntlm=1              a parameter that happens to have the name
	return len(scheme) == len(member) || member[len(scheme)] != '=' // else it is a parameter
}

// AppendPortableChallenges appends a list of challenges without those of schemes that
// authenticate connections; it appends nothing if there are no others. A list mixes challenges
// and their parameters, both divided by commas (RFC 9110, section 11.6.1), so parameters follow
// the fate of the challenge before them:
//
//	Negotiate, Basic realm="a, b", charset="UTF-8", NTLM
//	└──out──┘  └─────────────kept───────────────┘   out
func AppendPortableChallenges(dst, list []byte) []byte {
	begin, leaveOut := len(dst), false
	for len(list) > 0 {
		end := memberEnd(list)
		member := trim(list[:end])
		list = list[min(end+1, len(list)):]
		if n := tokenLength(member); n == len(member) || member[n] != '=' {
			leaveOut = authenticatesConnection(member) // a challenge; else a parameter of the one before
		}
		if leaveOut || len(member) == 0 {
			continue
		}
		if len(dst) > begin {
			dst = append(dst, ", "...)
		}
		dst = append(dst, member...)
	}
	return dst
}

// memberEnd returns the index of the comma that ends the first member of a list, or the length
// of the list. A comma within a quoted string does not (RFC 9110, section 5.6.4): realm="a, b"
// is one parameter.
func memberEnd(list []byte) int {
	quoted := false
	for i := 0; i < len(list); i++ {
		switch b := list[i]; {
		case b == '"':
			quoted = !quoted
		case b == '\\' && quoted:
			i++
		case b == ',' && !quoted:
			return i
		}
	}
	return len(list)
}
