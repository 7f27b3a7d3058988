package cors

// Bounds of the lists in a preflight. A browser sends one line, with the names that the page's
// script set and that are not safelisted, sorted, lower case, joined by "," without blanks
// (Fetch, CORS-preflight fetch, step 5). Proxies split, join and pad it, and people write it by
// hand: all forms of a list are accepted, and these bounds keep that cheap. Empty elements are
// bounded apart from names: a recipient must accept a reasonable number of them (RFC 9110,
// section 5.6.1.2), and they say nothing.
const (
	maxHeaderBytes = 4096 // of all lines together
	maxHeaderNames = 64   // repeated ones count again
	maxHeaderEmpty = 16   // elements without a name
	maxHeaderName  = 128  // bytes of a configured name
	maxMethod      = 64   // bytes of a method
)

// A Preflight contains the CORS fields of a CORS-preflight request:
//
//	OPTIONS /items HTTP/1.1
//	Origin: https://app.example.com                         → Origin, OriginLines
//	Access-Control-Request-Method: PUT                      → Method, MethodLines
//	Access-Control-Request-Headers: content-type,x-trace    → Headers, one slice for each line
//	Access-Control-Request-Private-Network: true            → PrivateNetwork
//
// All slices alias the request and are only read; none is retained. The numbers of lines are
// there because a second line is not a list: HTTP parsers differ in which of two lines they
// return, and a policy that judged one while the upstream acts on the other would be bypassed.
type Preflight struct {
	Origin         []byte   // value of the first Origin field line
	OriginLines    int      // number of Origin field lines
	Method         []byte   // value of the first Access-Control-Request-Method field line
	MethodLines    int      // number of Access-Control-Request-Method field lines
	Headers        [][]byte // values of the Access-Control-Request-Headers field lines
	PrivateNetwork bool     // Access-Control-Request-Private-Network: true
}

// IsPreflight reports whether a request is a CORS-preflight request: OPTIONS with an Origin and
// a non-empty Access-Control-Request-Method, acrm. An OPTIONS request without either is for the
// upstream: WebDAV clients and health checks send them.
//
// An empty Origin counts as none, since browsers never send one. A request with several Origin
// lines is a preflight too, whatever they say, for it must not reach an upstream that would
// read the other line; it is then denied.
//
// See Fetch, "CORS-preflight request".
func IsPreflight(method, origin []byte, originLines int, acrm []byte) bool {
	return string(method) == "OPTIONS" && len(acrm) > 0 && (originLines > 1 || originLines == 1 && len(origin) > 0)
}

// AppendPreflight appends the field lines of the response to req, from
// Access-Control-Allow-Origin to Vary, and returns the reason of the verdict. A denial carries
// Vary alone, and PreflightHeaders: nothing for a browser to cache, and no list of what would
// be allowed, unless RefusedPreflight asks for one; its status is [Policy.RefusedStatus]. The
// checks are made in the order in which a browser makes them, and the first that fails is the
// reason:
//
//	Origin ───────────────► Access-Control-Request-Method ──► Access-Control-Request-Headers ──► Allowed
//	   │ fails                 │ fails                           │ fails
//	   ▼                       ▼                                 ▼
//	OriginNotAllowed, …     MethodNotAllowed, …               HeaderNotAllowed, …
//
// Where Origins is ["*"] and there are no credentials, any value of Origin is allowed: the
// answer, which says so by leaving Origin out of Vary, may not depend on it.
//
// req is not retained: the returned slice holds copies. Nothing is allocated but what dst lacks.
//
// See Fetch, "CORS-preflight fetch", step 7.
func (p *Policy) AppendPreflight(dst []byte, req *Preflight) ([]byte, Reason) {
	return p.AppendJudged(dst, req, p.PreflightOrigin(req))
}

