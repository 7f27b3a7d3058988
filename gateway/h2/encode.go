package h2

import (
	"bytes"
	"hash/maphash"
)

// The part of the client's dynamic table that the encoder uses. It is smaller than the default of 4096 bytes, so nothing that the
// encoder puts there is ever evicted, and indexes only shift as lines are added.
const (
	encoderBytes = 1 << 10 // as RFC 7541, section 4.1, counts
	encoderLines = 24
)

var seed = maphash.MakeSeed()

// An Encoder turns heads of HTTP/1.1 into the header blocks of one direction of a connection.
// Lines that hardly change from response to response go to the client's table, as long as there
// is room, and are one byte from then on; all others are literals.
//
//	response 1   vary: Origin                          0x7b + value     added as 62
//	response 2   vary: Origin                          0xbe             index 62
//	both         date: …                               0x0f 0x12 + value, never added
//	both         set-cookie: …                         0x1f 0x28 + value, never indexed, here or further on
//
// Nothing secret goes there: an attacker who can make requests and see the sizes of responses
// could otherwise guess it byte by byte (CRIME; RFC 7541, section 7.1). Values are written
// without Huffman coding, which takes no table and no second pass.
type Encoder struct {
	hashes [encoderLines]uint64
	ends   [encoderLines]uint16 // of the lines, in text
	text   []byte
	n      int
	room   int
	next   int  // the line that is likely to follow: responses have their lines in the same order
	off    bool // the table is not used
	owed   bool // the decoder must still be told
}

// Init makes e ready for the first block of a connection.
func (e *Encoder) Init() { *e = Encoder{room: encoderBytes} }

// Limit notes how large the client lets the table be (SETTINGS_HEADER_TABLE_SIZE). If it is
// smaller than the protocol's default, the table is not used at all: eviction would have to be
// followed, for clients that hardly exist.
func (e *Encoder) Limit(size uint32) {
	if size < tableSize && !e.off {
		*e = Encoder{off: true, owed: true}
	}
}

// AppendHead appends the block for text, which begins with the head of a response and its empty line.
func (e *Encoder) AppendHead(dst, text []byte) []byte {
	dst, _ = e.appendHead(dst, text)
	return dst
}

// appendHead is AppendHead, and returns how many bytes the head takes.
func (e *Encoder) appendHead(dst, text []byte) (out []byte, n int) {
	dst = appendStatus(e.appendOwed(dst), text[len("HTTP/1.1 "):][:3])
	n = bytes.IndexByte(text, '\n') + 1
	dst, lines := e.appendLines(dst, text[n:], true)
	return dst, min(n+lines+len("\r\n"), len(text))
}

// AppendLines appends the block of a trailer section. Its lines do not go to the table.
func (e *Encoder) AppendLines(dst, lines []byte) []byte {
	dst, _ = e.appendLines(e.appendOwed(dst), lines, false)
	return dst
}

// appendOwed tells the decoder, once, that the table has no room. See RFC 7541, section 4.2.
func (e *Encoder) appendOwed(dst []byte) []byte {
	if e.owed {
		e.owed = false
		dst = append(dst, 0x20)
	}
	return dst
}

// appendStatus appends :status: one byte for the codes of the static table (indexes 8 to 14),
// else a literal with the name of index 8.
func appendStatus(dst, digits []byte) []byte {
	const name, status = 8, "200204206304400404500"
	for i := 0; i < len(status); i += 3 {
		if string(digits) == status[i:i+3] {
			return append(dst, byte(0x80|name+i/3))
		}
	}
	return append(dst, name, 3, digits[0], digits[1], digits[2])
}

// appendLines appends the lines of text up to an empty one, and returns how many bytes they take.
func (e *Encoder) appendLines(dst, text []byte, steady bool) (out []byte, n int) {
	rest := text
	for len(rest) > 0 && rest[0] != '\r' {
		if e.next < e.n {
			if l := e.line(e.next); len(rest) > len(l) && rest[len(l)] == '\r' && string(rest[:len(l)]) == string(l) {
				dst = appendInteger(dst, 0x80, 7, staticSize+e.n-e.next)
				e.next++
				rest = rest[min(len(l)+len("\r\n"), len(rest)):]
				continue
			}
		}
		end := bytes.IndexByte(rest, '\n')
		if end < 1 {
			break
		}
		line := rest[:end-1]
		rest = rest[end+1:]
		if name := ownName(line); name != nil {
			dst = appendValue(append(dst, name.block...), line[len(name.line):])
		} else if i := e.find(line); i >= 0 {
			dst = appendInteger(dst, 0x80, 7, staticSize+e.n-i)
			e.next = i + 1
		} else {
			dst = e.appendLine(dst, line, steady)
		}
	}
	e.next = 0
	return dst, len(text) - len(rest)
}

// A ready is the name of a field as the gateway writes it, and as the beginning of a literal
// without indexing.
type ready struct {
	line  string
	block []byte
}

// ownNames are those of the fields that the gateway adds to every response, and whose value
// always changes.
var ownNames = [...]ready{
	{"Date: ", []byte{0x0f, 33 - 0x0f}},
	{"X-Request-Id: ", append([]byte{0, byte(len("x-request-id"))}, "x-request-id"...)},
}

