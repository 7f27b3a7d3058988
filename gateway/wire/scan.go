package wire

import (
	"encoding/binary"
	"math/bits"
)

// fieldLine reads the field line at buf[i:]. It returns the index after it, or 0 if buf ends first;
// name is nil at the empty line that ends the section. With lenient, white space between the name
// and the colon is dropped (RFC 9112, section 5.1, responses only). plain reports that the name is
// not a [Lookalike].
func fieldLine(buf []byte, i int, lenient bool) (name, value []byte, plain bool, next int, fault *Fault) {
	start, all := i, uint8(nameByte)
	for i < len(buf) {
		class := octet[buf[i]]
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

// sectionEnd reads what stands at buf[i] instead of a name: the empty line, or a fault.
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
	case ' ', '\t':
		return nil, nil, 0, FaultFold
	}
	return nil, nil, 0, FaultName
}

// fieldEnd returns the index of the first byte of buf[i:] that cannot stand in a field value.
//
// Values are most of a head, so they are read eight bytes at a time; the last few, and what
// follows a HTAB within a word, one by one.
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
