package fetch

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"strings"

	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/net/idna"
)

// This file reads the URL of a Question as browsers do. See the URL standard, "basic URL parser".

// hostOf returns the part of s before a port, a path, a query or a fragment.
func hostOf(s string) string {
	if end := strings.IndexAny(s, ":/?#"); end >= 0 {
		return s[:end]
	}
	return s
}

// readURL reads the URL into HTTPS, Host, Path and Target, normalized as a browser sends it:
// host in lower case and as A-labels, without the default port, path and query escaped.
//
//	https://API.Example:443/a b?q=1#top      Host api.example, Target /a%20b?q=1
func (r *Request) readURL(text string) error {
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
		r.Mode, r.HTTPS = ModeWebSocket, scheme == "wss"
	case scheme != "http" && scheme != "https" || u.Host == "":
		return fmt.Errorf("URL %q is not absolute: write one such as https://api.example.com/items", text)
	case u.User != nil:
		return fmt.Errorf("URL %q: fetch() refuses user information in a URL: leave it out", text)
	default:
		r.HTTPS = scheme == "https"
	}
	name, port := strings.ToLower(u.Hostname()), u.Port()
	if addr, err := netip.ParseAddr(name); err == nil && addr.Is6() {
		name = "[" + name + "]"
	} else if name, err = asciiHost(name); err != nil {
		return fmt.Errorf("URL %q: %q is not a host name: write the name or address that the browser asks for", text, u.Hostname())
	}
	if port != "" && port != r.DefaultPort() {
		name += ":" + port
	}
	if r.Host = name; !wire.ValidHost([]byte(name)) {
		return fmt.Errorf("URL %q: %q is not a host with a port: write one such as api.example.com:8443", text, u.Host)
	}
	if r.Path = escapePath(path); r.Path == "" {
		r.Path = "/"
	}
	if resolved := resolve(r.Path); resolved != r.Path {
		return fmt.Errorf("URL %q: browsers resolve dot segments before they ask: write the path %s", text, resolved)
	}
	r.Target = r.Path
	if query != "" {
		r.Target += "?" + escapeQuery(query[1:])
	}
	return nil
}

// splitURL splits a URL as browsers do: the part before its path, the path, and the query with
// its '?'. A fragment is left out. See URL, "basic URL parser": spaces at the ends, tabs and
// line ends are removed, and in http URLs a backslash is a slash. net/url does neither, so it
// only sees the first part.
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

// asciiHost returns a host as A-labels. See URL, "domain to ASCII".
func asciiHost(name string) (string, error) {
	if isASCII(name) {
		return name, nil
	}
	return idna.Lookup.ToASCII(name)
}

// isASCII reports whether s has no byte above 0x7f.
func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

// resolve returns p without dot segments; "%2e" counts as a dot. See URL, "path state".
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

// escapePath escapes the bytes that browsers escape. See URL, "path percent-encode set".
func escapePath(path string) string { return escapeAny(path, "\"#<>?`{}") }

// escapeQuery is escapePath for a query. See URL, "special-query percent-encode set".
func escapeQuery(q string) string { return escapeAny(q, `"#<>'`) }

// escapeAny escapes blanks, controls, bytes above 0x7e and those of set.
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
