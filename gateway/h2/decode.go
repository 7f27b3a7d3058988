package h2

import (
	"math"

	"github.com/corsgate/corsgate/gateway/wire"
)

// A Decoder reads the header blocks of one direction of a connection. Init comes first.
//
//	first byte   representation                              RFC 7541
//	1xxxxxxx     indexed field                               6.1
//	01xxxxxx     literal with incremental indexing           6.2.1, goes to the table
//	0000xxxx     literal without indexing                    6.2.2
//	0001xxxx     literal never indexed                       6.2.3
//	001xxxxx     dynamic table size update                   6.3, only at the beginning of a block
//
//	index   0         1 … 61          62 … 61+n
//	        invalid   static table    dynamic table, newest first
type Decoder struct {
	table table
}

// Init makes d ready for the first block of a connection.
func (d *Decoder) Init() { *d = Decoder{table: table{max: tableSize}} }

// Decode reads a whole block to h, which Begin has made ready. Any code but NoError ends the
// connection. With COMPRESSION_ERROR the table is out of step with the encoder's, and every
// later block would be misread (RFC 9113, section 4.3). With ENHANCE_YOUR_CALM the block says
// far more than was announced: a few bytes that index a 4 KiB entry a thousand times (HPACK
// bomb, CVE-2016-6581) are read only up to bombFactor.
func (d *Decoder) Decode(b []byte, h *Head) Code {
	first := true // nothing but table sizes has come
	for len(b) > 0 {
		switch o := b[0]; {
		case o >= 0x80:
			// The usual case: no bytes to parse, and no validation, which the entry went
			// through when it was added.
			if n := d.run(b, h); n > 0 {
				b, first = b[n:], false
				break
			}
			i, n := integer(b, 7)
			if n == 0 {
				return CompressionError
			}
			b, first = b[n:], false
			if i <= staticSize {
				if i == 0 {
					return CompressionError
				}
				h.add(&staticLines[i])
				break
			}
			if i -= staticSize + 1; i >= d.table.n {
				return CompressionError
			}
			l := d.table.line(i)
			h.add(&l)
		case o >= 0x40 || o < 0x20:
			n := d.literal(b, h)
			if n == 0 {
				return CompressionError
			}
			b, first = b[n:], false
		default:
			// RFC 7541, section 4.2: not above the announced limit, and before the first field.
			size, n := integer(b, 5)
			if n == 0 || size > tableSize || !first {
				return CompressionError
			}
			b = b[n:]
			d.table.resize(size)
		}
		if h.size > h.most {
			return EnhanceYourCalm
		}
	}
	return NoError
}

// run adds the fields at the front of b that are entries of the dynamic table, one after the other, by a single copy. It returns how
// many bytes they take, or 0 if they are for Head.add: because they are not plain, or there is no room. Clients that repeat a field
// repeat its neighbours, too, in the same order, and then the lines are adjacent.
//
//	b      0xc5           0xc4                       0xc3                             0x0f …
//	mem    accept: */*\r\n│sec-fetch-mode: cors\r\n│sec-fetch-site: cross-site\r\n│ …
func (d *Decoder) run(b []byte, h *Head) (n int) {
	t, most := &d.table, h.limits.Fields-h.lines
	i := int(b[0]) - (0x80 | staticSize + 1)
	if i < 0 || i >= t.n || b[0] == 0xff || h.Malformed {
		return 0
	}
	e := t.entry(i)
	if !h.lined && e.kind == plain && !e.bad {
		h.startLine() // it may take room, or find that the head is malformed
	}
	from, size, room := int(e.at), 0, h.room()-len(h.Text)
	for n < len(b) && n <= i && n < most && b[n] == b[0]-byte(n) {
		e = t.entry(i - n)
		if size += e.size(); e.kind != plain || e.bad || size > room {
			size -= e.size()
			break
		}
		n++
	}
	if n == 0 || h.Malformed {
		return 0
	}
	at := len(h.Text)
	h.Text = append(h.Text, t.mem[from:from+size]...)
	h.size += size + n*(overhead-len(": \r\n"))
	h.lines += n
	fields := h.fields
	for k := range n {
		e, l := t.entry(i-k), h.Text[at:]
		at += e.size()
		fields = appendField(fields, l[:e.name], l[e.name+2:][:e.value:e.value], e.id)
	}
	h.fields = fields
	return n
}

