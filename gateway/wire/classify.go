package wire

// classify walks the fields once and derives everything that the gateway decides by. It is one
// long switch: a case for each field, where a function for each would cost as much as its work.
// Counts go to requestFacts, since the rules about them need the whole head; see judge.
func (r *Request) classify() *Fault {
	var c requestFacts
	authority := r.Host // of an absolute-form target: Parse put it there
	r.Host = nil
	for i := range r.Fields {
		f := &r.Fields[i]
		switch f.ID {
		case Other:
			continue
		case Host:
			c.hosts++
			r.Host = f.Value
		case ContentLength:
			c.lengths++
			n, ok := decimal(f.Value)
			// RFC 9112, section 6.3, rule 5. Stricter than its letter: a list of equal numbers
			// ("5, 5") may be accepted there, and is refused here, as are a sign, blanks inside
			// and leading zeros, which some parsers read as octal.
			if !ok || len(f.Value) > 1 && f.Value[0] == '0' {
				return FaultLength
			}
			r.Length = n
		case TransferEncoding:
			c.codings++
			// Each line must be "chunked" itself: two lines are combined by some recipients and
			// not by others, so judge refuses a second one.
			if fault := coding(f.Value); fault != nil {
				return fault
			}
			r.Chunked = true
		case ContentType:
			// Not framing, but safety in a browser's terms: whether a request needed a
			// preflight depends on its type (Fetch, "CORS-safelisted request-header"). With
			// two, the upstream could read JSON where the browser saw text/plain.
			if c.types++; c.types > 1 {
				return FaultContentType
			}
		case Connection:
			if fault := r.connection(f.Value, &c); fault != nil {
				return fault
			}
		// RFC 9110, section 10.1.4. Only "trailers" matters here; codings are never forwarded.
		case TE:
			r.TakesTrailers = r.Minor == 1 && (r.TakesTrailers || hasMember(f.Value, "trailers"))
		// RFC 9110, section 10.1.1: the only expectation that is defined.
		case Expect:
			c.expects++
			c.continues = EqualFold(f.Value, "100-continue")
		case Upgrade:
			c.upgrades++
			r.Upgrade = f.Value
			c.websocket = c.websocket || EqualFold(f.Value, "websocket")
		case SecWebSocketKey:
			c.keys++
			r.WebSocketKey = f.Value
		case Origin:
			// A second line makes the request deniable, not malformed: the reason is worth an
			// explanation to the person who sent it. The policy sees the number.
			if r.OriginLines++; r.OriginLines == 1 {
				r.Origin = f.Value
			}
			c.forged = c.forged || !exact(f)
		case AccessControlAllowOrigin:
			c.forged = true
		// The same holds for a preflight's method.
		case AccessControlRequestMethod:
			if r.ACRMLines++; r.ACRMLines == 1 {
				r.ACRM = f.Value
			}
		case AccessControlRequestHeaders:
			r.ACRHLines++
		case AccessControlRequestPrivateNetwork:
			r.WantsPrivate = string(f.Value) == "true"
		// An identifier that is echoed, logged and forwarded is used only if it has one line.
		case XRequestID:
			r.RequestIDLines++
			r.RequestID = f.Value
		case TraceParent:
			r.TraceParentLines++
			r.TraceParent = f.Value
		case SecFetchSite:
			r.SecFetchSite = f.Value
			r.SecFetchSiteLines++
		case Via:
			r.HasVia = true
		// A login by NTLM binds the connection to the user: the upstream connection must not be
		// shared.
		case Authorization:
			r.ConnectionAuth = r.ConnectionAuth || connectionAuth(f.Value)
		case Lookalike:
			r.HasLookalike = true
		case Forwarded, XForwardedFor, XForwardedProto, XForwardedHost, XForwardedOther, XOriginal:
			r.HasForwarding = true
		}
	}
	return r.judge(&c, authority)
}