// PreflightOrigin checks the origin: the first check of [Policy.AppendPreflight]. If it allows
// the origin, the rest of the answer depends on the origin only in the value of
// Access-Control-Allow-Origin in its first line, and that only if [Policy.VaryOrigin]. So a
// cache may keep one answer for all origins of a policy, and put the origin in when it is
// delivered:
//
//	Access-Control-Allow-Origin: ▒▒▒▒▒▒▒▒▒▒▒▒▒   depends on Origin
//	Access-Control-Allow-Methods: PUT, DELETE    depends on the policy, and with an echoed "*" on
//	Access-Control-Allow-Headers: content-type   the requested method and names
//	Access-Control-Max-Age: 600
//	Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers
func (p *Policy) PreflightOrigin(req *Preflight) Reason {
	// Not even a malformed value is refused here: the answer says "*" and does not name Origin
	// in Vary, so it may not depend on what Origin says. A browser that sent it would accept
	// "*" as well (Fetch, CORS check, step 3).
	if p.static && req.OriginLines == 1 && len(req.Origin) > 0 {
		return Allowed
	}
	return p.checkOrigin(req.Origin, req.OriginLines)
}

// AppendJudged is [Policy.AppendPreflight] for callers that already have the result of
// [Policy.PreflightOrigin] for req.
func (p *Policy) AppendJudged(dst []byte, req *Preflight, origin Reason) ([]byte, Reason) {
	reason := origin
	if reason == Allowed {
		reason = p.checkPreflight(req)
	}
	if reason != Allowed {
		// Only for an allowed origin: see refused.go. All other refusals say nothing that a
		// later preflight could use.
		if p.refused[reason] == 204 {
			dst = p.appendLists(dst, req)
		}
		return append(dst, p.refusedEnd...), reason
	}
	// Fetch, CORS check, steps 1 to 4: the origin byte for byte, or "*".
	dst = p.appendAllowOrigin(dst, "Access-Control-Allow-Origin: ", req.Origin)
	dst = append(dst, p.credentialsLine...) // CORS check, steps 6 and 7
	// Fetch, CORS-preflight fetch, step 7.5: the method must be listed, be safelisted, or be
	// covered by "*" without credentials. With credentials "*" would be the name of a method,
	// so the requested one is echoed instead; checkMethod has bounded it.
	dst = append(dst, p.methodsLine...)
	if p.anyMethod && p.credentials {
		dst = appendMethod(dst, req.Method)
	}
	// Steps 7.6 and 7.7, the same for names, where "*" never covers Authorization.
	dst = append(dst, p.headersLine...)
	if p.anyHeader && p.credentials {
		dst = appendRequested(dst, req.Headers)
	}
	dst = append(dst, p.maxAgeLine...) // steps 7.8 to 7.10; absent means 5 seconds
	// From the retired Private Network Access draft. Only on request: the field grants nothing
	// otherwise.
	if p.privateNetwork && req.PrivateNetwork {
		dst = append(dst, "Access-Control-Allow-Private-Network: true\r\n"...)
	}
	return append(dst, p.allowedEnd...), Allowed
}

// AppendRefused appends the field lines of a preflight that is refused before the policy was
// asked, for instance because its framing or its route is: Vary and PreflightHeaders.
func (p *Policy) AppendRefused(dst []byte) []byte { return append(dst, p.refusedEnd...) }

// checkPreflight makes the checks that follow the origin's, in a browser's order, so that the
// reason of a refusal is the one in the browser's message.
func (p *Policy) checkPreflight(req *Preflight) Reason {
	if reason := p.checkMethod(req.Method, req.MethodLines); reason != Allowed {
		return reason
	}
	return p.checkHeaders(req.Headers)
}

// checkMethod is Fetch, CORS-preflight fetch, step 7.5, seen from the server. It compares byte
// for byte: browsers have normalized the method already (the six of "normalize a method"), and
// "patch" is not "PATCH" to them. p.methods starts with the safelisted GET, HEAD and POST,
// which a browser never refuses for being unlisted.
func (p *Policy) checkMethod(method []byte, lines int) Reason {
	if lines > 1 {
		return MethodRepeated
	}
	// A handful of short strings: a linear search beats a map, and what it finds needs no
	// validation.
	for _, m := range p.methods {
		if string(method) == m {
			return Allowed
		}
	}
	switch {
	// Before anything is echoed or reported: a method is a token (RFC 9110, section 9.1).
	case !isToken(method):
		return MethodMalformed
	// No page can send it, so a preflight for it comes from a script. "*" does not cover it:
	// TRACE echoes cookies that scripts may not read (cross-site tracing).
	case isForbiddenMethod(method):
		return MethodForbidden
	case !p.anyMethod || len(method) > maxMethod || p.neverEchoed(method):
		return MethodNotAllowed
	}
	return Allowed
}