// literal reads a literal at the front of b and adds it to h, and to the table if it says so.
// It returns how many bytes it takes, or 0 if it is malformed. The line is built as HTTP/1.1
// text, in memory that h keeps, and classified once: copies from the table carry kind, ID and
// verdict.
func (d *Decoder) literal(b []byte, h *Head) (n int) {
	keep := b[0] >= 0x40
	bits := uint(4)
	if keep {
		bits = 6
	}
	i, n := integer(b, bits)
	if n == 0 || i > staticSize+d.table.n {
		return 0
	}
	var l line
	text := h.line[:0]
	switch {
	case i == 0:
		var k int
		if text, k = appendString(text, b[n:], 7); k == 0 {
			return 0
		}
		n += k
		l.kind, l.id = kindOf(text), wire.IdentifyRequest(text)
	case i <= staticSize:
		s := &staticLines[i]
		text, l.kind = append(text, s.text[:s.name]...), s.kind
		l.id = s.id
	default:
		s := d.table.line(i - staticSize - 1)
		text, l.kind = append(text, s.text[:s.name]...), s.kind
		l.id = s.id
	}
	k := h.literal(&l, text, b[n:])
	if k == 0 {
		return 0
	}
	if keep {
		d.table.add(&l)
	}
	return n + k
}

// literal adds the field whose name text holds, in the memory of h.line, and whose value is the string literal at the front of b. It
// returns how many bytes that takes, or 0 if it is not one.
func (h *Head) literal(l *line, text, b []byte) (n int) {
	l.name = len(text)
	text, n = appendString(append(text, ": "...), b, 7)
	if n == 0 {
		return 0
	}
	l.text = append(text, "\r\n"...)
	// A single long literal must not leave its memory behind for the life of the connection.
	if h.line = l.text; cap(h.line) > keptLine {
		h.line = nil
	}
	l.bad = !l.kind.takes(l.value())
	h.add(l)
	return n
}

// integer reads an integer with a prefix of some bits at the front of b, which is not empty. It
// returns how many bytes it takes, or 0 for one that is cut off, or has more than nine bytes
// after the prefix: that is room for 62 bits, which RFC 9204, section 4.1.1, asks for, and RFC
// 7541, section 5.1, asks implementations to refuse what exceeds their limits: an endless run of
// 0x80 is a valid zero. What is larger than any size here is [math.MaxInt32].
//
//	prefix of 5 bits, 1337:  001 11111   1 0011010   0 0001010
//	                             31    +    26     +   10·128
func integer(b []byte, bits uint) (v, n int) {
	most := 1<<bits - 1
	if v = int(b[0]) & most; v < most {
		return v, 1
	}
	long := uint64(v)
	for i := 1; i < min(len(b), 10); i++ {
		long += uint64(b[i]&0x7f) << (7 * (i - 1))
		if b[i] < 0x80 {
			return int(min(long, math.MaxInt32)), i + 1
		}
	}
	return 0, 0
}

// appendString appends the string literal at the front of b, whose length has a prefix of some bits. It returns how many bytes
// that takes, or 0 if it is not one. See RFC 7541, section 5.2.
func appendString(dst, b []byte, bits uint) (out []byte, n int) {
	if len(b) == 0 {
		return dst, 0
	}
	size, n := integer(b, bits)
	if n == 0 || size > len(b)-n {
		return dst, 0
	}
	s := b[n : n+size]
	if b[0]>>bits&1 == 0 {
		return append(dst, s...), n + size
	}
	out, ok := appendHuffman(dst, s)
	if !ok {
		return dst, 0
	}
	return out, n + size
}
