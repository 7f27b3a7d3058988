package cors

// Bounds of what a preflight asks for. A browser sends one line, with the names that the page's script set and that
// are not safelisted, sorted, lower case, without blanks. Proxies split, join and pad it, and people spell it by hand:
// all forms of a list are accepted, and these bounds keep that cheap.
const (
	maxHeaderBytes = 4096 // of all lines together
	maxHeaderNames = 64   // repeated ones count again
	maxHeaderEmpty = 16   // elements without a name
	maxHeaderName  = 128  // bytes of a configured name
	maxMethod      = 64   // bytes of a method
)

// A Preflight is what a CORS-preflight request says. All slices alias the request and are only read.
type Preflight struct {
	Origin         []byte   // value of the first Origin field line
	OriginLines    int      // number of Origin field lines
	Method         []byte   // value of the first Access-Control-Request-Method field line
	MethodLines    int      // number of Access-Control-Request-Method field lines
	Headers        [][]byte // values of the Access-Control-Request-Headers field lines
	PrivateNetwork bool     // Access-Control-Request-Private-Network: true
}

// IsPreflight reports whether a request is a CORS-preflight request: OPTIONS with an Origin and a non-empty
// Access-Control-Request-Method, acrm. An empty Origin is none. A request with several Origin lines is a preflight
// too, whatever they say, for it must not reach an upstream that would read the other line; it is then denied.
//
// See Fetch, "CORS-preflight request".
func IsPreflight(method, origin []byte, originLines int, acrm []byte) bool {
	return string(method) == "OPTIONS" && len(acrm) > 0 && (originLines > 1 || originLines == 1 && len(origin) > 0)
}

// AppendPreflight appends the field lines of the response to req, from Access-Control-Allow-Origin to Vary, and
// returns the reason of the verdict. A denial carries Vary alone, and PreflightHeaders: nothing for a browser to cache, and
// no list of what would be allowed, unless RefusedPreflight asks for one; its status is [Policy.RefusedStatus]. The checks are
// made in the order in which a browser makes them, and the first that fails is the reason:
//
//	Origin ───────────────► Access-Control-Request-Method ──► Access-Control-Request-Headers ──► Allowed
//	   │ fails                 │ fails                           │ fails
//	   ▼                       ▼                                 ▼
//	OriginNotAllowed, …     MethodNotAllowed, …               HeaderNotAllowed, …
//
// Where Origins is ["*"] and there are no credentials, any value of Origin is allowed: the answer, which says so by
// leaving Origin out of Vary, may not depend on it.
//
// req is not retained: the returned slice holds copies. Nothing is allocated but what dst lacks.
//
// See Fetch, "CORS-preflight fetch", step 7.
func (p *Policy) AppendPreflight(dst []byte, req *Preflight) ([]byte, Reason) {
	return p.AppendJudged(dst, req, p.PreflightOrigin(req))
}

// PreflightOrigin is the first check of [Policy.AppendPreflight], that of the origin. Where it allows the origin, nothing else in the
// answer depends on the origin but the value of Access-Control-Allow-Origin in its first line, and that only if [Policy.VaryOrigin]. So
// answers can be kept without the origin.
func (p *Policy) PreflightOrigin(req *Preflight) Reason {
	if p.static && req.OriginLines == 1 && len(req.Origin) > 0 {
		return Allowed
	}
	return p.checkOrigin(req.Origin, req.OriginLines)
}

// AppendJudged is [Policy.AppendPreflight] for callers that have what [Policy.PreflightOrigin] says of req.
func (p *Policy) AppendJudged(dst []byte, req *Preflight, origin Reason) ([]byte, Reason) {
	reason := origin
	if reason == Allowed {
		reason = p.checkPreflight(req)
	}
	if reason != Allowed {
		if p.refused[reason] == 204 {
			dst = p.appendLists(dst, req)
		}
		return append(dst, p.refusedEnd...), reason
	}
	dst = p.appendAllowOrigin(dst, "Access-Control-Allow-Origin: ", req.Origin)
	dst = append(dst, p.credentialsLine...)
	dst = append(dst, p.methodsLine...)
	if p.anyMethod && p.credentials {
		dst = appendMethod(dst, req.Method)
	}
	dst = append(dst, p.headersLine...)
	if p.anyHeader && p.credentials {
		dst = appendRequested(dst, req.Headers)
	}
	dst = append(dst, p.maxAgeLine...)
	if p.privateNetwork && req.PrivateNetwork {
		dst = append(dst, "Access-Control-Allow-Private-Network: true\r\n"...)
	}
	return append(dst, p.allowedEnd...), Allowed
}

// AppendRefused appends the field lines of a preflight that is refused before the policy was asked: Vary and PreflightHeaders.
func (p *Policy) AppendRefused(dst []byte) []byte { return append(dst, p.refusedEnd...) }

// checkPreflight makes the checks after that of the origin.
func (p *Policy) checkPreflight(req *Preflight) Reason {
	if reason := p.checkMethod(req.Method, req.MethodLines); reason != Allowed {
		return reason
	}
	return p.checkHeaders(req.Headers)
}

// checkMethod compares byte for byte: browsers have normalized the method already, and "patch" is not "PATCH" to them.
func (p *Policy) checkMethod(method []byte, lines int) Reason {
	if lines > 1 {
		return MethodRepeated
	}
	for _, m := range p.methods {
		if string(method) == m {
			return Allowed
		}
	}
	switch {
	case !isToken(method):
		return MethodMalformed
	case isForbiddenMethod(method):
		return MethodForbidden
	case !p.anyMethod || len(method) > maxMethod || p.neverEchoed(method):
		return MethodNotAllowed
	}
	return Allowed
}

// neverEchoed reports whether name is "*" where it would be echoed. It is a token like others, but a response of a
// policy with credentials should not look as if it held a wildcard, to a person or to the browser of a request without.
func (p *Policy) neverEchoed(name []byte) bool { return p.credentials && string(name) == "*" }

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
			if len(name) == 0 {
				if empty++; empty > maxHeaderEmpty {
					return HeadersTooLong
				}
				continue
			}
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

// checkHeader takes safelisted names like all others: a browser asks for "accept" only when its value is unusual, and
// then the page does need the permission. See Fetch, "CORS-unsafe request-header names".
func (p *Policy) checkHeader(name []byte) Reason {
	if !p.anyHeader && p.listed(name) {
		return Allowed
	}
	switch {
	case !isToken(name):
		return HeaderMalformed
	case !p.anyHeader || p.neverEchoed(name):
		return HeaderNotAllowed
	case !p.credentials && !p.authorization && equalFold(name, "Authorization"):
		// A literal "*" does not cover it in browsers, an echoed list does. See Fetch, "CORS non-wildcard
		// request-header name".
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
	_, ok := p.headers[string(buf[:len(name)])]
	return ok
}

// appendMethod appends Access-Control-Allow-Methods with the requested method. Precondition: checkMethod allowed it.
func appendMethod(dst, method []byte) []byte {
	dst = append(dst, "Access-Control-Allow-Methods: "...)
	dst = append(dst, method...)
	return append(dst, "\r\n"...)
}

// appendRequested appends Access-Control-Allow-Headers with the requested names, each once and in lower case.
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
