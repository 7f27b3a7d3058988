package h2

import (
	"bytes"

	"github.com/corsgate/corsgate/gateway/wire"
)

// This file is QPACK, the header compression of HTTP/3, without a dynamic table: SETTINGS_QPACK_MAX_TABLE_CAPACITY is 0, so that no
// header block depends on another stream. It makes the same heads as HPACK. See RFC 9204, section 4.5.

// DecodeQPACK reads a header block to h, which Begin has made ready, and ends h. It reports false if b is not a block: that ends the
// connection. Of a head that is larger than any that can have been meant it reads only as much as shows that. With cut, b is only the
// beginning of a block that is larger than any within the limits, and h has a Fault.
func DecodeQPACK(b []byte, h *Head, cut bool) bool {
	required, n := 0, 0
	if len(b) > 0 {
		required, n = integer(b, 8)
	}
	if n == 0 || required != 0 || len(b) == n || b[n]&0x80 != 0 {
		return false // it refers to a dynamic table, or its base is below the first entry
	}
	_, k := integer(b[n:], 7)
	for b = b[n+k:]; k > 0 && len(b) > 0; b = b[k:] {
		if k = h.qpackLine(b); h.size > h.most {
			h.tooLarge(wire.FaultHeadSize)
			break
		}
	}
	switch {
	case cut:
		h.cutShort()
	case k == 0:
		return false
	}
	h.end()
	return true
}

// cutShort makes a head of the beginning of one that is too large. If a long target is what it was cut in, it has another one.
func (h *Head) cutShort() {
	if !h.lined && h.has(method) && !h.has(path) {
		h.addPseudo(&line{text: []byte(":path: /\r\n"), name: len(":path"), kind: path})
		if !h.has(scheme) {
			h.addPseudo(&line{text: []byte(":scheme: https\r\n"), name: len(":scheme"), kind: scheme})
		}
		h.tooLarge(wire.FaultTargetLength)
	}
	h.tooLarge(wire.FaultHeadSize)
}

// The field lines of QPACK, by what their first byte has. See RFC 9204, section 4.5.
const (
	qpackIndexed     = 0x80
	qpackNamed       = 0x40 // a literal with the name of an entry
	qpackLiteral     = 0x20 // a literal with a literal name
	qpackStatic      = 0x40 // of qpackIndexed: the table is the static one
	qpackNamedStatic = 0x10 // likewise
	qpackNamedNever  = 0x20 // no table on the way may keep it
	qpackNever       = 0x10 // of qpackLiteral
)

// qpackLine reads the field line at the front of b, which is not empty. It returns how many bytes it takes, or 0 if it is not one.
func (h *Head) qpackLine(b []byte) (n int) {
	var l line
	text, c, i := h.line[:0], b[0], 0
	switch {
	case c >= qpackIndexed:
		if i, n = integer(b, 6); n == 0 || c&qpackStatic == 0 || i >= len(qpackLines) {
			return 0
		}
		h.add(&qpackLines[i])
		return n
	case c >= qpackNamed:
		if i, n = integer(b, 4); n == 0 || c&qpackNamedStatic == 0 || i >= len(qpackLines) {
			return 0
		}
		s := &qpackLines[i]
		text, l.kind, l.id = append(text, s.text[:s.name]...), s.kind, s.id
	case c >= qpackLiteral:
		if text, n = appendString(text, b, 3); n == 0 {
			return 0
		}
		l.kind, l.id = kindOf(text), wire.IdentifyRequest(text)
	default:
		return 0 // it refers to a dynamic table
	}
	k := h.literal(&l, text, b[n:])
	if k == 0 {
		return 0
	}
	return n + k
}

// AppendQPACK appends the block of the response head in text, which is that of HTTP/1.1. Fields that belong to a connection are left
// out.
func AppendQPACK(dst, text []byte) []byte {
	dst = appendQPACK(append(dst, 0, 0), []byte(":status"), text[len("HTTP/1.1 "):][:3], false)
	return appendQPACKLines(dst, text[bytes.IndexByte(text, '\n')+1:])
}

// AppendQPACKLines appends the block of a trailer section.
func AppendQPACKLines(dst, lines []byte) []byte { return appendQPACKLines(append(dst, 0, 0), lines) }

// appendQPACKLines appends the lines of text up to an empty one.
func appendQPACKLines(dst, text []byte) []byte {
	var lower [64]byte
	for len(text) > 0 && text[0] != '\r' {
		end := bytes.IndexByte(text, '\n')
		if end < 1 {
			break
		}
		name, value := splitLine(text[:end-1])
		text = text[end+1:]
		if len(name) == 0 {
			continue
		}
		how := literal
		name = appendLower(lower[:0], name)
		if len(name) <= longestName {
			_, how = mannerOf(name)
		}
		if how != connection {
			dst = appendQPACK(dst, name, value, how == secret)
		}
	}
	return dst
}

// appendQPACK appends a field.
func appendQPACK(dst, name, value []byte, never bool) []byte {
	index := -1
	if len(name) < len(qpackByLength) {
		for _, i := range []byte(qpackByLength[len(name)]) {
			f := &qpackFields[i]
			if f.name != string(name) {
				continue
			}
			if f.value == string(value) && !never {
				return appendInteger(dst, qpackIndexed|qpackStatic, 6, int(i))
			}
			if index < 0 {
				index = int(i)
			}
		}
	}
	switch {
	case index >= 0 && never:
		dst = appendInteger(dst, qpackNamed|qpackNamedStatic|qpackNamedNever, 4, index)
	case index >= 0:
		dst = appendInteger(dst, qpackNamed|qpackNamedStatic, 4, index)
	case never:
		dst = append(appendInteger(dst, qpackLiteral|qpackNever, 3, len(name)), name...)
	default:
		dst = append(appendInteger(dst, qpackLiteral, 3, len(name)), name...)
	}
	return appendValue(dst, value)
}
