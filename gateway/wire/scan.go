package wire

import (
	"encoding/binary"
	"math/bits"
)

// fieldLine reads the field line at buf[i:]. It returns the index after it, or 0 if buf ends
// first; name is nil at the empty line that ends the section. With lenient, white space between
// the name and the colon is dropped (RFC 9112, section 5.1, responses only). plain reports that
// the name is not a [Lookalike].
//
//	field-line = field-name ":" OWS field-value OWS CRLF        RFC 9112, section 5
//
//	Host:   api.example.com  \r\n
//	└┬─┘ ▲▲▲└──────┬──────┘▲▲
//	name  OWS    value     OWS, which is trimmed from both
//
//	refused                    because of
//	Transfer-Encoding : x      a recipient that reads the name with its blank sees no framing (CL.TE)
//	a\n                        bare LF: some end a line there (RFC 9112, section 2.2, lets them)
//	a\rb                       bare CR: replaced by SP, or an end of line, or neither (same section)
//	 folded                    obs-fold: joined, dropped or taken for a new line (section 5.2)
//	a\0b                       NUL and other controls end or hide values in C code (RFC 9110, section 5.5)
func fieldLine(buf []byte, i int, lenient bool) (name, value []byte, plain bool, next int, fault *Fault) {
	start, all := i, uint8(nameByte)
	for i < len(buf) {
		class := octet[buf[i]]
		// The classes of all bytes of the name are intersected on the way: whether it is plain
		// costs no second pass (0.35 µs per head of a browser with this, 0.40 with one).
		if class&tchar == 0 {
			break
		}
		all &= class
		i++
	}
	if i == len(buf) {
		return nil, nil, false, 0, nil
	}
	if i == start {
		name, value, next, fault = sectionEnd(buf, i)
		return name, value, false, next, fault
	}
	name = buf[start:i]
	if lenient {
		for i < len(buf) && (buf[i] == ' ' || buf[i] == '\t') {
			i++
		}
		if i == len(buf) {
			return nil, nil, false, 0, nil
		}
	}
	// The server's half of RFC 9112, section 5.1: 400 for white space before the colon.
	if buf[i] != ':' {
		return nil, nil, false, 0, FaultName
	}
	i++
	for i < len(buf) && (buf[i] == ' ' || buf[i] == '\t') {
		i++
	}
	start = i
	i = fieldEnd(buf, i)
	if i == len(buf) {
		return nil, nil, false, 0, nil
	}
	if buf[i] != '\r' {
		if buf[i] == '\n' {
			return nil, nil, false, 0, FaultLine
		}
		return nil, nil, false, 0, FaultValue
	}
	// The bytes so far end in CR: whether LF follows is not known yet.
	if i+1 == len(buf) {
		return nil, nil, false, 0, nil
	}
	if buf[i+1] != '\n' {
		return nil, nil, false, 0, FaultLine
	}
	end := i
	for end > start && (buf[end-1] == ' ' || buf[end-1] == '\t') {
		end--
	}
	return name, buf[start:end:end], all != 0, i + 2, nil
}

// sectionEnd reads a line at buf[i] that does not begin with a name: the empty line that ends the
// section, or the beginning of a fault.
func sectionEnd(buf []byte, i int) (name, value []byte, next int, fault *Fault) {
	switch buf[i] {
	case '\r':
		if i+1 == len(buf) {
			return nil, nil, 0, nil
		}
		if buf[i+1] == '\n' {
			return nil, nil, i + 2, nil
		}
		return nil, nil, 0, FaultLine
	case '\n':
		return nil, nil, 0, FaultLine
	// RFC 9112, section 5.2: a server must refuse a folded line or unfold it. Also white space
	// before the first field (section 2.2).
	case ' ', '\t':
		return nil, nil, 0, FaultFold
	}
	return nil, nil, 0, FaultName
}

// fieldEnd returns the index of the first byte of buf[i:] that cannot stand in a field value: a
// control other than HTAB. Bytes above 0x7f may (obs-text, RFC 9110, section 5.5).
//
// Values are most of a head, so they are read eight bytes at a time; the last few, and what
// follows a HTAB within a word, one by one. For each byte b of the word, with the high bits as
// the result:
//
//	(b - ' ') &^ b    high bit set if b < ' ' (borrow) and b < 0x80
//	(d - 1) &^ d      with d = b ^ 0x7f: high bit set if d is 0, so b is DEL
func fieldEnd(buf []byte, i int) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	for len(buf)-i >= 8 {
		w := binary.LittleEndian.Uint64(buf[i:])
		// In each byte the highest bit is set where it is below ' ', and where it is DEL. A borrow
		// may set more above such an byte, never below it: the lowest bit is right.
		del := w ^ ones*0x7f
		ends := ((w-ones*' ')&^w | (del-ones)&^del) & highs
		if ends == 0 {
			i += 8
			continue
		}
		// Little-endian: the lowest set bit belongs to the earliest byte.
		i += bits.TrailingZeros64(ends) / 8
		if buf[i] != '\t' {
			return i
		}
		i++
	}
	for i < len(buf) && octet[buf[i]]&fieldByte != 0 {
		i++
	}
	return i
}