// neverEchoed reports whether name is "*" where it would be echoed. It is a token like others,
// but a response of a policy with credentials should not appear to contain a wildcard, to a
// person or to the browser of a request without credentials.
func (p *Policy) neverEchoed(name []byte) bool { return p.credentials && string(name) == "*" }

// checkHeaders is Fetch, CORS-preflight fetch, steps 7.6 and 7.7, seen from the server: every
// requested name must be allowed, and the first that is not is the reason. The size is checked
// before the first byte is read, so a long field costs an addition per line.
func (p *Policy) checkHeaders(lines [][]byte) Reason {
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	if size > maxHeaderBytes {
		return HeadersTooLong
	}
	names, empty := 0, 0
	for _, line := range lines {
		for more := true; more; {
			var name []byte
			name, line, more = cutMember(line)
			// RFC 9110, section 5.6.1.2: a recipient must accept a reasonable number of empty
			// elements.
			if len(name) == 0 {
				if empty++; empty > maxHeaderEmpty {
					return HeadersTooLong
				}
				continue
			}
			// Repeated names count again: to find repetitions would cost a table, and no
			// browser repeats one.
			if names++; names > maxHeaderNames {
				return HeadersTooLong
			}
			if reason := p.checkHeader(name); reason != Allowed {
				return reason
			}
		}
	}
	return Allowed
}

// checkHeader treats safelisted names like all others: a browser asks for "accept" only when
// its value is unusual, and then the page does need the permission. See Fetch, "CORS-unsafe
// request-header names".
func (p *Policy) checkHeader(name []byte) Reason {
	// A listed name is a token, as New has checked. With "*" the general case below applies, so
	// that a malformed name is found although everything is allowed.
	if !p.anyHeader && p.listed(name) {
		return Allowed
	}
	switch {
	case !isToken(name):
		return HeaderMalformed
	case !p.anyHeader || p.neverEchoed(name):
		return HeaderNotAllowed
	case !p.credentials && !p.authorization && equalFold(name, "Authorization"):
		// A literal "*" does not cover it in browsers, an echoed list does. See Fetch, "CORS
		// non-wildcard request-header name".
		return HeaderNotAllowed
	}
	return Allowed
}

// listed reports whether name is configured, in any case.
func (p *Policy) listed(name []byte) bool {
	var buf [maxHeaderName]byte
	if len(name) > len(buf) {
		return false
	}
	for i, c := range name {
		buf[i] = lower(c)
	}
	// Lower case in an array on the stack: the lookup allocates nothing, and ASCII folding
	// alone decides.
	_, ok := p.headers[string(buf[:len(name)])]
	return ok
}

// appendMethod appends Access-Control-Allow-Methods with the requested method. Precondition:
// checkMethod allowed it.
func appendMethod(dst, method []byte) []byte {
	dst = append(dst, "Access-Control-Allow-Methods: "...)
	dst = append(dst, method...)
	return append(dst, "\r\n"...)
}

// appendRequested appends Access-Control-Allow-Headers with the requested names, each once and
// in lower case.
//
// Precondition: checkHeaders allowed lines.
func appendRequested(dst []byte, lines [][]byte) []byte {
	begin := len(dst)
	dst = append(dst, "Access-Control-Allow-Headers: "...)
	start := len(dst)
	for _, line := range lines {
		dst = appendMembers(dst, start, line, everything)
	}
	if len(dst) == start {
		return dst[:begin]
	}
	for i, c := range dst[start:] {
		dst[start+i] = lower(c)
	}
	return append(dst, "\r\n"...)
}