// requestFacts are collected from the fields while they are walked.
type requestFacts struct {
	hosts, lengths, codings, types, expects, upgrades, keys int

	close, keepAlive, upgrade bool // options of Connection
	continues, websocket      bool
	forged                    bool // no browser has written Origin like this: see Request.Origin
}

// judge applies the rules that need more than one field. Each refusal is about a message that
// another parser on the path could read differently; the comment names the attack. See RFC
// 9112, section 11.2, "Request Smuggling".
//
//	sent                                  one reader            another
//	Content-Length: 6                     6 bytes               chunks: the rest is a
//	Transfer-Encoding: chunked                                  second request (CL.TE, TE.CL)
//	Content-Length: 6, Content-Length: 5  the first             the last (CL.CL)
//	Transfer-Encoding: xchunked           unknown coding        chunked (TE.TE)
//	Host: a, Host: b                      routes to a           serves b
func (r *Request) judge(c *requestFacts, authority []byte) *Fault {
	switch {
	// RFC 9112, section 3.2: 400 for a missing, repeated or invalid Host. Two of them choose
	// the route here and the virtual host there.
	case c.hosts > 1 || c.hosts == 0 && r.Minor == 1:
		return FaultHost
	case c.hosts == 1 && !ValidHost(r.Host):
		return FaultHost
	// RFC 9112, section 3.2.2, lets the target win over Host. Not every recipient follows it,
	// so a disagreement would route by one name and be served under another.
	case authority != nil && (len(authority) != len(r.Host) || !foldEqual(authority, r.Host)):
		return FaultHost
	// Rule 5 of RFC 9112, section 6.3, even for equal values.
	case c.lengths > 1:
		return FaultLength
	case c.codings > 1:
		return FaultCoding
	// Rule 3: such a message "ought to be handled as an error". It is the classic of request
	// smuggling.
	case c.codings == 1 && c.lengths == 1:
		return FaultBothFramings
	// RFC 9112, section 6.1: an HTTP/1.0 recipient does not know transfer codings, so the
	// framing must be treated as faulty.
	case c.codings == 1 && r.Minor == 0:
		return FaultCoding
	// RFC 9110, section 10.1.1: 417, and Expect of HTTP/1.0 is ignored.
	case c.expects > 0 && r.Minor == 1 && (c.expects > 1 || !c.continues):
		return FaultExpect
	// An upgrade with content: where the tunnel begins depends on whether the server reads the
	// content first, so requests could pass inside of it (WebSocket smuggling).
	case c.websocket && c.upgrade && r.Minor == 1 && r.HasContent():
		return FaultUpgrade
	}
	if c.forged && r.OriginLines > 0 {
		r.Origin = forgedOrigin
	}
	r.Continue = c.expects > 0 && r.Minor == 1 && r.HasContent() // without content there is nothing to wait with
	// RFC 9112, section 9.3: the close option wins; HTTP/1.0 persists only with keep-alive.
	r.Close = c.close || r.Minor == 0 && !c.keepAlive
	// RFC 9110, section 7.8: Upgrade counts only if Connection names it, and never in HTTP/1.0.
	// What does not count is not forwarded: an upstream that accepts h2c would open a tunnel
	// past every policy (h2c smuggling).
	if c.upgrades != 1 || !c.upgrade || r.Minor == 0 || r.HasContent() {
		r.Upgrade = nil
	}
	r.WebSocket = c.websocket && r.Upgrade != nil && c.keys == 1 && string(r.Method) == "GET"
	return nil
}

// forgedOrigin is not a serialized origin, so no pattern matches it. A value rather than a
// flag: no caller can forget to ask.
var forgedOrigin = []byte("-")

