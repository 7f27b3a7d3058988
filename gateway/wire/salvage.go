package wire

import "bytes"

// Bounds of the memory of a Salvage, in bytes. A longer line is cut, and the remainder of a request
// line is used.
const (
	salvagedLine = 1 << 10
	salvagedText = 2 << 10
)

// A Salvage recovers from a refused head the parts that identify its sender: method, path, Host,
// Origin, Access-Control-Request-Method and X-Request-Id. This is good for choosing who may
// read the refusal, and for naming the request in a log. It is not good for routing or
// forwarding.
//
// Without it, a page whose request is refused for its syntax gets a response without CORS
// fields, and the browser reports a CORS error instead of the 400.
//
// A value is believed only if its field has exactly one line, which is sound: it ends in CRLF,
// follows a CRLF, is not folded, has exactly the name that is meant, and contains no control
// character. What counts as a line is read liberally, as the most forgiving recipient might:
// lines also end at a bare CR or LF, and in names only letters and digits matter. A field that
// a recipient could find twice is not trusted:
//
//	Origin: https://app.example.com\r\n    one sound line: believed
//	Origin : https://evil.test\r\n         a second line with these letters: now neither is
//	X: a\nOrigin: https://evil.test\r\n    follows a bare LF: counts, and is not sound
//
// The cost is linear in the bytes, and the memory constant. The zero value is ready.
type Salvage struct {
	line []byte // the current line, as far as there is room
	long bool   // it was too long to keep all of it
	text []byte // values that were kept

	cr     bool // the last byte was a CR
	bare   bool // the line before did not end in CRLF
	first  bool // the request line has been read
	blank  bool // the empty line that may come before it was
	ended  bool // the head has ended
	last   int  // of found: the line before; 0: it is of no interest
	cut    bool // there is more of target
	method []byte
	target []byte
	found  [salvaged]salvagedField
}

// A salvagedField counts the lines of a field and keeps the value of a sound one.
type salvagedField struct {
	lines int
	value []byte // of a sound line; nil: there was none
}

// The fields of interest, by their index in Salvage.found. 0 stands for all others.
const (
	salvagedHost = 1 + iota
	salvagedOrigin
	salvagedACRM
	salvagedRequestID
	salvagedACAO
	salvaged
)

// salvagedNames are the names of the fields: the exact one, and the letters by which lines are
// counted.
var salvagedNames = [salvaged]struct{ exact, letters string }{
	salvagedHost:      {"host", "host"},
	salvagedOrigin:    {"origin", "origin"},
	salvagedACRM:      {"access-control-request-method", "accesscontrolrequestmethod"},
	salvagedRequestID: {"x-request-id", "xrequestid"},
	salvagedACAO:      {"access-control-allow-origin", "accesscontrolalloworigin"},
}

// Feed reads further bytes of the head. It returns true at the end of the head, and ignores
// bytes after that.
func (s *Salvage) Feed(b []byte) (ended bool) {
	for i := 0; i < len(b) && !s.ended; i++ {
		switch c := b[i]; {
		case s.cr && c == '\n':
			s.cr = false
			s.endLine(true)
		case s.cr: // it was a bare one
			s.cr = false
			s.endLine(false)
			i-- // c is the first of the next line
		case c == '\r':
			s.cr = true
		case c == '\n':
			s.endLine(false)
		default:
			s.add(c)
		}
	}
	return s.ended
}

// add adds a byte to the line. A line that begins with a blank continues the one before for
// recipients that unfold (RFC 9112, section 5.2), so the value before it is not what they see.
func (s *Salvage) add(c byte) {
	if len(s.line) == 0 {
		if c == ' ' || c == '\t' {
			s.found[s.last].value = nil // it is folded
		}
		s.last = 0
	}
	if len(s.line) == salvagedLine {
		s.long = true
		return
	}
	s.line = append(s.line, c)
}

// endLine ends the line. crlf says that it does so as it should.
func (s *Salvage) endLine(crlf bool) {
	switch {
	case len(s.line) > 0 && !s.first:
		s.first = true
		s.requestLine(crlf && !s.bare)
	case len(s.line) > 0:
		s.fieldLine(crlf && !s.bare && !s.long)
	case s.first || s.blank:
		s.last, s.ended = 0, true
	default:
		s.blank = true
	}
	s.line, s.long, s.bare = s.line[:0], false, !crlf
}

