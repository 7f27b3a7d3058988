package h2

import (
	"bytes"

	"github.com/corsgate/corsgate/gateway/wire"
)

// This file is QPACK, the header compression of HTTP/3, without a dynamic table: SETTINGS_QPACK_MAX_TABLE_CAPACITY is 0, so that no
// header block depends on another stream. It makes the same heads as HPACK. See RFC 9204, section 4.5.

// DecodeQPACK decodes the field section b into h, which Begin has prepared, and completes h. It reports false if b is not a valid
// field section, which is a connection error of type QPACK_DECOMPRESSION_FAILED (RFC 9204, section 6). Decoding stops as soon as
// the head exceeds its limits. With cut, b is only the beginning of a section that exceeds them, and h has a Fault.
func DecodeQPACK(b []byte, h *Head, cut bool) bool {
	required, n := 0, 0
	if len(b) > 0 {
		required, n = integer(b, 8)
	}
	if n == 0 || required != 0 || len(b) == n || b[n]&0x80 != 0 {
		return false // a Required Insert Count that is not 0 needs a dynamic table, and a Sign bit then makes Base negative: section 4.5.1
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

// cutShort completes a head of which only the beginning was read, because it is too large. If it was cut within a long target, it
// gets another target, so that it can be answered like any request.
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

// The representations of field lines, by their first byte. In each, the last item is an integer whose prefix has that many bits. T is
// 1 for the static table; N says that no intermediary may add the line to a dynamic table; H says that a string is Huffman-coded.
//
//	1 T index:6               indexed, section 4.5.2
//	0 1 N T index:4           a literal value with an indexed name, section 4.5.4
//	0 0 1 N H length:3        a literal name and value, section 4.5.6
//	0 0 0 1 index:4           indexed above Base, section 4.5.3: dynamic table only, so refused
//	0 0 0 0 N index:3         likewise with a literal value, section 4.5.5: refused
const (
	qpackIndexed     = 0x80
	qpackNamed       = 0x40
	qpackLiteral     = 0x20
	qpackStatic      = 0x40 // T of qpackIndexed
	qpackNamedStatic = 0x10 // T of qpackNamed
	qpackNamedNever  = 0x20 // N of qpackNamed
	qpackNever       = 0x10 // N of qpackLiteral
)

// qpackLine decodes the field line at the front of b, which is not empty, into h. It returns its length in bytes, or 0 if it is not valid.
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
		return 0 // sections 4.5.3 and 4.5.5: an entry of the dynamic table
	}
	k := h.literal(&l, text, b[n:])
	if k == 0 {
		return 0
	}
	return n + k
}

// AppendQPACK appends the field section for the response head in text, which is an HTTP/1.1 head. Connection-specific fields are
// left out; see RFC 9114, section 4.2.
func AppendQPACK(dst, text []byte) []byte {
	dst = appendQPACK(append(dst, 0, 0), []byte(":status"), text[len("HTTP/1.1 "):][:3], false)
	return appendQPACKLines(dst, text[bytes.IndexByte(text, '\n')+1:])
}

// AppendQPACKLines appends the field section for a trailer section.
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
