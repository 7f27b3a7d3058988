package wire

// A Response is the head of a response, classified. Parse may be called again and again on the
// same Response and then reuses its memory. All slices alias the buffer that was parsed, as in
// a [Request].
type Response struct {
	Status int
	Reason []byte // may be empty
	Minor  uint8  // HTTP/1.Minor
	Fields []Field

	// Length is the number of bytes of content the head announces, -1 without a Content-Length.
	// Whether content follows at all depends on the request: see Body.
	Length  int64
	Chunked bool
	Close   bool // the connection does not persist after this response

	HasDate   bool
	VaryLines int
	Flow      Flow
	// Upgrade is the protocol that a response of status 101 switches to: the value of the only
	// Upgrade line of an HTTP/1.1 response whose Connection names it, else empty.
	Upgrade []byte
	Accept  []byte // Sec-WebSocket-Accept; empty unless there is exactly one

	// ConnectionAuth reports a challenge of a scheme that authenticates the connection: NTLM or
	// Negotiate.
	ConnectionAuth bool

	options [][]byte // names in Connection that mean fields; len <= maxOptions
}

// A Flow says how long content may take, as far as Content-Type tells.
type Flow uint8

// The flows.
const (
	Plain  Flow = iota // nothing
	Events             // text/event-stream: it stays open as long as the client listens
	GRPC               // application/grpc and its kin: it may be a stream of messages
)

// A Framing says how the end of content is known. See RFC 9112, section 6.3:
//
//	rule   response                           framing
//	1      to HEAD; 1xx, 204, 304             NoContent
//	2      2xx to CONNECT                     not here: CONNECT is refused
//	3      both fields                        refused: FaultBothFramings
//	4      Transfer-Encoding: chunked         ByChunks; any other coding is refused
//	5      Content-Length invalid, repeated   refused: FaultLength
//	6      Content-Length                     ByLength, or NoContent for 0
//	8      neither                            UntilClose
type Framing uint8

// The framings of content.
const (
	NoContent  Framing = iota // nothing follows the head
	ByLength                  // as many bytes as Content-Length says
	ByChunks                  // the chunked transfer coding
	UntilClose                // everything up to the end of the connection; responses only
)

// Parse reads one response head from the beginning of buf. It returns the number of bytes the
// head takes, 0 if buf ends before the head does, or the fault that makes it unusable.
//
// It is as strict as Request.Parse but for two repairs: white space before a colon is removed,
// as RFC 9112, section 5.1, requires of a proxy, and the SP before an absent reason may be
// absent too (section 4 lets a client split at words). A response that two readers could
// understand differently is as dangerous as such a request: the surplus becomes the answer to
// the next client on that connection (response splitting, RFC 9112, section 11.1).
func (r *Response) Parse(buf []byte, lim Limits) (int, *Fault) {
	buf = buf[:min(len(buf), lim.HeadBytes)] // as in Request.Parse
	*r = Response{Fields: r.Fields[:0], options: r.options[:0], Length: -1}
	i, fault := r.statusLine(buf)
	if fault != nil {
		return 0, fault
	}
	for i > 0 {
		name, value, _, next, fault := fieldLine(buf, i, true)
		if fault != nil {
			return 0, fault
		}
		if i = next; next == 0 {
			break
		}
		if name == nil {
			if fault := r.classify(); fault != nil {
				return 0, fault
			}
			return i, nil
		}
		if len(r.Fields) >= lim.Fields {
			return 0, FaultFieldCount
		}
		r.Fields = append(r.Fields, Field{Name: name, Value: value, ID: Identify(name)})
	}
	if len(buf) == lim.HeadBytes {
		return 0, FaultHeadSize
	}
	return 0, nil
}

// statusLine reads "HTTP/1.x SP 3DIGIT [SP [reason]] CRLF" at the beginning of buf. See RFC
// 9112, section 4. It compares as far as there are bytes, so that a server that speaks another
// protocol is found out at its first byte, not when a head fails to end.
func (r *Response) statusLine(buf []byte) (int, *Fault) {
	const shape = "HTTP/1.x 000"
	for i := range min(len(buf), len(shape)) {
		b := buf[i]
		ok := b == shape[i]
		switch i {
		// Only HTTP/1.x: an upstream that answers HTTP/2 frames or HTTP/0.9 text is
		// misconfigured.
		case 7:
			ok = b == '0' || b == '1'
		// Status codes are 100 to 599: RFC 9110, section 15.
		case 9:
			ok = b >= '1' && b <= '5'
		case 10, 11:
			ok = b >= '0' && b <= '9'
		}
		if !ok {
			return 0, FaultStatusLine
		}
	}
	i := len(shape)
	if len(buf) <= i {
		return 0, nil
	}
	r.Minor = buf[7] - '0'
	r.Status = int(buf[9]-'0')*100 + int(buf[10]-'0')*10 + int(buf[11]-'0')
	if buf[i] == ' ' {
		i++
	} else if buf[i] != '\r' {
		return 0, FaultStatusLine
	}
	start := i
	i = fieldEnd(buf, i)
	if i+1 >= len(buf) {
		return 0, nil
	}
	if buf[i] != '\r' || buf[i+1] != '\n' {
		return 0, FaultStatusLine
	}
	r.Reason = buf[start:i:i]
	return i + 2, nil
}

