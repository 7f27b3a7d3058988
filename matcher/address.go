package matcher

import (
	"bytes"
	"strconv"
)

// endsInNumber reports whether URL parsers take host for an IPv4 address. See URL, "ends in a
// number checker".
func endsInNumber(host []byte) bool {
	last := host[bytes.LastIndexByte(host, '.')+1:]
	// "0x" alone counts: URL reads it as zero. Octal has only digits, which allDigits covers.
	hex, ok := bytes.CutPrefix(last, []byte("0x"))
	if ok {
		return len(bytes.TrimLeft(hex, "0123456789abcdef")) == 0
	}
	return len(last) > 0 && allDigits(last)
}

// allDigits reports whether b has no byte but digits; c-'0' wraps around for bytes below '0'.
func allDigits(b []byte) bool {
	for _, c := range b {
		if c-'0' > 9 {
			return false
		}
	}
	return true
}

// An address is an IPv6 address, or an IPv4 address in the uppermost 32 bits: so one comparison
// of prefixes serves both.
//
//	IPv4  10.1.2.3     hi 0a010203_00000000   lo 0
//	IPv6  [fd00::7]    hi fd00000000000000    lo 7
type address struct{ hi, lo uint64 }

// parseIPv4 reads an address as URL's IPv4 serializer writes it, and nothing else.
func parseIPv4(host []byte) (a address, ok bool) {
	for shift := 56; ; shift -= 8 {
		// Shifts 56, 48, 40, 32 are the four numbers: a dot must follow the first three and
		// must not follow the last.
		octet, rest, more := bytes.Cut(host, []byte("."))
		if !validOctet(octet) || more != (shift > 32) {
			return address{}, false
		}
		a.hi |= uint64(decimal(octet, len("255"))) << shift
		if !more {
			return a, true
		}
		host = rest
	}
}

// validOctet reports whether b is 0 to 255 in decimal without a leading zero. "010" is 8 to
// URL's IPv4 parser (octal) and 10 to many others, which is how filters of private addresses
// are bypassed; the serializer writes neither.
func validOctet(b []byte) bool {
	if len(b) == 0 || !allDigits(b) {
		return false
	}
	n := decimal(b, len("255"))
	return n != 0 && n <= 255 || string(b) == "0"
}

// parseIPv6 reads an address, in brackets, as URL's IPv6 serializer writes it, and nothing
// else. netip cannot be asked: its errors keep the text, so that a []byte would be copied to
// the heap.
func parseIPv6(host []byte) (a address, ok bool) {
	inner, ok := bytes.CutSuffix(host, []byte("]"))
	if !ok || len(inner) == 0 {
		return address{}, false
	}
	// Parse liberally, serialize, and compare: so "the one form that browsers write" is defined
	// by the serializer alone, and a lenient parser cannot admit a second spelling.
	groups, ok := parseGroups(inner[1:])
	var buf [48]byte
	if !ok || !bytes.Equal(appendIPv6(buf[:0], groups), host) {
		return address{}, false
	}
	for i := range 4 {
		a.hi = a.hi<<16 | uint64(groups[i])
		a.lo = a.lo<<16 | uint64(groups[4+i])
	}
	return a, true
}

// parseGroups reads every address that appendIPv6 writes, and some texts that it does not.
func parseGroups(b []byte) (groups [8]uint16, ok bool) {
	n, gap := 0, -1 // groups read; groups before "::"
	for more := true; more; {
		var field []byte
		field, b, more = bytes.Cut(b, []byte(":"))
		switch {
		// "::" yields one empty field, two at an end of the address ("::1"): all of them at the
		// same place. A second gap elsewhere falls to the next case.
		case len(field) == 0 && (gap < 0 || gap == n):
			gap = n
		case len(field) == 0 || len(field) > 4 || n == len(groups):
			return groups, false
		default:
			for _, c := range field {
				d := bytes.IndexByte([]byte("0123456789abcdef"), c)
				if d < 0 {
					return groups, false
				}
				groups[n] = groups[n]<<4 | uint16(d)
			}
			n++
		}
	}
	if gap < 0 {
		return groups, n == len(groups)
	}
	//	groups read   a b | c d         n = 4, gap = 2
	//	moved up      a b 0 0 0 0 c d   tail = 6
	tail := len(groups) - (n - gap)
	copy(groups[tail:], groups[gap:n])
	clear(groups[gap:tail])
	return groups, true
}

// appendIPv6 appends the address in brackets: groups in lower-case hexadecimal without leading
// zeros, "::" in place of the first of the longest runs of two or more zero groups. See URL,
// "IPv6 serializer", and RFC 5952, section 4.2.
func appendIPv6(dst []byte, groups [8]uint16) []byte {
	at, size := 0, 1 // the first of the longest runs of zeros; one zero is not worth a "::"
	for i := range groups {
		run := 0
		for i+run < len(groups) && groups[i+run] == 0 {
			run++
		}
		if run > size {
			at, size = i, run
		}
	}
	dst = append(dst, '[')
	for i := 0; i < len(groups); i++ {
		if size > 1 && i == at {
			dst = append(dst, "::"...)
			i += size - 1
			continue
		}
		if i > 0 && dst[len(dst)-1] != ':' {
			dst = append(dst, ':')
		}
		dst = strconv.AppendUint(dst, uint64(groups[i]), 16)
	}
	return append(dst, ']')
}
