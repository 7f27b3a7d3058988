package wire

// Limits bound what Parse accepts. All must be positive.
type Limits struct {
	HeadBytes int // request line and header section together, in bytes
	Fields    int // field lines
}

// maxMethod is longer than every method in the IANA registry (UPDATEREDIRECTREF has 17
// letters); maxOptions bounds the cost of Connection, which is options times fields.
const (
	maxMethod  = 24
	maxOptions = 16
)

// A Request is the head of a request, classified. The zero value is ready; Parse may be called
// again and again on the same Request and then reuses its memory.
//
// All slices alias the buffer that was parsed: they are valid until the caller changes that
// buffer, and must not be written to. A Request that must outlive its buffer needs a copy of
// the bytes. It is not safe for concurrent use while Parse runs.
type Request struct {
	Method []byte
	Path   []byte // raw, begins with '/', or is "*" for OPTIONS
	Query  []byte // raw, begins with '?', or is empty
	Host   []byte // as the client wrote it, with its port; empty only in HTTP/1.0
	Minor  uint8  // HTTP/1.Minor
	Fields []Field

	// Framing of the content. See RFC 9112, section 6.3.
	Length  int64 // bytes of content, 0 without a Content-Length
	Chunked bool  // the content is chunked; Length is 0

	// TakesTrailers reports that TE names trailers, in HTTP/1.1: the client, and those before
	// it, take a trailer section. See RFC 9110, section 10.1.4.
	TakesTrailers bool

	Close    bool // the client does not want the connection to persist
	Continue bool // the client waits for 100 (Continue)
	// Upgrade names the protocols that the client prefers: the value of the only Upgrade line of an
	// HTTP/1.1 request without content whose Connection names it, else empty. It may name
	// several protocols. See RFC 9110, section 7.8.
	Upgrade []byte
	// WebSocket is set for a well-formed upgrade to "websocket" alone: GET, HTTP/1.1, one key,
	// no content.
	WebSocket    bool
	WebSocketKey []byte // Sec-WebSocket-Key
	// Flaw is the fault in the path or the query of a request that is otherwise well-formed. Such a
	// request may be routed, to find out who may read its refusal, and must not be forwarded.
	Flaw *Fault
	// PlainPath reports that all recipients read the path alike: no '%', no ';', no "//", no
	// dot segment.
	PlainPath bool

	// The fields that CORS decides by: the first line's value, and how many lines there are.
	//
	// Origin is an invalid origin ("-") where no browser can have written it: with white space
	// around it, or together with Access-Control-Allow-Origin. That is a response field, which
	// gets into requests by header injection, or by hand, from developers who hope that it
	// helps.
	Origin       []byte
	OriginLines  int
	ACRM         []byte // Access-Control-Request-Method
	ACRMLines    int
	ACRHLines    int  // Access-Control-Request-Headers; the values are in Fields
	WantsPrivate bool // Access-Control-Request-Private-Network: true
	// SecFetchSite is the last line's value, and SecFetchSiteLines how many lines there are.
	SecFetchSite      []byte
	SecFetchSiteLines int

	// The names of a request and of the trace that it is part of: the last line's value, and
	// how many lines there are.
	RequestID        []byte // X-Request-Id
	RequestIDLines   int
	TraceParent      []byte // See W3C, "Trace Context"
	TraceParentLines int

	// ConnectionAuth reports credentials of a scheme that authenticates the connection: NTLM or
	// Negotiate.
	ConnectionAuth bool

	// HasForwarding reports that a field of the Forwarding group is there.
	HasForwarding bool
	HasVia        bool
	HasLookalike  bool // a field that is a Lookalike

	options [][]byte // names in Connection that mean fields; len <= maxOptions
}

// HasContent reports whether bytes follow the head. See RFC 9112, section 6.3: rule 4
// (Chunked), rule 6 (Length), rule 7 (neither, so no content, whatever the method is).
func (r *Request) HasContent() bool { return r.Length > 0 || r.Chunked }

// Parse reads one request head from the beginning of buf. It returns the number of bytes the
// head takes, 0 if buf ends before the head does, or the fault for which the request must be
// refused. One empty line before the request line is skipped (RFC 9112, section 2.2).
//
//	[CRLF]                                    at most one
//	method SP request-target SP HTTP/1.x CRLF requestLine, version, judgeLine
//	*( field-name ":" OWS value OWS CRLF )    fieldLine, Identify
//	CRLF                                      classify, judge: the verdict on the whole
//	                                          ◄ n: content begins here
//
// A caller that got 0 calls again when buf has grown, from the beginning: how far a head was
// read is not remembered, so it should wait for a line end to come in. Nearly all heads arrive
// whole, and a parser that saves its state would need two places for every rule.
//
// After a fault the connection must be closed once the refusal is sent: where the next message
// would begin is unknown.
func (r *Request) Parse(buf []byte, lim Limits) (int, *Fault) {
	// Bytes beyond the limit must not matter, so that a verdict does not depend on how much
	// arrived at once.
	buf = buf[:min(len(buf), lim.HeadBytes)]
	i := 0
	// Old clients send a CRLF too many after a POST. One is skipped; more would be an idle
	// connection that never idles out.
	if len(buf) >= 2 && buf[0] == '\r' && buf[1] == '\n' {
		i = 2
	}
	fields, options := r.Fields[:0], r.options[:0]
	*r = Request{} // a literal with fields in it is built on the stack and copied
	r.Fields, r.options = fields, options
	i, fault := r.requestLine(buf, i)
	if fault != nil {
		return 0, fault
	}
	if i == 0 {
		if len(buf) == lim.HeadBytes {
			return 0, FaultTargetLength
		}
		return 0, nil
	}
	for {
		name, value, plain, next, fault := fieldLine(buf, i, false)
		if fault != nil {
			return 0, fault
		}
		if next == 0 {
			if len(buf) == lim.HeadBytes {
				return 0, FaultHeadSize
			}
			return 0, nil
		}
		i = next
		if name == nil {
			break
		}
		if len(r.Fields) >= lim.Fields {
			return 0, FaultFieldCount
		}
		// A name such as "transfer_encoding" or "content-length~" keeps its bytes and loses its
		// meaning: the caller drops or forwards it as what it is.
		id := Identify(name)
		if !plain {
			id = Lookalike
		}
		r.Fields = append(r.Fields, Field{Name: name, Value: value, ID: id})
	}
	if fault := r.classify(); fault != nil {
		return 0, fault
	}
	return i, nil
}