// ownName returns which of ownNames a line begins with, if its value has no white space at its
// ends, or nil.
func ownName(line []byte) *ready {
	for i := range ownNames {
		n := &ownNames[i]
		if len(line) > len(n.line) && string(line[:len(n.line)]) == n.line && !blank(line[len(n.line)]) && !blank(line[len(line)-1]) {
			return n
		}
	}
	return nil
}

// find returns which of the lines in the client's table a line is, or -1.
func (e *Encoder) find(line []byte) int {
	if e.n == 0 {
		return -1
	}
	h := maphash.Bytes(seed, line)
	for i := range e.n {
		if e.hashes[i] == h && bytes.Equal(e.line(i), line) {
			return i
		}
	}
	return -1
}

// line returns line i of the client's table, in the order in which they were added.
func (e *Encoder) line(i int) []byte {
	start := 0
	if i > 0 {
		start = int(e.ends[i-1])
	}
	return e.text[start:e.ends[i]]
}

// appendLine appends a line that is not in the client's table, and adds it to the table if it
// is settled, as long as there is room.
func (e *Encoder) appendLine(dst, line []byte, steady bool) []byte {
	name, value := splitLine(line)
	if len(name) == 0 {
		return dst
	}
	var known [longestName]byte
	index, how := 0, literal
	if len(name) <= len(known) {
		index, how = mannerOf(appendLower(known[:0], name))
	}
	first, bits := byte(0), uint(4)
	switch size := len(name) + len(value) + overhead; {
	case how == connection:
		return dst
	case how == secret:
		first = 0x10 // never indexed
	case how == settled && steady && e.n < encoderLines && size <= e.room:
		first, bits = 0x40, 6
		e.room -= size
		e.text = append(e.text, line...)
		e.hashes[e.n], e.ends[e.n] = maphash.Bytes(seed, line), uint16(len(e.text))
		e.n++
	}
	dst = appendInteger(dst, first, bits, index)
	if index == 0 {
		dst = appendLower(appendInteger(dst, 0, 7, len(name)), name)
	}
	return appendValue(dst, value)
}

// splitLine returns the parts of a field line. There is no name if it is not one.
func splitLine(line []byte) (name, value []byte) {
	colon := bytes.IndexByte(line, ':')
	if colon < 1 {
		return nil, nil
	}
	return bytes.TrimRight(line[:colon], " \t"), bytes.Trim(line[colon+1:], " \t")
}

// appendValue appends a string literal without Huffman coding.
func appendValue(dst, value []byte) []byte {
	return append(appendInteger(dst, 0, 7, len(value)), value...)
}

// appendLower appends a name in lower case: RFC 9113, section 8.2, has no others.
func appendLower(dst, name []byte) []byte {
	for _, c := range name {
		if c-'A' < 26 {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

// appendInteger appends v with a prefix of some bits. See RFC 7541, section 5.1.
func appendInteger(dst []byte, first byte, bits uint, v int) []byte {
	most := 1<<bits - 1
	if v < most {
		return append(dst, first|byte(v))
	}
	dst = append(dst, first|byte(most))
	for v -= most; v >= 0x80; v >>= 7 {
		dst = append(dst, byte(v)|0x80)
	}
	return append(dst, byte(v))
}

// longestName is the length of the longest name that mannerOf knows.
const longestName = len("access-control-allow-credentials") // that mannerOf knows

// A manner is how a field is written.
type manner uint8

const (
	literal    manner = iota
	settled           // it hardly changes, and may go to the client's table
	secret            // no table on the way may keep it
	connection        // it is not of HTTP/2; see RFC 9113, section 8.2.2
)

// mannerOf returns how a field of a name is written, with the index of the name in the static
// table, or 0. Settled are fields that come from configuration; Access-Control-Allow-Origin
// belongs to them because a connection usually carries one page's requests, and it repeats what
// the client itself sent. Set-Cookie is secret.
func mannerOf(name []byte) (index int, how manner) {
	switch string(name) {
	case "date":
		return 33, literal
	case "content-length":
		return 28, literal
	case "content-type":
		return 31, settled
	case "vary":
		return 59, settled
	case "access-control-allow-origin":
		return 20, settled
	case "access-control-allow-methods", "access-control-allow-headers", "access-control-max-age",
		"access-control-allow-credentials", "access-control-expose-headers", "timing-allow-origin", "alt-svc",
		"x-content-type-options", "x-frame-options", "referrer-policy", "cross-origin-resource-policy":
		return 0, settled
	case "server":
		return 54, settled
	case "cache-control":
		return 24, settled
	case "content-encoding":
		return 26, settled
	case "strict-transport-security":
		return 56, settled
	case "etag":
		return 34, literal
	case "last-modified":
		return 44, literal
	case "location":
		return 46, literal
	case "allow":
		return 22, literal
	case "www-authenticate":
		return 61, literal
	case "set-cookie":
		return 55, secret
	case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade":
		return 0, connection
	}
	return 0, literal
}
