package cors

// This file defines the classes of names in Fetch and the byte rules behind them. Names
// are compared as ASCII: bytes.EqualFold would take the Kelvin sign for a k.

// The set of bytes of a token, one bit for each. Bit c of the pair is set where c is a tchar:
// "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" / "." / "^" / "_" / "`" / "|" / "~" /
// DIGIT / ALPHA. Two words instead of a table of 256 bytes: they are constants in the code and
// touch no cache line. See RFC 9110, section 5.6.2, "Tokens".
const (
	tcharLow  = 0x3ff<<'0' | 1<<'!' | 1<<'#' | 1<<'$' | 1<<'%' | 1<<'&' | 1<<'\'' | 1<<'*' | 1<<'+' | 1<<'-' | 1<<'.'
	tcharHigh = 0x3ffffff<<('A'-64) | 0x3ffffff<<('a'-64) | 1<<('^'-64) | 1<<('_'-64) | 1<<('`'-64) | 1<<('|'-64) | 1<<('~'-64)
)

// isTchar reports whether c can be part of a token.
func isTchar(c byte) bool {
	if c < 64 {
		return uint64(tcharLow)>>c&1 != 0
	}
	return c < 128 && uint64(tcharHigh)>>(c-64)&1 != 0
}

// isToken reports whether s is a token. A token contains no CR, LF, colon, comma or blank, so
// it can neither end a line nor divide a list where it is echoed.
func isToken[T string | []byte](s T) bool {
	for i := range len(s) {
		if !isTchar(s[i]) {
			return false
		}
	}
	return len(s) > 0
}

// lower returns c in lower case, if it is an ASCII letter. See Infra, "byte-lowercase".
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// equalFold reports whether a and b are equal but for ASCII case: Fetch's
// "byte-case-insensitive match". Field names and these lists are ASCII by their grammar, so a
// byte above 0x7f only equals itself.
func equalFold[A, B string | []byte](a A, b B) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

// oneOf reports whether name is one of names, in any case.
func oneOf[T string | []byte](name T, names ...string) bool {
	for _, n := range names {
		if equalFold(name, n) {
			return true
		}
	}
	return false
}

// isSafelistedMethod reports whether a browser sends m without a preflight, as a form or a link
// always could. Case matters: a browser has normalized "get" before it asks. See Fetch,
// "CORS-safelisted method".
func isSafelistedMethod(m string) bool { return m == "GET" || m == "HEAD" || m == "POST" }

// isForbiddenMethod reports whether m is, in any case, a method that no page can send: CONNECT
// would make a tunnel of the connection, TRACE and TRACK echo the request with its cookies. See
// Fetch, "forbidden method".
func isForbiddenMethod[T string | []byte](m T) bool {
	return equalFold(m, "CONNECT") || equalFold(m, "TRACE") || equalFold(m, "TRACK")
}

// normalizeMethod normalizes a configured method as browsers do a requested one, so that
// "put" in a configuration is not an entry that never matches. PATCH is not among the six, for
// historical reasons: a page that sends "patch" asks for "patch". See Fetch, "normalize a
// method".
func normalizeMethod(m string) string {
	for _, n := range [...]string{"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"} {
		if equalFold(m, n) {
			return n
		}
	}
	return m
}

// isForbiddenRequestHeader reports whether browsers keep name to themselves, in any case: the
// fields of framing, of the connection, of CORS itself and of cookies, and those with the
// prefixes Proxy- and Sec-. Sec- was reserved for that, so that servers can trust
// Sec-Fetch-Site. The three method-override names of the definition are forbidden for some
// values only and therefore not here; see [ForbiddenRequestHeader]. See Fetch, "forbidden
// request-header".
func isForbiddenRequestHeader(name string) bool {
	if len(name) >= 4 && equalFold(name[:4], "Sec-") || len(name) >= 6 && equalFold(name[:6], "Proxy-") {
		return true
	}
	return oneOf(name, "Accept-Charset", "Accept-Encoding", "Access-Control-Request-Headers",
		"Access-Control-Request-Method", "Access-Control-Request-Private-Network", "Connection", "Content-Length",
		"Cookie", "Cookie2", "Date", "DNT", "Expect", "Host", "Keep-Alive", "Origin", "Referer", "Set-Cookie", "TE",
		"Trailer", "Transfer-Encoding", "Upgrade", "Via")
}

// isForbiddenResponseHeader reports whether no page can read name, whatever is exposed: cookies
// that are HttpOnly must stay hidden. See Fetch, "forbidden response-header name".
func isForbiddenResponseHeader(name string) bool { return oneOf(name, "Set-Cookie", "Set-Cookie2") }

// isCORSRequestHeader reports whether name is a field that only requests have. See Fetch, "HTTP requests".
func isCORSRequestHeader(name string) bool {
	return oneOf(name, "Origin", "Access-Control-Request-Headers", "Access-Control-Request-Method", "Access-Control-Request-Private-Network")
}

// isPreflightHeader reports whether name is a field that only answers to preflights have. See Fetch, "HTTP responses".
func isPreflightHeader(name string) bool {
	return oneOf(name, "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age", "Access-Control-Allow-Private-Network")
}

// isSafelistedResponseHeader reports whether pages can read name without exposing it. See
// Fetch, "CORS-safelisted response-header name".
func isSafelistedResponseHeader(name string) bool {
	return oneOf(name, "Cache-Control", "Content-Language", "Content-Length", "Content-Type", "Expires",
		"Last-Modified", "Pragma")
}

// OwnedField reports whether name, in any case, is a field of the CORS protocol in responses, which only a policy
// may set: the six of Fetch, "HTTP responses", and Access-Control-Allow-Private-Network.
func OwnedField(name []byte) bool {
	// Cut once, so that the usual field costs one comparison of fifteen bytes, not seven.
	const prefix = "Access-Control-"
	if len(name) < len(prefix) || !equalFold(name[:len(prefix)], prefix) {
		return false
	}
	return oneOf(name[len(prefix):], "Allow-Origin", "Allow-Credentials", "Allow-Methods", "Allow-Headers",
		"Expose-Headers", "Max-Age", "Allow-Private-Network")
}