// classify walks the fields once and derives framing and persistence. It has the rules of
// Request.classify, for the other direction; RFC 9112, section 6.3, rule 5, asks a proxy to
// answer 502 and to close the upstream connection where a client would get 400.
func (r *Response) classify() *Fault {
	var lengths, codings, upgrades, accepts int
	var upgrade, closes, keepAlive bool
	for i := range r.Fields {
		f := &r.Fields[i]
		switch f.ID {
		case ContentLength:
			lengths++
			n, ok := decimal(f.Value)
			// Leading zeros are accepted: some servers pad the number, and every parser reads
			// it in decimal.
			if !ok {
				return FaultLength
			}
			r.Length = n
		case TransferEncoding:
			codings++
			// Rule 4 would let a response with another coding run until close. The client was
			// promised a coding that the gateway then could not name, so it is refused.
			if !EqualFold(f.Value, "chunked") {
				return FaultCoding
			}
			r.Chunked = true
		case Connection:
			for rest := f.Value; rest != nil; {
				var option []byte
				option, rest = nextMember(rest)
				switch {
				case len(option) == 0:
				case EqualFold(option, "close"):
					closes = true
				case EqualFold(option, "keep-alive"):
					keepAlive = true
				case EqualFold(option, "upgrade"):
					upgrade = true
				case len(r.options) == maxOptions:
					return FaultConnection
				default:
					r.options = append(r.options, option)
				}
			}
		case Upgrade:
			upgrades++
			r.Upgrade = f.Value
		case WWWAuthenticate, ProxyAuthenticate:
			r.ConnectionAuth = r.ConnectionAuth || connectionAuth(f.Value)
		case SecWebSocketAccept:
			accepts++
			r.Accept = f.Value
		case Date:
			r.HasDate = true
		case ContentType:
			r.Flow = flowOf(f.Value)
		case Vary:
			r.VaryLines++
		}
	}
	switch {
	case lengths > 1:
		return FaultLength
	// RFC 9112, section 6.1: no Transfer-Encoding in HTTP/1.0.
	case codings > 1 || codings > 0 && r.Minor == 0:
		return FaultCoding
	case codings > 0 && lengths > 0:
		return FaultBothFramings
	}
	// RFC 9112, section 9.3: "close" wins; without it HTTP/1.1 persists, and HTTP/1.0 only with "keep-alive".
	r.Close = closes || r.Minor == 0 && !keepAlive
	// RFC 9110, section 7.8: a sender of Upgrade also names it in Connection. Of two lines it is open which one is meant.
	if upgrades != 1 || !upgrade || r.Minor == 0 {
		r.Upgrade = nil
	}
	// RFC 6455, section 11.3.3: it must not appear more than once. Without a value the handshake is not complete.
	if accepts != 1 {
		r.Accept = nil
	}
	return nil
}

// flowOf returns the flow of a media type: those types may have pauses of
// any length between their bytes, so timeouts for slow content do not apply to them.
func flowOf(mediaType []byte) Flow {
	const events, grpc = "text/event-stream", "application/grpc"
	switch n := len(mediaType); {
	case n >= len(events) && EqualFold(mediaType[:len(events)], events) && (n == len(events) || mediaType[len(events)] == ';' || mediaType[len(events)] == ' '):
		return Events
	case n >= len(grpc) && EqualFold(mediaType[:len(grpc)], grpc):
		return GRPC
	}
	return Plain
}

// Framing returns how the content of the response to a request ends; head says that its method
// was HEAD, whose response describes content that does not follow. See [Framing] for the rules.
func (r *Response) Framing(head bool) Framing {
	switch {
	case head || r.Status < 200 || r.Status == 204 || r.Status == 304: // rule 1, before any field is believed
		return NoContent
	case r.Chunked: // rule 4; classify has refused what rule 3 is about
		return ByChunks
	case r.Length > 0: // rule 6
		return ByLength
	case r.Length == 0: // rule 6: there is nothing to wait for
		return NoContent
	}
	return UntilClose // rule 8: a cut cannot be told from the end
}

// Forwardable reports whether f, one of the response's own fields, is forwarded to the client: it
// is not hop-by-hop, not named by Connection, and not framing, which the gateway writes itself.
func (r *Response) Forwardable(f *Field) bool {
	return f.ID != ContentLength && !f.ID.HopByHop() && !r.Named(f.Name)
}

// Named reports whether Connection names a field.
func (r *Response) Named(name []byte) bool {
	for _, option := range r.options {
		if len(option) == len(name) && foldEqual(option, name) {
			return true
		}
	}
	return false
}
