package wire

import "bytes"

// Limits bound what Parse accepts. All must be positive.
type Limits struct {
	HeadBytes int // request line and header section together, in bytes
	Fields    int // field lines
}

// maxMethod is longer than every method in the IANA registry; maxOptions bounds the cost of
// Connection, which is options times fields.
const (
	maxMethod  = 24
	maxOptions = 16
)

// A Request is the head of a request, classified. The zero value is ready; Parse may be called
// again and again on the same Request and then reuses its memory. All slices alias the buffer
// that was parsed.
type Request struct {
	Method []byte
	Path   []byte // raw, begins with '/', or is "*" for OPTIONS
	Query  []byte // raw, begins with '?', or is empty
	Host   []byte // as the client wrote it, with its port; empty only in HTTP/1.0
	Minor  uint8  // HTTP/1.Minor
	Fields []Field

	// Framing of the content. See RFC 9112, section 6.3.
	Length  int64 // octets of content, 0 without a Content-Length
	Chunked bool  // the content is chunked; Length is 0

	Close    bool // the client does not want the connection to persist
	Continue bool // the client waits for 100 (Continue)
	// WebSocket is set for a well-formed upgrade to "websocket" alone: GET, HTTP/1.1, a key, no content.
	WebSocket bool
	// PlainPath reports that the path reads the same to everybody: no '%', no ';', no "//", no dot segment.
	PlainPath bool

	// What the CORS protocol asks about: the first line's value, and how many lines there are.
	Origin       []byte
	OriginLines  int
	ACRM         []byte // Access-Control-Request-Method
	ACRMLines    int
	ACRHLines    int  // Access-Control-Request-Headers; the values are in Fields
	WantsPrivate bool // Access-Control-Request-Private-Network: true
	SecFetchSite []byte

	// HasForwarding reports that a field of the Forwarding group is there.
	HasForwarding bool
	HasVia        bool

	options    [maxOptions][]byte // names in Connection that mean fields
	numOptions int
}

// HasContent reports whether octets follow the head.
func (r *Request) HasContent() bool { return r.Length > 0 || r.Chunked }