// requestLine reads "METHOD SP target SP HTTP/1.x CRLF" at buf[i:]. It returns the index after
// it, or 0 if buf ends first. See RFC 9112, section 3: one SP at each place. That section lets
// a recipient split on any white space instead, and then a target can contain what another
// recipient takes for the version.
//
//	GET /a?b=c|d HTTP/1.1
//	   i      │ └ version
//	          └ queryByte: admitted as browsers send it; past the last such byte, up to ' ',
//	            the target still ends where every parser ends it, but is flawed
func (r *Request) requestLine(buf []byte, i int) (int, *Fault) {
	start := i
	for i < len(buf) && octet[buf[i]]&tchar != 0 {
		i++
	}
	// 501 rather than 400: a method of that length may be valid, but nothing here knows it (RFC
	// 9112, section 3).
	if i-start > maxMethod {
		return 0, FaultMethodLength
	}
	if i == len(buf) {
		return 0, nil
	}
	if buf[i] == '\r' && i == start && i+1 == len(buf) && start == 0 {
		return 0, nil // perhaps the empty line that may come first
	}
	if buf[i] != ' ' || i == start {
		return 0, FaultRequestLine
	}
	r.Method = buf[start:i]
	i++
	start = i
	for i < len(buf) && octet[buf[i]]&queryByte != 0 {
		i++
	}
	whole := i
	for i < len(buf) && buf[i] > ' ' && buf[i] != 0x7f {
		i++ // where the target ends is certain, whatever it holds
	}
	if i == len(buf) {
		return 0, nil
	}
	if buf[i] != ' ' || i == start {
		if i > start && buf[i] != '\r' && buf[i] != '\n' && buf[i] != '\t' {
			return 0, FaultTarget
		}
		return 0, FaultRequestLine
	}
	target, whole := buf[start:i], whole-start
	i++
	n, fault := r.version(buf[i:])
	if n == 0 {
		return 0, fault
	}
	return i + n, r.judgeLine(target, whole)
}

// judgeLine judges the method, and a target whose first whole bytes are all that a target may
// contain. A target with other bytes is a flaw and not a fault: the request's end is known, so
// its route and policy can still say whether a page may read the refusal.
func (r *Request) judgeLine(target []byte, whole int) *Fault {
	if whole < len(target) {
		r.Flaw = flawOf(target[whole])
	}
	// A forbidden method of Fetch is so in any case, and a lower-case one is never honest.
	// Refused here because no upstream should decide: CONNECT makes a tunnel (RFC 9110, section
	// 9.3.6), TRACE and TRACK echo credentials (section 9.3.8). Fetch forbids them in any case,
	// and a lower-case one is never honest.
	switch len(r.Method) {
	case len("TRACE"), len("CONNECT"):
		if EqualFold(r.Method, "CONNECT") || EqualFold(r.Method, "TRACE") || EqualFold(r.Method, "TRACK") {
			return FaultMethod
		}
	}
	return r.target(target)
}

// version reads the end of the request line, "HTTP/1.x CRLF". It returns the length of it, or 0
// if rest ends first. See RFC 9112, section 2.3: HTTP-name is case-sensitive, one digit on each
// side of the dot.
func (r *Request) version(rest []byte) (int, *Fault) {
	const usual, shape = "HTTP/1.1\r\n", "HTTP/d.d\r\n"
	if len(rest) >= len(usual) && string(rest[:len(usual)]) == usual {
		r.Minor = 1
		return len(usual), nil
	}
	for i := range min(len(rest), len(shape)) {
		b := rest[i]
		if shape[i] == 'd' && b >= '0' && b <= '9' || b == shape[i] && b != 'd' {
			continue
		}
		if i >= len(shape)-2 && b == '\n' {
			return 0, FaultLine
		}
		return 0, FaultRequestLine
	}
	if len(rest) < len(shape) {
		return 0, nil
	}
	// HTTP/0.9 has no head to check, HTTP/2.0 on this connection is a client that skipped ALPN.
	// RFC 9110, section 2.5, would have 1.2 processed as 1.1; there is no such version, and
	// what sends it is a probe.
	if rest[5] != '1' || rest[7] > '1' {
		return 0, FaultVersion
	}
	r.Minor = rest[7] - '0'
	return len(shape), nil
}
