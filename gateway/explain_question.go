package gateway

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/wire"
	"github.com/corsgate/corsgate/matcher"
	"golang.org/x/net/idna"
)

// This file reads a Question as a browser would: what it refuses is what fetch() refuses, or what no browser can mean.
// The rules are:
//
//   - Origin is "null" or a tuple origin as browsers serialize it: anything else is an error that says what to write;
//   - the URL is brought into its normal form; dot segments, which browsers resolve, are an error that shows the result;
//   - names of headers that a page cannot set, and methods that it cannot use, are errors.

// An inquiry is a Question that makes sense.
type inquiry struct {
	origin      string
	method      string
	headers     []cors.RequestHeader // sorted by name, lower case
	credentials bool

	mode string

	readyOf         string   // the listener whose ready_path the URL is; "": of none
	responseHeaders []string // that the script wants to read, as they were written

	https   bool
	host    string // with its port, unless it is the scheme's
	target  string // path and query
	path    string // escaped
	same    bool   // origin is that of the URL
	reasons []string
	unsafe  []string // sorted, lower case

	metrics *metrics // where it is counted: nowhere that anybody looks; for the caller to set
}

// maxQuestion bounds each part of a question, in bytes: beyond it there is nothing to explain.
const maxQuestion = 64 << 10

func newInquiry(q Question) (*inquiry, error) {
	if len(q.Origin)+len(q.Method)+len(q.URL) > maxQuestion {
		return nil, errors.New("the question is longer than any request may be: shorten it")
	}
	a := &inquiry{credentials: q.Credentials}
	if err := a.readOrigin(q.Origin); err != nil {
		return nil, err
	}
	if err := a.readURL(q.URL); err != nil {
		return nil, err
	}
	if err := a.readMethod(q.Method); err != nil {
		return nil, err
	}
	if err := a.readHeaders(q.Headers); err != nil {
		return nil, err
	}
	if err := a.readResponseHeaders(q.ResponseHeaders); err != nil {
		return nil, err
	}
	a.same = a.origin == a.targetOrigin()
	if err := a.readMode(q.Mode); err != nil {
		return nil, err
	}
	if !a.same && a.mode == modeCORS && a.unasked() == "" {
		a.preflightReasons()
	}
	return a, nil
}

