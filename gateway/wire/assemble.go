package wire

// Assemble is Parse for a head that has already been split into its parts: it makes r what Parse
// makes of the equivalent HTTP/1.1 text, or returns the fault that Parse returns. The caller sets
// r.Fields to the fields, in their order, with their IDs; it vouches for what Parse would know of
// the text alone:
//
//   - method and target are not empty, and hold neither control characters nor SP;
//   - the names are tokens, the values have only bytes that can be in one and no white space at either end;
//   - the line of each field stands behind the beginning of its Name, up to its CRLF;
//   - all of that is within the limits.
func (r *Request) Assemble(method, target []byte) *Fault {
	fields, options := r.Fields, r.options[:0]
	*r = Request{}
	r.Method, r.Minor, r.Fields, r.options = method, 1, fields, options
	n := 0
	for n < len(method) && octet[method[n]]&tchar != 0 {
		n++
	}
	switch {
	case n > maxMethod:
		return FaultMethodLength
	case n < len(method):
		return FaultRequestLine
	}
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
