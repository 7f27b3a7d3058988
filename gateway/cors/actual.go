package cors

import "github.com/corsgate/corsgate/matcher"

// AllowedOrigin decides about the value of Origin alone, as a guard of WebSocket handshakes or
// against CSRF needs it: neither is protected by the browser's CORS check (a WebSocket has
// none, and an unsafe form post is sent before any check), so the server must compare. It
// returns the index in Config.Origins, followed by Config.FileOrigins, of a pattern that
// matches, the most specific, or -1 and the reason. Unlike [Policy.AppendActual] it never takes
// a malformed value for an origin, not even where Origins is ["*"].
//
// It keeps nothing and allocates nothing. See RFC 6455, section 10.2.
func (p *Policy) AllowedOrigin(origin []byte) (pattern int, reason Reason) {
	if reason = p.checkOrigin(origin, 1); reason != Allowed {
		return -1, reason
	}
	return p.origins.Find(origin), Allowed
}

// checkOrigin decides about the value of Origin: Fetch, CORS check, step 4, from the server's
// side. The order is by cost for the usual request: a match ends it with one lookup, and only a
// value that matches nothing is parsed, to tell a foreign origin from nonsense.
func (p *Policy) checkOrigin(origin []byte, lines int) Reason {
	switch {
	// Browsers send one line, and a client that sends two hopes that two readers disagree.
	case lines > 1:
		return OriginRepeated
	case lines == 0 || len(origin) == 0:
		return NoOrigin
	// An opaque origin: a sandboxed frame, a data: URL, a redirect across origins, some file:
	// pages. Any site can produce it, so it is never matched by a pattern and needs to be
	// listed by itself.
	case string(origin) == "null":
		if p.null {
			return Allowed
		}
		return OriginNullNotAllowed
	case p.origins.Match(origin):
		return Allowed
	// Not what HTML's "serialization of an origin" yields: upper case, a path, a default port.
	// No browser sends it, and it would fail the byte comparison of CORS check, step 4.
	case !matcher.ValidOrigin(origin):
		return OriginMalformed
	}
	return OriginNotAllowed
}

// AppendActual appends what any response but a preflight's carries, as complete field lines:
// Access-Control-Allow-Origin, -Allow-Credentials and -Expose-Headers and Timing-Allow-Origin
// for an allowed origin, and Cross-Origin-Resource-Policy. Not Vary: the caller merges that
// into the upstream's if [Policy.VaryOrigin], whatever the reason is.
//
// origin is the value of the Origin field, originLines the number of its field lines, 0 for a
// request without; an empty value counts as none. Where Origins is ["*"] and there are no
// credentials, the fields do not depend on origin: all responses carry them, and the reason is
// Allowed for any request that has an Origin.
//
// origin is kept only as a copy in the returned slice. Nothing is allocated but what dst lacks.
//
// See Fetch, "CORS check" and "CORS protocol and HTTP caches".
func (p *Policy) AppendActual(dst, origin []byte, originLines int) ([]byte, Reason) {
	return p.AppendExposing(dst, origin, originLines, nil)
}

// AppendExposing is AppendActual for a response whose upstream exposes further headers:
// upstream contains the values of its Access-Control-Expose-Headers field lines, whose names
// are added to the policy's, up to 64 members in all. Values that are not names are dropped,
// and so is "*" with credentials: browsers would treat it as a name.
func (p *Policy) AppendExposing(dst, origin []byte, originLines int, upstream [][]byte) ([]byte, Reason) {
	reason := Allowed
	// The reason is reported even where the answer does not depend on it: metrics count CORS
	// requests, and a request without Origin is not one.
	switch {
	case p.static && (originLines == 0 || originLines == 1 && len(origin) == 0):
		reason = NoOrigin
	case !p.static:
		reason = p.checkOrigin(origin, originLines)
	}
	// A denied origin does not get these fields, and the browser fails the CORS check at step
	// 2. Their absence is the refusal: the status stays the upstream's.
	if p.static || reason == Allowed {
		dst = p.appendAllowOrigin(dst, "Access-Control-Allow-Origin: ", origin)
		dst = append(dst, p.credentialsLine...)
		dst = p.appendExpose(dst, upstream)
		if p.timing {
			dst = p.appendAllowOrigin(dst, "Timing-Allow-Origin: ", origin)
		}
	}
	return append(dst, p.resourceLine...), reason
}

// appendAllowOrigin appends a line whose value is the origin or "*". The origin is the
// request's, byte for byte, and never a pattern's text: CORS check, step 4, compares with what
// the browser sent. It was matched before, so it contains no CR, LF or blank that could end the
// line. "*" is never combined with credentials (step 3 would fail): static excludes them.
func (p *Policy) appendAllowOrigin(dst []byte, name string, origin []byte) []byte {
	dst = append(dst, name...)
	if p.static {
		return append(dst, "*\r\n"...)
	}
	dst = append(dst, origin...)
	return append(dst, "\r\n"...)
}

// appendExpose appends Access-Control-Expose-Headers with the names of the policy and of the
// upstream. See Fetch, "CORS filtered response" and, in main fetch, the CORS-exposed
// header-name list.
func (p *Policy) appendExpose(dst []byte, upstream [][]byte) []byte {
	if len(upstream) == 0 || p.expose == "*" {
		return append(dst, p.exposeLine...)
	}
	begin := len(dst)
	dst = append(dst, "Access-Control-Expose-Headers: "...)
	start := len(dst)
	dst = append(dst, p.expose...)
	members := 0
	for _, line := range upstream {
		for more := true; more && members < maxDistinct; members++ {
			var name []byte
			name, line, more = cutMember(line)
			switch {
			// "*" says more than all names together, so it replaces the list that was begun.
			case string(name) == "*" && !p.credentials:
				return append(dst[:start], "*\r\n"...)
			// What an upstream writes is validated like anything else that ends up in a header.
			case string(name) != "*" && isToken(name):
				dst = appendMembers(dst, start, name, everything)
			}
		}
	}
	if len(dst) == start {
		return dst[:begin]
	}
	return append(dst, "\r\n"...)
}
