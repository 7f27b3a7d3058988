package wire

// A Fault is a reason to refuse a message. Faults are package variables that are never
// modified: compare them by pointer. They carry no part of the message, so a log or a page that
// shows one cannot be injected into, and returning one allocates nothing.
type Fault struct {
	// Status is the status of the response to the client. A fault of an upstream becomes a 502
	// instead.
	Status int
	// Class names the kind of fault in metrics and logs. The set of classes is closed.
	Class string
	// Reason describes the fault to a person. It contains no part of the message.
	Reason string
}

// Error returns the reason with its class.
func (f *Fault) Error() string { return f.Reason + " (" + f.Class + ")" }

// The faults of a message.
var (
	// Framing and syntax are 400 (RFC 9110, section 15.5.1). 501 says that a method or coding
	// is valid and unknown here (section 15.6.2), 505 the same of a version (15.6.6), 414 and
	// 431 that the message is too long (15.5.15; RFC 6585, section 5), 417 that Expect cannot
	// be met (15.5.18).
	FaultRequestLine  = &Fault{400, "request-line", "the request line is not METHOD SP target SP HTTP/1.1"}
	FaultMethodLength = &Fault{501, "method", "the method is longer than any that exists"}
	FaultMethod       = &Fault{405, "method", "CONNECT, TRACE and TRACK are not served"}
	FaultVersion      = &Fault{505, "version", "only HTTP/1.1 and HTTP/1.0 are spoken on this connection"}
	FaultTarget       = &Fault{400, "target", "the request target is neither a path that begins with a slash nor an http or https URI"}
	FaultUnescaped    = &Fault{400, "target", "the URL holds a character that has to be percent-encoded"}
	FaultPercent      = &Fault{400, "target", "the path holds a % that begins no escape; a percent sign is written %25"}
	FaultControl      = &Fault{400, "target", "the path holds an escaped control character, %00 to %1F or %7F"}
	FaultFragment     = &Fault{400, "target", "the URL holds a #, which is written %23; a fragment is never sent"}
	FaultTargetLength = &Fault{414, "target", "the request line is too long"}
	FaultLine         = &Fault{400, "line-end", "a line does not end in CRLF"}
	FaultFold         = &Fault{400, "obs-fold", "a field line starts with white space"}
	FaultName         = &Fault{400, "field-name", "a field name is not a token directly followed by a colon"}
	FaultValue        = &Fault{400, "field-value", "a field value holds a control character"}
	FaultHeadSize     = &Fault{431, "head-size", "the header section is too large"}
	FaultFieldCount   = &Fault{431, "head-size", "there are too many field lines"}
	FaultHost         = &Fault{400, "host", "Host is missing, repeated, invalid, or not the authority of the target"}
	FaultLength       = &Fault{400, "content-length", "Content-Length is not one plain decimal number"}
	FaultCoding       = &Fault{400, "transfer-encoding", "Transfer-Encoding is not exactly chunked"}
	FaultCodingNew    = &Fault{501, "transfer-encoding", "a transfer coding other than chunked is not understood"}
	FaultBothFramings = &Fault{400, "framing", "Content-Length and Transfer-Encoding stand together"}
	FaultConnection   = &Fault{400, "connection", "Connection is not a short list of tokens"}
	FaultExpect       = &Fault{417, "expect", "the only expectation that can be met is 100-continue"}
	FaultUpgrade      = &Fault{400, "upgrade", "an upgrade to WebSocket cannot carry content"}
	FaultContentType  = &Fault{400, "content-type", "Content-Type stands twice"}
	FaultChunk        = &Fault{400, "chunk", "the chunked content is malformed"}
	FaultChunkSize    = &Fault{413, "chunk", "a chunk is too large"}
	FaultChunkWaste   = &Fault{400, "chunk", "the framing of the chunks outweighs their content"}
	FaultTrailer      = &Fault{400, "trailer", "the trailer section is malformed or too large"}
	FaultStatusLine   = &Fault{502, "status-line", "the status line is not HTTP/1.1 SP 3DIGIT [SP reason]"}
	FaultTruncated    = &Fault{400, "truncated", "the connection ended within a message"}
)

// Classes returns every class a Fault can have, each once, for metrics.
func Classes() []string {
	return []string{
		"request-line", "method", "version", "target", "line-end", "obs-fold", "field-name", "field-value",
		"head-size", "host", "content-length", "transfer-encoding", "framing", "connection", "expect", "upgrade",
		"content-type", "chunk", "trailer", "status-line", "truncated", "timeout", "path", "loop",
	}
}