// exact reports whether the value stands in its line as browsers write it: after the colon and
// at most one SP, right before the CRLF. It reads the bytes after the name in the buffer, which
// a slice's capacity makes reachable without keeping a third slice for each field:
//
//	Origin: https://app.example.com\r\n
//	└─Name─┘└── Name[len:cap] begins here
func exact(f *Field) bool {
	line := f.Name[len(f.Name):cap(f.Name)]
	line = line[1:] // the colon
	if line[0] == ' ' {
		line = line[1:]
	}
	return len(line) > len(f.Value) && string(line[:len(f.Value)]) == string(f.Value) && line[len(f.Value)] == '\r'
}

// coding judges one Transfer-Encoding value. See RFC 9112, sections 6.1 and 6.3. The comparison
// is with the whole value: "chunked;q=1", "\x0bchunked" and "chunked," are among the spellings
// that test for smuggling, since some parser accepts each of them.
func coding(v []byte) *Fault {
	if EqualFold(v, "chunked") {
		return nil
	}
	// Codings we lack, properly ended by chunked, are not malformed, only unknown.
	//	gzip, chunked      tokens, chunked last: valid, and not implemented: 501
	//	chunked, chunked   the same here; section 6.1 forbids it to senders
	//	chunked, gzip      chunked is not last: section 6.3, rule 4: 400
	//	"chunked"          not a token: 400
	known := true
	var last []byte
	for rest := v; rest != nil; {
		last, rest = nextMember(rest)
		known = known && IsToken(last)
	}
	if known && EqualFold(last, "chunked") {
		return FaultCodingNew
	}
	return FaultCoding
}

// connection reads one Connection value. See RFC 9110, section 7.6.1. Options that are names of
// fields are kept: those fields end here. Their number is bounded, as each is compared with
// each field; a browser sends one option, proxies two or three.
//
// A Connection that names Host, Cookie or Authorization makes a proxy drop the field
// (hop-by-hop abuse, N. Davison, 2019): for Host see [Request.Forwardable]; the others are
// dropped as asked, since the upstream then sees less, not something else.
func (r *Request) connection(v []byte, c *requestFacts) *Fault {
	for rest := v; rest != nil; {
		var option []byte
		option, rest = nextMember(rest)
		switch {
		case len(option) == 0:
		case !IsToken(option):
			return FaultConnection
		case EqualFold(option, "close"):
			c.close = true
		case EqualFold(option, "keep-alive"):
			c.keepAlive = true
		case EqualFold(option, "upgrade"):
			c.upgrade = true
		case len(r.options) == maxOptions:
			return FaultConnection
		default:
			r.options = append(r.options, option)
		}
	}
	return nil
}

// hasMember reports whether a comma-separated list has a member, in any case.
func hasMember(list []byte, want string) bool {
	for rest := list; rest != nil; {
		var member []byte
		if member, rest = nextMember(rest); EqualFold(member, want) {
			return true
		}
	}
	return false
}

// Forwardable reports whether f, one of the request's fields, may be forwarded unchanged:
//
//	not forwarded                         because
//	hop-by-hop fields                     they end here (RFC 9110, section 7.6.1)
//	fields that Connection names          the sender said so (the same)
//	Host, Content-Length                  the gateway writes its own
//	Expect                                100-continue is answered here
//	a Lookalike                           a recipient could take it for another field; the caller decides
//
// What proxies say of the client is judged elsewhere; see FieldID.Forwarding.
func (r *Request) Forwardable(f *Field) bool {
	switch {
	case f.ID == Other:
		return len(r.options) == 0 || !r.Named(f.Name)
	// The gateway writes framing for the upstream itself, from its own reading of the request,
	// so that the upstream cannot read it differently.
	case f.ID == Lookalike, f.ID == Host, f.ID == ContentLength, f.ID == Expect, f.ID.HopByHop():
		return false
	}
	return len(r.options) == 0 || !r.Named(f.Name)
}

// Named reports whether Connection names a field.
func (r *Request) Named(name []byte) bool {
	for _, option := range r.options {
		if len(option) == len(name) && foldEqual(option, name) {
			return true
		}
	}
	return false
}
