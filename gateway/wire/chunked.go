package wire

// Bounds of the chunked transfer coding beyond its content. RFC 9112, section 7.1.1, asks
// servers to limit extensions, and RFC 9110, section 5.4, lets them limit fields; a message
// without such bounds could be endless framing around no content.
const (
	maxChunkLine   = 4<<10 - 1 // one chunk-size line with its extensions
	maxWaste       = 16 << 10  // framing in excess of what honest chunks need
	maxTrailer     = 16 << 10  // trailer section, in bytes
	maxTrailerLine = 128       // trailer section, in lines
	maxChunkDigits = 16        // chunk-size, with leading zeros
)

// Chunked decodes the chunked transfer coding piece by piece, as bytes arrive. Extensions are
// validated and dropped, the trailer section is validated and kept. The zero value is at the
// beginning of the content. See RFC 9112, section 7.1.
//
//	chunked-body   = *chunk last-chunk trailer-section CRLF
//	chunk          = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
//	last-chunk     = 1*("0") [ chunk-ext ] CRLF
//
// It is one automaton over bytes. HEXDIG stays in chunkSize; a byte that has no arrow is a fault:
//
//	  ┌───────── LF ── chunkDataLF ◄── CR ── chunkDataCR ◄───┐
//	  ▼                                                      │ size used up
//	chunkSize ── CR ──► chunkSizeLF ── LF, size > 0 ──► chunkData
//	  │                   ▲   └─────── LF, size 0 ───► trailerStart ── CR ──► chunkEndLF
//	 ';'                  CR                             │       ▲               │ LF
//	  ▼                   │                            tchar     LF              ▼
//	chunkExt ─────────────┘                              ▼       │           chunkDone
//	  (see extensionByte)                        trailerName ─► trailerLF
//	                                               (see trailerByte)
//
// CR and LF are separate states, so that a bare LF is never an end of line: a server that ends
// the line at "5;\n" where a proxy reads on to CRLF sees another message in the same bytes
// (TERM.EXT and its relatives: J. Weikop, "Funky chunks", 2025; CVE-2025-58056).
//
// Content is never copied: Next returns parts of what it is given.
type Chunked struct {
	state    chunkState
	digits   uint8
	lines    uint8  // trailer lines so far
	size     uint64 // of this chunk, then what remains of it
	line     int    // bytes of this line so far; of a trailer, where its value begins
	waste    int    // framing bytes in excess
	total    int    // bytes of the trailer section, as it came
	trailers []byte // see Trailers
}

type chunkState uint8

const (
	// The order matters: all states from trailerStart on are of the trailer section.
	chunkSize chunkState = iota
	chunkExt             // after ';', wants a name
	chunkExtName
	chunkExtValue // after '=', wants a value
	chunkExtToken
	chunkExtQuoted
	chunkExtEscape
	chunkExtEnd // after a quoted string
	chunkSizeLF
	chunkData
	chunkDataCR
	chunkDataLF
	trailerStart
	trailerName
	trailerBlank // between the colon and the value
	trailerValue
	trailerLF
	chunkEndLF
	chunkDone
)

// Done reports whether the last chunk and the trailer section have been read.
func (c *Chunked) Done() bool { return c.state == chunkDone }

// Trailers returns the lines of the trailer section when the decoder is Done: each is a name, a
// colon, a space, the value without blanks around it, and CRLF, as heads are written. nil:
// there are none. Decoding them again yields the same. The slice belongs to the decoder and is
// not modified after it is Done.
func (c *Chunked) Trailers() []byte { return c.trailers }

// Left returns how many bytes of the current chunk are still missing. A client may announce up
// to about 2⁶² bytes: callers must not allocate by it.
func (c *Chunked) Left() uint64 { return c.size }

// Next reads from src. It returns a run of content, which aliases src and may be empty, and how
// many bytes of src were used. It uses all of src unless it returns content or is done; call it
// again with the rest. After a fault the decoder must not be used again, and the connection has
// no next message: where it would begin is unknown.
func (c *Chunked) Next(src []byte) (data []byte, n int, fault *Fault) {
	for n < len(src) && c.state != chunkDone {
		// All bytes of the chunk that have arrived, at once; the automaton runs only over framing.
		if c.state == chunkData {
			data = src[n:]
			if uint64(len(data)) > c.size {
				data = data[:c.size]
			}
			n += len(data)
			if c.size -= uint64(len(data)); c.size == 0 {
				c.state = chunkDataCR
			}
			return data, n, nil
		}
		b := src[n]
		n++
		if c.state >= trailerStart {
			fault = c.trailerByte(b)
		} else {
			fault = c.frameByte(b)
		}
		if fault != nil {
			return nil, n, fault
		}
	}
	return nil, n, nil
}

// frameByte reads one byte of what frames the chunks, and counts it: c.line is the length of
// the current line, from its first digit.
func (c *Chunked) frameByte(b byte) *Fault {
	if c.line++; c.line > maxChunkLine {
		return FaultChunkWaste
	}
	switch c.state {
	case chunkSize:
		return c.sizeByte(b)
	case chunkSizeLF:
		if b != '\n' {
			return FaultChunk
		}
		return c.lineEnd()
	// Content must end exactly where its size said. A chunk that is one byte longer or shorter
	// than announced is how a second request gets between two readers.
	case chunkDataCR:
		if b != '\r' {
			return FaultChunk
		}
		c.state = chunkDataLF
	case chunkDataLF:
		if b != '\n' {
			return FaultChunk
		}
		c.state, c.digits, c.line = chunkSize, 0, 0
	default:
		return c.extensionByte(b)
	}
	return nil
}

// sizeByte reads one byte of chunk-size, or the one after it. It accepts 1*HEXDIG and nothing
// else: no sign, no "0x", no "_" and no blank, all of which strtol, int() or lenient scanners
// accept (such as "0x5", "+5" or "5 ").
func (c *Chunked) sizeByte(b byte) *Fault {
	if octet[b]&hexDigit != 0 {
		if c.digits++; c.digits > maxChunkDigits {
			return FaultChunk
		}
		// 'A' and 'a' are 1 in their low four bits.
		d := uint64(b & 0xf)
		if b > '9' {
			d += 9
		}
		// Refused well before a shift could lose bits: a size that wraps around to a small
		// number is the plainest desynchronization there is.
		if c.size > 1<<58 {
			return FaultChunkSize
		}
		c.size = c.size<<4 | d
		return nil
	}
	switch {
	// An empty size is not zero.
	case c.digits == 0:
		return FaultChunk
	case b == '\r':
		c.state = chunkSizeLF
	case b == ';':
		c.state = chunkExt
	default:
		return FaultChunk
	}
	return nil
}

// lineEnd is reached after the LF of a chunk-size line.
//
// A chunk is granted 16 bytes of framing and as many as it has content; what exceeds that adds
// up over the message, so that a body of one-byte chunks with long extensions is refused early
// (the rule of Go's net/http, CVE-2023-39326):
//
//	chunk                    line   granted        excess
//	"4000\r\n" + 16 KiB         6   16 + 4095      none
//	"1;ext=…1 KiB…\r\n" + 1  1034   16 + 1          1017: the 17th such chunk ends it
func (c *Chunked) lineEnd() *Fault {
	c.waste += c.line - 16 - int(min(c.size, maxChunkLine))
	// Credit is not saved up: an honest beginning must not pay for an endless end.
	c.waste = max(c.waste, 0)
	if c.waste > maxWaste {
		return FaultChunkWaste
	}
	c.line = 0
	if c.state = chunkData; c.size == 0 {
		c.state = trailerStart
	}
	return nil
}
