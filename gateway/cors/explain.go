package cors

import (
	"slices"
	"strings"
)

// This file answers questions about the parts of a request, for tools that explain a verdict.
// No request is served by it.

// AllowsMethod reports whether a preflight for method, as browsers normalize it, passes the
// check of methods.
func (p *Policy) AllowsMethod(method string) bool { return p.checkMethod([]byte(method), 1) == Allowed }

// AllowsHeader reports whether a preflight may ask for the request-header name, in any case.
func (p *Policy) AllowsHeader(name string) bool { return p.checkHeader([]byte(name)) == Allowed }

// NormalizeMethod normalizes a method as browsers do before they send it. See Fetch, "normalize
// a method".
func NormalizeMethod(method string) string { return normalizeMethod(method) }

// SafelistedMethod reports whether method needs no preflight. See Fetch, "CORS-safelisted method".
func SafelistedMethod(method string) bool { return isSafelistedMethod(method) }

// ForbiddenMethod reports whether browsers refuse to send method. See Fetch, "forbidden method".
func ForbiddenMethod(method string) bool { return isForbiddenMethod(method) }

// ForbiddenRequestHeader reports whether browsers let no page set h: never, or not to this
// value, which asks servers to take the request for one of a method that browsers refuse to
// send. See Fetch, "forbidden request-header".
func ForbiddenRequestHeader(h RequestHeader) bool {
	return isForbiddenRequestHeader(h.Name) ||
		oneOf(h.Name, "X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override") && slices.ContainsFunc(splitValue(h.Value), isForbiddenMethod[string])
}

// splitValue returns the members of a list field without the blanks around them. A comma in a
// quoted string does not divide. See Fetch, "get, decode, and split".
func splitValue(v string) (members []string) {
	start, quoted := 0, false
	for i := 0; i <= len(v); i++ {
		switch {
		case i == len(v) || v[i] == ',' && !quoted:
			members = append(members, strings.Trim(v[start:i], " \t"))
			start = i + 1
		case v[i] == '"':
			quoted = !quoted
		case v[i] == '\\' && quoted:
			i++
		}
	}
	return members
}

// maxSafelisted bounds the value of one safelisted request-header, in bytes, and
// maxSafelistedSum all of them together. Without them a page could send values of any length to
// any server without a preflight. See Fetch, "CORS-safelisted request-header", step 1, and
// "CORS-unsafe request-header names", step 5.
const (
	maxSafelisted    = 128
	maxSafelistedSum = 1024
)

// A RequestHeader is a request header that a page sets.
type RequestHeader struct {
	Name  string
	Value string // without blanks around it
}

// UnsafeHeaders returns the names, in lower case, that a preflight must ask for, in the order
// of headers. Fetch sorts them; callers that print them want the page's order. See Fetch,
// "CORS-unsafe request-header names".
func UnsafeHeaders(headers []RequestHeader) []string {
	var unsafe, safelisted []string
	sum := 0
	for _, h := range headers {
		if name := strings.ToLower(h.Name); SafelistedRequestHeader(h) {
			safelisted = append(safelisted, name)
			sum += len(h.Value)
		} else {
			unsafe = append(unsafe, name)
		}
	}
	// Step 5: together they are too long, so none of them is safe.
	if sum > maxSafelistedSum {
		unsafe = append(unsafe, safelisted...)
	}
	return unsafe
}

// SafelistedRequestHeader reports whether h alone needs no preflight. See Fetch,
// "CORS-safelisted request-header".
func SafelistedRequestHeader(h RequestHeader) bool {
	if len(h.Value) > maxSafelisted {
		return false
	}
	switch strings.ToLower(h.Name) {
	// The switch is step 2. The unsafe bytes are those by which a value could break out of a
	// quoted string, a list or markup at a server that never met it from a foreign site.
	case "accept":
		return !strings.ContainsFunc(h.Value, isUnsafeByte)
	// Exactly the bytes that language ranges and quality values need.
	case "accept-language", "content-language":
		return !strings.ContainsFunc(h.Value, func(r rune) bool {
			return !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune(" *,-.;=", r))
		})
	case "content-type":
		// Parameters do not matter, not even malformed ones, which mime.ParseMediaType would
		// refuse. See MIME Sniffing, "parse a MIME type".
		essence, _, _ := strings.Cut(h.Value, ";")
		return !strings.ContainsFunc(h.Value, isUnsafeByte) && oneOf(strings.Trim(essence, " \t"),
			"application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
	// A single range with a first byte: browsers never sent "bytes=-500" by themselves, so
	// servers may not expect it from any page.
	case "range":
		return isSimpleRange(h.Value)
	}
	return false
}

// isUnsafeByte is Fetch's "CORS-unsafe request-header byte".
func isUnsafeByte(r rune) bool {
	return r < ' ' && r != '\t' || r == 0x7f || strings.ContainsRune(`"():<>?@[\]{}`, r)
}

// isSimpleRange reports whether v is "bytes=N-" or "bytes=N-M" with N <= M. Numbers are
// compared as text, by length and then by digits, since they have no bound. See Fetch, "parse a
// single range header value".
func isSimpleRange(v string) bool {
	first, last, ok := strings.Cut(strings.TrimPrefix(v, "bytes="), "-")
	digits := func(s string) bool { return strings.Trim(s, "0123456789") == "" }
	if !ok || !strings.HasPrefix(v, "bytes=") || first == "" || !digits(first) || !digits(last) {
		return false
	}
	first, last = strings.TrimLeft(first, "0"), strings.TrimLeft(last, "0")
	return v[len(v)-1] == '-' || len(first) < len(last) || len(first) == len(last) && first <= last
}

// SafelistedResponseHeader reports whether a page can read a response header that the response
// does not expose. See Fetch, "CORS-safelisted response-header name".
func SafelistedResponseHeader(name string) bool { return isSafelistedResponseHeader(name) }

// ForbiddenResponseHeader reports whether no page can read a response header, whatever is
// exposed. See Fetch, "forbidden response-header name".
func ForbiddenResponseHeader(name string) bool { return oneOf(name, "Set-Cookie", "Set-Cookie2") }