// Parse reads one request head from the beginning of buf. It returns the number of octets the
// head takes, 0 if buf ends before the head does, or the fault for which the request must be
// refused. One empty line before the request line is skipped (RFC 9112, section 2.2).
//
// A caller that got 0 calls again when buf has grown; that a head was incomplete is not
// remembered, so it should wait for a line end to come in.
func (r *Request) Parse(buf []byte, lim Limits) (int, *Fault) {
	i := 0
	if len(buf) >= 2 && buf[0] == '\r' && buf[1] == '\n' {
		i = 2
	}
	fields := r.Fields[:0]
	*r = Request{Fields: fields}
	i, fault := r.requestLine(buf, i)
	if fault != nil {
		return 0, fault
	}
	if i == 0 {
		if len(buf) >= lim.HeadBytes {
			return 0, FaultTargetLength
		}
		return 0, nil
	}
	for {
		name, value, next, fault := fieldLine(buf, i, false)
		if fault != nil {
			return 0, fault
		}
		if next == 0 {
			if len(buf) >= lim.HeadBytes {
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
		r.Fields = append(r.Fields, Field{Name: name, Value: value, ID: identifyOrUnderscored(name)})
	}
	if i > lim.HeadBytes {
		return 0, FaultHeadSize
	}
	if fault := r.classify(); fault != nil {
		return 0, fault
	}
	return i, nil
}

// identifyOrUnderscored is Identify, but names with '_' are set apart.
func identifyOrUnderscored(name []byte) FieldID {
	id := Identify(name)
	if id == Other && bytes.IndexByte(name, '_') >= 0 {
		return Underscored
	}
	return id
}

// requestLine reads "METHOD SP target SP HTTP/1.x CRLF" at buf[i:]. It returns the index after
// it, or 0 if buf ends first.
func (r *Request) requestLine(buf []byte, i int) (int, *Fault) {
	start := i
	for i < len(buf) && octet[buf[i]]&tchar != 0 {
		i++
	}
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
	if i == len(buf) {
		return 0, nil
	}
	if buf[i] != ' ' || i == start {
		if i > start && buf[i] != '\r' && buf[i] != '\n' && buf[i] != '\t' {
			return 0, FaultTarget
		}
		return 0, FaultRequestLine
	}
	target := buf[start:i]
	i++
	const version = "HTTP/1.1\r\n"
	rest := buf[i:]
	if len(rest) < len(version) {
		for k, b := range rest {
			if b != version[k] && k != 5 && k != 7 {
				return 0, FaultRequestLine
			}
		}
		return 0, nil
	}
	isDigit := func(b byte) bool { return b >= '0' && b <= '9' }
	switch {
	case string(rest[:5]) != version[:5] || !isDigit(rest[5]) || rest[6] != '.' || !isDigit(rest[7]):
		return 0, FaultRequestLine
	case rest[8] == '\n':
		return 0, FaultLine
	case rest[8] != '\r' || rest[9] != '\n':
		return 0, FaultRequestLine
	case rest[5] != '1' || rest[7] > '1':
		return 0, FaultVersion
	}
	r.Minor = rest[7] - '0'
	switch string(r.Method) {
	case "CONNECT", "TRACE", "TRACK":
		return 0, FaultMethod
	}
	return i + len(version), r.target(target)
}

// target takes the request target apart. See RFC 9112, section 3.2.
func (r *Request) target(t []byte) *Fault {
	if t[0] != '/' {
		if len(t) == 1 && t[0] == '*' && string(r.Method) == "OPTIONS" {
			r.Path, r.PlainPath = t, true
			return nil
		}
		scheme := len("http://")
		switch {
		case len(t) > 7 && EqualFold(t[:7], "http://"):
		case len(t) > 8 && EqualFold(t[:8], "https://"):
			scheme = len("https://")
		default:
			return FaultTarget
		}
		t = t[scheme:]
		end := bytes.IndexAny(t, "/?")
		if end < 0 {
			end = len(t)
		}
		// Kept here until the Host field is known; an empty authority is not valid.
		if r.Host, t = t[:end], t[end:]; len(r.Host) == 0 {
			return FaultTarget
		}
	}
	path, query := t, []byte(nil)
	if q := bytes.IndexByte(t, '?'); q >= 0 {
		path, query = t[:q], t[q:]
	}
	r.Path, r.Query = path, query
	if len(path) == 0 {
		r.Path = rootPath
	}
	plain := true
	for i, b := range r.Path {
		if octet[b]&pathByte == 0 {
			return FaultTarget
		}
		switch b {
		case '%':
			if plain = false; !escaped(r.Path[i:]) || controlEscape(r.Path[i:]) {
				return FaultTarget
			}
		case ';':
			plain = false
		case '.', '/':
			if i > 0 && r.Path[i-1] == '/' {
				plain = false
			}
		}
	}
	for i, b := range query {
		if b == '%' && !escaped(query[i:]) {
			return FaultTarget
		}
	}
	if len(r.Path) > 1 && r.Path[1] == '/' {
		return FaultTarget // "//host/path": some upstreams take it for an authority
	}
	r.PlainPath = plain
	return nil
}

var rootPath = []byte("/")

// escaped reports whether s begins with '%' and two hexadecimal digits.
func escaped(s []byte) bool {
	return len(s) >= 3 && octet[s[1]]&hexDigit != 0 && octet[s[2]]&hexDigit != 0
}

// controlEscape reports whether the escape at the beginning of s stands for a control octet:
// no path needs one, and logs, redirects and upstreams that decode it are hurt by it.
func controlEscape(s []byte) bool {
	return s[1] <= '1' || s[1] == '7' && lower(s[2]) == 'f'
}

// fieldLine reads the field line at buf[i:]. It returns the index after it, or 0 if buf ends
// first; name is nil at the empty line that ends the section. With lenient, white space
// between the name and the colon is dropped (RFC 9112, section 5.1, responses only).
func fieldLine(buf []byte, i int, lenient bool) (name, value []byte, next int, fault *Fault) {
	start := i
	for i < len(buf) && octet[buf[i]]&tchar != 0 {
		i++
	}
	if i == len(buf) {
		return nil, nil, 0, nil
	}
	if i == start {
		return sectionEnd(buf, i)
	}
	name = buf[start:i]
	if lenient {
		for i < len(buf) && (buf[i] == ' ' || buf[i] == '\t') {
			i++
		}
		if i == len(buf) {
			return nil, nil, 0, nil
		}
	}
	if buf[i] != ':' {
		return nil, nil, 0, FaultName
	}
	i++
	for i < len(buf) && (buf[i] == ' ' || buf[i] == '\t') {
		i++
	}
	start = i
	for i < len(buf) && octet[buf[i]]&fieldByte != 0 {
		i++
	}
	if i == len(buf) {
		return nil, nil, 0, nil
	}
	if buf[i] != '\r' {
		if buf[i] == '\n' {
			return nil, nil, 0, FaultLine
		}
		return nil, nil, 0, FaultValue
	}
	if i+1 == len(buf) {
		return nil, nil, 0, nil
	}
	if buf[i+1] != '\n' {
		return nil, nil, 0, FaultLine
	}
	end := i
	for end > start && (buf[end-1] == ' ' || buf[end-1] == '\t') {
		end--
	}
	return name, buf[start:end:end], i + 2, nil
}

// sectionEnd reads what stands at buf[i] instead of a name: the empty line, or a fault.
func sectionEnd(buf []byte, i int) (name, value []byte, next int, fault *Fault) {
	switch buf[i] {
	case '\r':
		if i+1 == len(buf) {
			return nil, nil, 0, nil
		}
		if buf[i+1] == '\n' {
			return nil, nil, i + 2, nil
		}
		return nil, nil, 0, FaultLine
	case '\n':
		return nil, nil, 0, FaultLine
	case ' ', '\t':
		return nil, nil, 0, FaultFold
	}
	return nil, nil, 0, FaultName
}