func (a *inquiry) readOrigin(origin string) error {
	switch {
	case origin == "":
		return errors.New(`the origin is missing: write that of the page, such as "https://app.example.com"`)
	case origin == "null" || matcher.ValidOrigin([]byte(origin)):
		a.origin = origin
		return nil
	case strings.Contains(origin, "*"):
		return fmt.Errorf("origin %q: a star is for patterns: write the origin of one page", origin)
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

// hostOf returns what stands before a port, a path, a query or a fragment.
func hostOf(s string) string {
	if end := strings.IndexAny(s, ":/?#"); end >= 0 {
		return s[:end]
	}
	return s
}

func (a *inquiry) readURL(text string) error {
	site, path, query := splitURL(text)
	u, err := url.Parse(site)
	if err != nil {
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		return fmt.Errorf("URL %q: %w: write one such as https://api.example.com/items", text, err)
	}
	switch scheme := strings.ToLower(u.Scheme); {
	case (scheme == "ws" || scheme == "wss") && u.Host != "" && u.User == nil:
		a.mode, a.https = modeWebSocket, scheme == "wss"
	case scheme != "http" && scheme != "https" || u.Host == "":
		return fmt.Errorf("URL %q is not absolute: write one such as https://api.example.com/items", text)
	case u.User != nil:
		return fmt.Errorf("URL %q: fetch() refuses user information in a URL: leave it out", text)
	default:
		a.https = scheme == "https"
	}
	name, port := strings.ToLower(u.Hostname()), u.Port()
	if addr, err := netip.ParseAddr(name); err == nil && addr.Is6() {
		name = "[" + name + "]"
	} else if name, err = asciiHost(name); err != nil {
		return fmt.Errorf("URL %q: %q is not a host name: write the name or address that the browser asks for", text, u.Hostname())
	}
	if port != "" && port != a.defaultPort() {
		name += ":" + port
	}
	if a.host = name; !wire.ValidHost([]byte(name)) {
		return fmt.Errorf("URL %q: %q is not a host with a port: write one such as api.example.com:8443", text, u.Host)
	}
	if a.path = escapePath(path); a.path == "" {
		a.path = "/"
	}
	if resolved := resolve(a.path); resolved != a.path {
		return fmt.Errorf("URL %q: browsers resolve dot segments before they ask: write the path %s", text, resolved)
	}
	a.target = a.path
	if query != "" {
		a.target += "?" + escapeQuery(query[1:])
	}
	return nil
}

// splitURL takes a URL apart as browsers do: what comes before its path, the path, and the query with its '?'.
// A fragment is left out. See URL, "basic URL parser".
func splitURL(text string) (site, path, query string) {
	text = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(strings.Trim(text, " "))
	text, _, _ = strings.Cut(text, "#")
	if q := strings.IndexByte(text, '?'); q >= 0 {
		text, query = text[:q], text[q:]
	}
	authority := strings.Index(text, "://") + len("://")
	if authority < len("://") {
		return text, "", query // not absolute, which the caller says
	}
	if end := strings.IndexAny(text[authority:], `/\`); end >= 0 {
		text, path = text[:authority+end], strings.ReplaceAll(text[authority+end:], `\`, "/")
	}
	return text, path, query
}

func asciiHost(name string) (string, error) {
	if isASCII(name) {
		return name, nil
	}
	return idna.Lookup.ToASCII(name)
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

// resolve returns p without dot segments, in either spelling. See URL, "path state".
func resolve(p string) string {
	dotted := false
	segments := strings.Split(p, "/")
	for i, s := range segments {
		if plain := strings.ReplaceAll(strings.ReplaceAll(s, "%2e", "."), "%2E", "."); plain == "." || plain == ".." {
			segments[i], dotted = plain, true
		}
	}
	if !dotted {
		return p
	}
	resolved := path.Clean(strings.Join(segments, "/"))
	if last := segments[len(segments)-1]; resolved != "/" && (last == "" || last == "." || last == "..") {
		resolved += "/"
	}
	return resolved
}

// escapePath escapes what browsers escape. See URL, "path percent-encode set".
func escapePath(path string) string { return escapeAny(path, "\"#<>?`{}") }

// escapeQuery is escapePath for a query. See URL, "special-query percent-encode set".
func escapeQuery(q string) string { return escapeAny(q, `"#<>'`) }

func escapeAny(s, set string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(set, c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func (a *inquiry) readMethod(method string) error {
	a.method = cors.NormalizeMethod(method)
	switch {
	case method == "":
		a.method = "GET"
	case !wire.IsToken([]byte(method)):
		return fmt.Errorf("method %q is not a method name: write one such as PUT", method)
	case cors.ForbiddenMethod(method):
		return fmt.Errorf("method %s: browsers refuse to send it: write another", method)
	}
	return nil
}

func (a *inquiry) readHeaders(headers []string) error {
	size := 0
	for _, h := range headers {
		if size += len(h); size > maxQuestion {
			return errors.New("the headers are longer than any request may be: name fewer")
		}
		name, value, _ := strings.Cut(h, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		lower := strings.ToLower(name)
		switch {
		case !wire.IsToken([]byte(name)):
			return fmt.Errorf(`header %q is not a header name: write one such as "X-Request-Id", or "Content-Type: text/plain"`, h)
		case cors.ForbiddenRequestHeader(cors.RequestHeader{Name: name}):
			return fmt.Errorf("header %s: browsers let no page set it: leave it out%s", name, forCookies(lower))
		case cors.ForbiddenRequestHeader(cors.RequestHeader{Name: name, Value: value}):
			return fmt.Errorf("header %s: browsers let no page set it to %s, which names a method that they refuse to send: leave it out", name, value)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r >= 0x7f }):
			return fmt.Errorf("header %s: its value holds a character that is not printable ASCII: leave the value out", name)
		case slices.ContainsFunc(a.headers, func(h cors.RequestHeader) bool { return h.Name == lower }):
			return fmt.Errorf("header %s is there twice: name it once", name)
		}
		a.headers = append(a.headers, cors.RequestHeader{Name: lower, Value: value})
	}
	slices.SortFunc(a.headers, func(x, y cors.RequestHeader) int { return strings.Compare(x.Name, y.Name) })
	return nil
}

func forCookies(name string) string {
	if name == "cookie" {
		return " and ask with credentials"
	}
	return ""
}

// preflightReasons finds out why a preflight is needed. See Fetch, "HTTP fetch".
func (a *inquiry) preflightReasons() {
	if !cors.SafelistedMethod(a.method) {
		a.reasons = append(a.reasons, fmt.Sprintf("the method %s is not CORS-safelisted", a.method))
	}
	a.unsafe = cors.UnsafeHeaders(a.headers)
	slices.Sort(a.unsafe)
	for _, name := range a.unsafe {
		i := slices.IndexFunc(a.headers, func(h cors.RequestHeader) bool { return h.Name == name })
		switch value := a.headers[i].Value; {
		case name == "content-type" && value == "":
			a.reasons = append(a.reasons, "the request header content-type is taken for one of JSON, which is not CORS-safelisted (forms and plain text are)")
		case name == "content-type":
			a.reasons = append(a.reasons, fmt.Sprintf("content-type: %s is not CORS-safelisted (forms and plain text are)", value))
		default:
			a.reasons = append(a.reasons, fmt.Sprintf("the request header %s is not CORS-safelisted", name))
		}
	}
}

func (a *inquiry) needsPreflight() bool { return len(a.reasons) > 0 }

func (a *inquiry) scheme() string {
	if a.https {
		return "https"
	}
	return "http"
}

func (a *inquiry) defaultPort() string {
	if a.https {
		return "443"
	}
	return "80"
}

func (a *inquiry) targetOrigin() string { return a.scheme() + "://" + a.host }
