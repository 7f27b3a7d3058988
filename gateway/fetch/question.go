package fetch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/corsgate/corsgate/matcher"
	"golang.org/x/net/idna"
)

// This file reads a Question as a browser would. It refuses what fetch() refuses, and what no
// browser can mean. The rules are:
//
//   - Origin is "null" or a tuple origin as browsers serialize it: anything else is an error
//     that says what to write;
//   - the URL is brought into its normal form; dot segments, which browsers resolve, are an
//     error that shows the result;
//   - names of headers that a page cannot set, and methods that it cannot use, are errors.

// A Request is a [Question] as a browser understands it: every part is in the form in which the
// browser sends it. NewRequest makes one; a literal with the fields that Evaluate needs is
// valid, too. It must not be changed afterwards.
type Request struct {
	Origin          string
	Method          string               // normalized
	Headers         []cors.RequestHeader // sorted by name, lower case; an empty value is not known
	Credentials     bool
	Mode            string   // one of the modes, never ""
	ResponseHeaders []string // that the script wants to read, as they were written

	HTTPS  bool
	Host   string // with its port, unless it is the scheme's
	Target string // path and query, as they stand in the request line
	Path   string // escaped
	Same   bool   // Origin is the URL's origin

	Reasons []string // why a preflight is needed; none: it is not
	Unsafe  []string // CORS-unsafe request-header names: sorted, lower case
}

// maxQuestion bounds each part of a question, in bytes: beyond it there is nothing to explain.
const maxQuestion = 64 << 10

// NewRequest reads a question as a browser would. Its error says what is wrong with the
// question, and what to write.
func NewRequest(q Question) (*Request, error) {
	if len(q.Origin)+len(q.Method)+len(q.URL) > maxQuestion {
		return nil, errors.New("the question is longer than any request can be: shorten it")
	}
	r := &Request{Credentials: q.Credentials}
	if err := r.readOrigin(q.Origin); err != nil {
		return nil, err
	}
	if err := r.readURL(q.URL); err != nil {
		return nil, err
	}
	if err := r.readMethod(q.Method); err != nil {
		return nil, err
	}
	if err := r.readHeaders(q.Headers); err != nil {
		return nil, err
	}
	if err := r.readResponseHeaders(q.ResponseHeaders); err != nil {
		return nil, err
	}
	r.Same = r.Origin == r.TargetOrigin()
	if err := r.readMode(q.Mode); err != nil {
		return nil, err
	}
	if !r.Same && r.Mode == ModeCORS && r.Blocked() == "" {
		r.preflightReasons()
	}
	return r, nil
}

// readOrigin reads the page's origin. The error names the form that browsers send, so that a
// mistyped origin is not explained as a denied one.
func (r *Request) readOrigin(origin string) error {
	switch {
	case origin == "":
		return errors.New(`the origin is missing: write that of the page, such as "https://app.example.com"`)
	case origin == "null" || matcher.ValidOrigin([]byte(origin)):
		r.Origin = origin
		return nil
	case strings.Contains(origin, "*"):
		return fmt.Errorf("origin %q: stars are for patterns: write the origin of one page", origin)
	}
	if scheme, rest, ok := strings.Cut(origin, "://"); ok && !isASCII(rest) {
		host := hostOf(rest)
		if name, err := idna.Lookup.ToASCII(host); err == nil {
			if ascii := scheme + "://" + name + rest[len(host):]; matcher.ValidOrigin([]byte(ascii)) {
				return fmt.Errorf("origin %q: browsers send the A-label of a host: write %s", origin, ascii)
			}
		}
	}
	_, err := matcher.ParsePattern(origin)
	var p *matcher.PatternError
	if errors.As(err, &p) {
		return fmt.Errorf("origin %q is not as browsers send it: %s: %s", origin, p.Message, p.Hint)
	}
	return fmt.Errorf("origin %q is not as browsers send it: write scheme, host and port only", origin)
}

