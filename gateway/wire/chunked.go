package wire

// Bounds of the chunked transfer coding beyond its content.
const (
	maxChunkLine   = 4<<10 - 1 // one chunk-size line with its extensions
	maxWaste       = 16 << 10  // framing in excess of what honest chunks need
	maxTrailer     = 16 << 10  // trailer section, in bytes
	maxTrailerLine = 128       // trailer section, in lines
	maxChunkDigits = 16        // chunk-size, with leading zeros
)

// Chunked decodes the chunked transfer coding piece by piece, as bytes arrive. Extensions are validated
// and dropped, the trailer section is validated and kept. The zero value is at the beginning of the content.
// See RFC 9112, section 7.1.
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

// Trailers returns the lines of the trailer section when the decoder is Done: each is a name, a colon, a space, the value without
// blanks around it, and CRLF, as heads are written. nil: there are none. Decoding them again yields the same.
func (c *Chunked) Trailers() []byte { return c.trailers }

// Left returns how many bytes the current chunk has yet to bring, which may be more than anyone
// would want to wait for.
func (c *Chunked) Left() uint64 { return c.size }

// Next reads from src. It returns a run of content, which aliases src and may be empty, and how
// many bytes of src were used. It uses all of src unless it returns content or is done; call it
// again with the rest.
func (c *Chunked) Next(src []byte) (data []byte, n int, fault *Fault) {
	for n < len(src) && c.state != chunkDone {
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

// frameByte reads one byte of what frames the chunks.
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

// sizeByte reads one byte of chunk-size, or the one after it.
func (c *Chunked) sizeByte(b byte) *Fault {
	if octet[b]&hexDigit != 0 {
		if c.digits++; c.digits > maxChunkDigits {
			return FaultChunk
		}
		d := uint64(b & 0xf)
		if b > '9' {
			d += 9
		}
		if c.size > 1<<58 {
			return FaultChunkSize
		}
		c.size = c.size<<4 | d
		return nil
	}
	switch {
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
// A chunk is granted 16 bytes of framing and as many as it has content; what is above adds up
// over the message, so that a body of one-byte chunks with long extensions is refused early
// (the rule of Go's net/http, CVE-2023-39326).
func (c *Chunked) lineEnd() *Fault {
	c.waste += c.line - 16 - int(min(c.size, maxChunkLine))
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

// extensionByte reads one byte of chunk-ext. See RFC 9112, section 7.1.1; the blanks that it
// calls bad are refused.
func (c *Chunked) extensionByte(b byte) *Fault {
	token := octet[b]&tchar != 0
	switch c.state {
	case chunkExt:
		if !token {
			return FaultChunk
		}
		c.state = chunkExtName
	case chunkExtName:
		if b == '=' {
			c.state = chunkExtValue
			return nil
		}
		return c.tokenByte(b, token)
	case chunkExtValue:
		switch {
		case b == '"':
			c.state = chunkExtQuoted
		case token:
			c.state = chunkExtToken
		default:
			return FaultChunk
		}
	case chunkExtToken:
		return c.tokenByte(b, token)
	case chunkExtQuoted:
		switch {
		case b == '"':
			c.state = chunkExtEnd
		case b == '\\':
			c.state = chunkExtEscape
		case octet[b]&fieldByte == 0:
			return FaultChunk
		}
	case chunkExtEscape:
		if octet[b]&fieldByte == 0 {
			return FaultChunk
		}
		c.state = chunkExtQuoted
	case chunkExtEnd:
		return c.tokenByte(b, false)
	}
	return nil
}

// tokenByte reads an byte in or after a token of an extension.
func (c *Chunked) tokenByte(b byte, token bool) *Fault {
	switch {
	case token:
	case b == ';':
		c.state = chunkExt
	case b == '\r':
		c.state = chunkSizeLF
	default:
		return FaultChunk
	}
	return nil
}

// trailerByte reads one byte of the trailer section or of the empty line that ends the content. What is kept of the section is
// bounded like what came of it: a space after a colon may have been added.
func (c *Chunked) trailerByte(b byte) *Fault {
	if c.total++; c.total > maxTrailer || len(c.trailers) > maxTrailer-len("\r\n") {
		return FaultTrailer
	}
	switch c.state {
	case trailerStart:
		if b == '\r' {
			c.state = chunkEndLF
			return nil
		}
		if c.lines++; octet[b]&tchar == 0 || c.lines > maxTrailerLine {
			return FaultTrailer
		}
		c.state = trailerName
	case trailerName:
		if b == ':' {
			c.trailers = append(c.trailers, ": "...)
			c.line, c.state = len(c.trailers), trailerBlank
			return nil
		}
		if octet[b]&tchar == 0 {
			return FaultTrailer
		}
	case trailerBlank, trailerValue:
		return c.trailerValueByte(b)
	case trailerLF:
		if b != '\n' {
			return FaultTrailer
		}
		c.state = trailerStart
	case chunkEndLF:
		if b != '\n' {
			return FaultTrailer
		}
		c.state = chunkDone
		return nil
	}
	c.trailers = append(c.trailers, b)
	return nil
}

// trailerValueByte reads one byte of a value, or of the blanks around it, or the one after it.
func (c *Chunked) trailerValueByte(b byte) *Fault {
	switch {
	case b == '\r':
		c.trailers = append(c.trailers[:c.line], trim(c.trailers[c.line:])...)
		c.state = trailerLF
	case octet[b]&fieldByte == 0:
		return FaultTrailer
	case c.state == trailerBlank && (b == ' ' || b == '\t'):
		return nil
	default:
		c.state = trailerValue
	}
	c.trailers = append(c.trailers, b)
	return nil
}