// requestLine reads the line as a request line. A line that was too long to keep is believed up
// to the cut, and only its method and the reliable part of its target.
func (s *Salvage) requestLine(sound bool) {
	method, rest, _ := bytes.Cut(s.line, []byte(" "))
	target, version, whole := bytes.Cut(rest, []byte(" "))
	ends := whole && isVersion(version)
	if s.long {
		ends = !whole || bytes.HasPrefix([]byte("HTTP/1.1"), version)
	}
	if sound && ends && IsToken(method) && len(method) <= maxMethod && len(target) > 0 && !hasControls(target) {
		s.method, s.target, s.cut = s.keep(method), s.keep(target), !whole
	}
}

// isVersion reports whether v is how a request line ends.
func isVersion(v []byte) bool {
	return len(v) == len("HTTP/1.1") && string(v[:5]) == "HTTP/" && v[6] == '.' && v[5]-'0' <= 9 && v[7]-'0' <= 9
}

// hasControls reports whether b contains a blank or a control character.
func hasControls(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c == 0x7f {
			return true
		}
	}
	return false
}

// fieldLine reads the line as a field line, by the letters of its name.
func (s *Salvage) fieldLine(sound bool) {
	name, value, ok := bytes.Cut(s.line, []byte(":"))
	var buf [32]byte
	letters := buf[:0]
	for _, c := range name {
		if !alnum(c) {
			continue
		}
		if len(letters) == len(buf) {
			return
		}
		letters = append(letters, lower(c))
	}
	for i := range s.found {
		if i == 0 || string(letters) != salvagedNames[i].letters {
			continue
		}
		f := &s.found[i]
		f.lines++
		f.value = nil
		if value = bytes.TrimPrefix(value, []byte(" ")); ok && sound && f.lines == 1 && EqualFold(name, salvagedNames[i].exact) && !hasControls(value) {
			f.value, s.last = s.keep(value), i
		}
	}
}

// keep returns a copy of b, or nil if it does not fit. The line's buffer is reused, and what
// was fed may be gone before Request is called. The capacity is cut so that two values cannot
// overlap by an append.
func (s *Salvage) keep(b []byte) []byte {
	if s.text == nil {
		s.text = make([]byte, 0, salvagedText)
	}
	if len(b) > cap(s.text)-len(s.text) {
		return nil
	}
	start := len(s.text)
	s.text = append(s.text, b...)
	return s.text[start:len(s.text):len(s.text)]
}

// Request fills r with what Feed found. Parts that were not found, or are not trusted, are
// empty; an Origin that is not trusted is invalid, as in [Request]. r aliases memory of s, and
// no buffer that was read.
func (s *Salvage) Request(r *Request) {
	if len(s.line) > 0 { // the rest of it did not come
		s.endLine(!s.first && s.long)
	}
	*r = Request{Fields: r.Fields[:0], options: r.options[:0], Minor: 1, Method: s.method}
	r.Host = s.host()
	if target := s.target; len(target) > 0 {
		if s.cut {
			target = cutTarget(target)
		}
		host := r.Host
		r.Host = nil
		if r.target(target) != nil {
			r.Path, r.Query, r.PlainPath = nil, nil, false
		}
		if r.Host == nil || len(r.Host) == len(host) && foldEqual(r.Host, host) {
			r.Host = host
		} else {
			r.Host = nil // the two disagree
		}
	}
	origin, acrm, id := &s.found[salvagedOrigin], &s.found[salvagedACRM], &s.found[salvagedRequestID]
	r.Origin, r.OriginLines = origin.value, origin.lines
	if origin.lines > 0 && (len(origin.value) == 0 || s.found[salvagedACAO].lines > 0) {
		r.Origin = forgedOrigin
	}
	r.ACRM, r.ACRMLines = acrm.value, acrm.lines
	r.RequestID, r.RequestIDLines = id.value, id.lines
}

// host returns the value of Host if it can be one.
func (s *Salvage) host() []byte {
	if h := s.found[salvagedHost].value; ValidHost(h) {
		return h
	}
	return nil
}

// cutTarget returns the reliable part of a target whose end is missing: no part of a query, an
// escape or a path segment.
func cutTarget(target []byte) []byte {
	if q := bytes.IndexByte(target, '?'); q >= 0 {
		return target[:q]
	}
	if e := bytes.LastIndexByte(target, '%'); e >= max(0, len(target)-2) {
		return target[:e]
	}
	return target
}