// readMethod normalizes the method as the constructor of Request in Fetch does, and refuses
// forbidden ones.
func (r *Request) readMethod(method string) error {
	r.Method = cors.NormalizeMethod(method)
	switch {
	case method == "":
		r.Method = "GET"
	case !wire.IsToken([]byte(method)):
		return fmt.Errorf("method %q is not a method name: write one such as PUT", method)
	case cors.ForbiddenMethod(method):
		return fmt.Errorf("method %s: browsers refuse to send it: write another", method)
	}
	return nil
}

// readHeaders reads the headers that the script sets, "Name: value" or a name alone. See Fetch,
// "forbidden request-header": some names are only forbidden with some values.
func (r *Request) readHeaders(headers []string) error {
	size := 0
	for _, h := range headers {
		if size += len(h); size > maxQuestion {
			return errors.New("the headers are longer than any request can be: name fewer")
		}
		name, value, _ := strings.Cut(h, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		lower := strings.ToLower(name)
		switch {
		case !wire.IsToken([]byte(name)):
			return fmt.Errorf(`header %q is not a header name: write one such as "X-Request-Id", or "Content-Type: text/plain"`, h)
		case cors.ForbiddenRequestHeader(cors.RequestHeader{Name: name}):
			return fmt.Errorf("header %s: browsers do not let pages set it: leave it out%s", name, forCookies(lower))
		case cors.ForbiddenRequestHeader(cors.RequestHeader{Name: name, Value: value}):
			return fmt.Errorf("header %s: browsers do not let pages set it to %s, a method that they refuse to send: leave it out", name, value)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r >= 0x7f }):
			return fmt.Errorf("header %s: its value contains a character that is not printable ASCII: leave the value out", name)
		case slices.ContainsFunc(r.Headers, func(h cors.RequestHeader) bool { return h.Name == lower }):
			return fmt.Errorf("header %s is given twice: name it once", name)
		}
		r.Headers = append(r.Headers, cors.RequestHeader{Name: lower, Value: value})
	}
	slices.SortFunc(r.Headers, func(x, y cors.RequestHeader) int { return strings.Compare(x.Name, y.Name) })
	return nil
}

// forCookies returns what to do instead of setting Cookie.
func forCookies(name string) string {
	if name == "cookie" {
		return " and ask with credentials"
	}
	return ""
}

// preflightReasons finds out why a preflight is needed: the method is not CORS-safelisted, or
// there are CORS-unsafe request-header names. See Fetch, "main fetch", where it chooses between
// "HTTP fetch" with and without the preflight.
func (r *Request) preflightReasons() {
	if !cors.SafelistedMethod(r.Method) {
		r.Reasons = append(r.Reasons, fmt.Sprintf("the method %s is not CORS-safelisted", r.Method))
	}
	r.Unsafe = cors.UnsafeHeaders(r.Headers)
	slices.Sort(r.Unsafe)
	for _, name := range r.Unsafe {
		i := slices.IndexFunc(r.Headers, func(h cors.RequestHeader) bool { return h.Name == name })
		switch value := r.Headers[i].Value; {
		case name == "content-type" && value == "":
			r.Reasons = append(r.Reasons, "the request header content-type is assumed to be JSON, which is not CORS-safelisted (forms and plain text are)")
		case name == "content-type":
			r.Reasons = append(r.Reasons, fmt.Sprintf("content-type: %s is not CORS-safelisted (forms and plain text are)", value))
		default:
			r.Reasons = append(r.Reasons, fmt.Sprintf("the request header %s is not CORS-safelisted", name))
		}
	}
}

// NeedsPreflight reports whether a browser asks first.
func (r *Request) NeedsPreflight() bool { return len(r.Reasons) > 0 }

// scheme returns the scheme of the HTTP request: a WebSocket's handshake is http or https.
func (r *Request) scheme() string {
	if r.HTTPS {
		return "https"
	}
	return "http"
}

// DefaultPort returns the port of the scheme, which an origin and Host leave out.
func (r *Request) DefaultPort() string {
	if r.HTTPS {
		return "443"
	}
	return "80"
}

// TargetOrigin returns the URL's origin.
func (r *Request) TargetOrigin() string { return r.scheme() + "://" + r.Host }
