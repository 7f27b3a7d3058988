package cors

// This file reads and merges comma-separated lists. See RFC 9110, section 5.6.1, "Lists". They
// are lists of names (tokens) only: a quoted string with a comma in it is cut in two, and
// neither half is a token, so it is refused rather than misread.

// maxDistinct bounds the members that a further member is compared with, so that a hostile list
// costs linear time: 64 comparisons for each member instead of as many as there are members
// before it. Beyond it repeated members may stay, which no list here gives a meaning to. A map
// would find them all, and allocate for each response.
const maxDistinct = 64

// everything means no bound: for comparisons that happen once, not once per member.
const everything = int(^uint(0) >> 1)

// cutMember splits list at its first comma. member is without the blanks around it and may be
// empty; more is false when there was no comma, so that "" is one empty member, as is each
// empty field line.
func cutMember[T string | []byte](list T) (member, rest T, more bool) {
	end := 0
	for end < len(list) && list[end] != ',' {
		end++
	}
	if end < len(list) {
		rest, more = list[end+1:], true
	}
	start := 0
	for start < end && isBlank(list[start]) {
		start++
	}
	for start < end && isBlank(list[end-1]) {
		end--
	}
	return list[start:end], rest, more
}

// isBlank reports whether c is optional white space. See RFC 9110, section 5.6.3, "Whitespace".
func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// hasMember reports whether name is, in any case, one of the first limit members of list.
func hasMember[A, B string | []byte](list A, name B, limit int) bool {
	for more := true; more && limit > 0; limit-- {
		var member A
		member, list, more = cutMember(list)
		if equalFold(member, name) {
			return true
		}
	}
	return false
}

// appendMembers appends to dst the members of list that are not among the first limit members
// of dst[start:], in their own spelling.
func appendMembers[T string | []byte](dst []byte, start int, list T, limit int) []byte {
	for more := true; more; {
		var member T
		member, list, more = cutMember(list)
		if len(member) == 0 || hasMember(dst[start:], member, limit) {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ", "...)
		}
		dst = append(dst, member...)
	}
	return dst
}

// AppendVary appends one "Vary: …\r\n" line with the members of existing, the values of
// the response's own Vary field lines, and those of add, such as "Origin": each once, in any
// case, in the spelling and order in which they come first; a member after the 64th may repeat.
// A "*" among existing stands alone: it says more than all the others. Where there is nothing
// to say dst is returned as it is. The lines of existing may not overlap dst.
//
// See RFC 9110, section 12.5.5, "Vary", and Fetch, "CORS protocol and HTTP caches".
func AppendVary(dst []byte, existing [][]byte, add string) []byte {
	begin := len(dst)
	dst = append(dst, "Vary: "...)
	start := len(dst)
	for _, line := range existing {
		// RFC 9110, section 12.5.5: "*" says that the response depends on more than fields of
		// the request. It stays, and it stays alone.
		if hasMember(line, "*", everything) {
			return append(dst[:start], "*\r\n"...)
		}
	}
	for _, line := range existing {
		dst = appendMembers(dst, start, line, maxDistinct)
	}
	dst = appendMembers(dst, start, add, everything)
	if len(dst) == start {
		return dst[:begin]
	}
	return append(dst, "\r\n"...)
}
