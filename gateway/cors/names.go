package cors

// This file holds the classes of names that Fetch defines and the byte rules under them. Names are compared as
// ASCII: bytes.EqualFold would take the Kelvin sign for a k.

// See RFC 9110, section 5.6.2, "Tokens". Bit c of the pair is set where c is a tchar.
const (
	tcharLow  = 0x3ff<<'0' | 1<<'!' | 1<<'#' | 1<<'$' | 1<<'%' | 1<<'&' | 1<<'\'' | 1<<'*' | 1<<'+' | 1<<'-' | 1<<'.'
	tcharHigh = 0x3ffffff<<('A'-64) | 0x3ffffff<<('a'-64) | 1<<('^'-64) | 1<<('_'-64) | 1<<('`'-64) | 1<<('|'-64) | 1<<('~'-64)
)

func isTchar(c byte) bool {
	if c < 64 {
		return uint64(tcharLow)>>c&1 != 0
	}
	return c < 128 && uint64(tcharHigh)>>(c-64)&1 != 0
}

func isToken[T string | []byte](s T) bool {
	for i := range len(s) {
		if !isTchar(s[i]) {
			return false
		}
	}
	return len(s) > 0
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// equalFold reports whether a and b are equal but for ASCII case.
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

func oneOf[T string | []byte](name T, names ...string) bool {
	for _, n := range names {
		if equalFold(name, n) {
			return true
		}
	}
	return false
}

// See Fetch, "CORS-safelisted method".
func isSafelistedMethod(m string) bool { return m == "GET" || m == "HEAD" || m == "POST" }

// See Fetch, "forbidden method".
func isForbiddenMethod[T string | []byte](m T) bool {
	return equalFold(m, "CONNECT") || equalFold(m, "TRACE") || equalFold(m, "TRACK")
}

// normalizeMethod does to a configured method what browsers do to a requested one. PATCH is not among the
// six, by history. See Fetch, "normalize a method".
func normalizeMethod(m string) string {
	for _, n := range [...]string{"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"} {
		if equalFold(m, n) {
			return n
		}
	}
	return m
}

// See Fetch, "forbidden request-header". The three method-override names of that definition are forbidden for some
// values only and therefore not here.
func isForbiddenRequestHeader(name string) bool {
	if len(name) >= 4 && equalFold(name[:4], "Sec-") || len(name) >= 6 && equalFold(name[:6], "Proxy-") {
		return true
	}
	return oneOf(name, "Accept-Charset", "Accept-Encoding", "Access-Control-Request-Headers",
		"Access-Control-Request-Method", "Access-Control-Request-Private-Network", "Connection", "Content-Length",
		"Cookie", "Cookie2", "Date", "DNT", "Expect", "Host", "Keep-Alive", "Origin", "Referer", "Set-Cookie", "TE",
		"Trailer", "Transfer-Encoding", "Upgrade", "Via")
}

// See Fetch, "forbidden response-header name".
func isForbiddenResponseHeader(name string) bool { return oneOf(name, "Set-Cookie", "Set-Cookie2") }

// isCORSRequestHeader reports whether name is a field that only requests have. See Fetch, "HTTP requests".
func isCORSRequestHeader(name string) bool {
	return oneOf(name, "Origin", "Access-Control-Request-Headers", "Access-Control-Request-Method", "Access-Control-Request-Private-Network")
}

// isPreflightHeader reports whether name is a field that only answers to preflights have. See Fetch, "HTTP responses".
func isPreflightHeader(name string) bool {
	return oneOf(name, "Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age", "Access-Control-Allow-Private-Network")
}

// See Fetch, "CORS-safelisted response-header name".
func isSafelistedResponseHeader(name string) bool {
	return oneOf(name, "Cache-Control", "Content-Language", "Content-Length", "Content-Type", "Expires",
		"Last-Modified", "Pragma")
}

// OwnedField reports whether name, in any case, is a field of the CORS protocol in responses, which only a policy
// may set: the six of Fetch, "HTTP responses", and Access-Control-Allow-Private-Network.
func OwnedField(name []byte) bool {
	const prefix = "Access-Control-"
	if len(name) < len(prefix) || !equalFold(name[:len(prefix)], prefix) {
		return false
	}
	return oneOf(name[len(prefix):], "Allow-Origin", "Allow-Credentials", "Allow-Methods", "Allow-Headers",
		"Expose-Headers", "Max-Age", "Allow-Private-Network")
}
