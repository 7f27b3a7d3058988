package wire

// extensionByte reads one byte of chunk-ext:
//
//	chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
//
//	chunkExt        tchar ─► chunkExtName
//	chunkExtName    tchar ─► itself            '=' ─► chunkExtValue    may end
//	chunkExtValue   tchar ─► chunkExtToken     '"' ─► chunkExtQuoted
//	chunkExtToken   tchar ─► itself                                    may end
//	chunkExtQuoted  '\' ─► chunkExtEscape      '"' ─► chunkExtEnd
//	chunkExtEscape  any field byte ─► chunkExtQuoted
//	chunkExtEnd                                                        may end
//
//	may end: ';' ─► chunkExt, CR ─► chunkSizeLF
//
// Extensions are dropped because no recipient may rely on them (they end at the next hop), but
// they are read to the letter: the blanks that RFC 9112, section 7.1.1, calls bad (BWS) are
// refused, since a recipient that accepts them and one that does not differ in where the line
// ends.
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
