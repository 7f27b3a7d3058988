package wire

// Assemble is Parse for a head that has already been split into its parts: it fills r as Parse
// does for the equivalent HTTP/1.1 text, or returns the fault that Parse returns. HTTP/2 and
// HTTP/3 decoders use it: the checks of a request exist once, whatever version brought it, so a
// translation from HTTP/2 cannot carry what HTTP/1.1 would refuse (RFC 9113, section 10.3;
// "HTTP/2: the sequel is always worse", 2021).
//
//	HTTP/1.1 bytes ──Parse──► requestLine, fieldLine… ─┐
//	HPACK, QPACK ──decoder──► fields ──Assemble──► judgeLine ─► classify ─► judge ─► Request
//
// The caller sets r.Fields to the fields, in their order, with their IDs; it vouches for what
// Parse would know of the text alone:
//
//   - method and target are not empty, and contain neither control characters nor SP;
//   - the names are tokens, the values have only bytes that can be in one and no white space at
//     either end;
//   - the line of each field stands behind the beginning of its Name, up to its CRLF (see
//     exact);
//   - all of that is within the limits.
func (r *Request) Assemble(method, target []byte) *Fault {
	fields, options := r.Fields, r.options[:0]
	*r = Request{}
	r.Method, r.Minor, r.Fields, r.options = method, 1, fields, options
	n := 0
	// A field value may contain more than a token: ":method: GET /admin HTTP/1.1" must not
	// become a request line on the way to an HTTP/1.1 upstream.
	for n < len(method) && octet[method[n]]&tchar != 0 {
		n++
	}
	switch {
	case n > maxMethod:
		return FaultMethodLength
	case n < len(method):
		return FaultRequestLine
	}
	// How much of the target is of characters that a target may contain; see
	// Request.requestLine.
	whole := 0
	for whole < len(target) && octet[target[whole]]&queryByte != 0 {
		whole++
	}
	if fault := r.judgeLine(target, whole); fault != nil {
		return fault
	}
	return r.classify()
}

// IdentifyRequest returns the ID that Parse gives to a field of this name.
func IdentifyRequest(name []byte) FieldID {
	if IsLookalike(name) {
		return Lookalike
	}
	return Identify(name)
}
