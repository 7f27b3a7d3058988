package rewrite

import (
	"bytes"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// Locations are what a response says about where to go next: Location, Content-Location, Refresh, and the paths and
// domains of cookies. An upstream writes them as it sees itself: by the path that it was sent, and often by its own name.
// Where a route changes either, they are changed back, so that the client gets what it has to ask for.
//
//	client            /v1/jobs/7  ──── strip "/v1", add "/internal/v1" ───▶  /internal/v1/jobs/7        upstream
//	       Location:  /v1/jobs/8  ◀──── remove what was added, ──────────────  Location: /internal/v1/jobs/8
//	                                    add what was stripped
//
// A URL on another host is left alone. So is a path that already begins with the stripped prefix: frameworks that heed
// X-Forwarded-Prefix have written it. And so is what cannot be mapped without a guess.
type Locations struct {
	strip, add string             // prefixes of whole segments, without a '/' at the end; "": none
	upstream   *upstream.Upstream // whose names are not for clients
}

// CompileLocations returns nil if what an upstream, which may be nil, writes for a route is passed on as it is.
func CompileLocations(c *config.Route, to *upstream.Upstream) *Locations {
	if to == nil || c.LocationRewrite == "off" {
		return nil
	}
	l := &Locations{add: strings.TrimRight(c.AddPrefix, "/"), upstream: to}
	for s := range strings.SplitSeq(c.StripPrefix, "/") {
		if s != "" {
			l.strip += "/" + s
		}
	}
	return l
}

// An Asked is what a client asked for, as far as it matters here. The zero value is ready to Set.
type Asked struct {
	Host   []byte // with the port, if it was given one; may be empty. It is the caller's.
	scheme string
	sent   []byte // the Host of the request, which a proxy in front may have replaced
	depth  int    // how many segments of the upstream's path are above its last one, where a prefix was stripped
	bare   bool   // the path was the stripped prefix and nothing more
}

// Set keeps what Append needs of a request, which is gone by then. path is the one that the client asked for, w what the route
// makes of it, which may be nil. It allocates nothing once a has held a Host as long.
func (a *Asked) Set(scheme string, sent, path []byte, w *Path) {
	*a = Asked{Host: a.Host, scheme: scheme, sent: append(a.sent[:0], sent...)}
	if w != nil && w.strip > 0 {
		rest := w.rest(path)
		a.depth = max(0, bytes.Count(rest, []byte("/"))-1)
		a.bare = len(rest) == 0
	}
}

// Append appends the value of a field of the upstream's as the client gets it.
// Precondition: f.ID.Locates().
func (l *Locations) Append(dst []byte, f *wire.Field, a *Asked) []byte {
	switch {
	case !plainText(f.Value):
		return append(dst, f.Value...)
	case f.ID == wire.SetCookie:
		return l.appendCookie(dst, f.Value, a)
	case f.ID == wire.Refresh:
		at, end := refreshURL(f.Value)
		dst = append(dst, f.Value[:at]...)
		return append(l.appendURL(dst, f.Value[at:end], a), f.Value[end:]...)
	}
	return l.appendURL(dst, f.Value, a)
}

// plainText reports whether v has no tab: URL parsers remove tabs, so that "/\t/host" would become an authority.
func plainText(v []byte) bool { return bytes.IndexByte(v, '\t') < 0 }

// appendURL appends a URI reference. See RFC 3986, section 4.1, but a '\' ends an authority as a '/' does, as in
// browsers (URL Standard, section 4.4).
func (l *Locations) appendURL(dst, ref []byte, a *Asked) []byte {
	scheme, rest := cutScheme(ref)
	switch {
	case bytes.HasPrefix(rest, []byte("//")) && (len(scheme) == 0 || isHTTP(scheme)):
		end := 2 + authorityLength(rest[2:])
		return l.appendAbsolute(dst, ref, scheme, rest[2:end], rest[end:], a)
	case len(scheme) > 0 || len(ref) == 0:
		return append(dst, ref...)
	case ref[0] == '/':
		return l.appendPath(dst, ref)
	case l.strip != "" && l.add == "" && ref[0] != '?' && ref[0] != '#' && ref[0] != '\\':
		return l.appendRelative(dst, ref, a)
	}
	return append(dst, ref...)
}

// appendAbsolute appends a URL with an authority; scheme may be empty.
func (l *Locations) appendAbsolute(dst, ref, scheme, authority, path []byte, a *Asked) []byte {
	ours := sameAuthority(authority, scheme, string(a.Host))
	theirs := sameAuthority(authority, scheme, string(a.sent)) || l.names(authority, scheme)
	if len(a.Host) == 0 || len(path) > 0 && path[0] == '\\' || !theirs && !ours {
		return append(dst, ref...)
	}
	switch {
	case len(scheme) == 0:
	case !ours || a.scheme == "https":
		dst = append(append(dst, a.scheme...), ':')
	default:
		dst = append(append(dst, scheme...), ':') // the upstream may well lead a client from http to https
	}
	dst = append(append(dst, "//"...), a.Host...)
	prefix, rest := l.back(path)
	return append(append(dst, prefix...), rest...)
}

// appendPath appends a reference that is a path from the root. It is left alone if without what was added it would be
// read as an authority.
func (l *Locations) appendPath(dst, ref []byte) []byte {
	prefix, rest := l.back(ref)
	if prefix == "" && (len(rest) == 0 || rest[0] != '/') {
		prefix = "/"
	}
	if prefix == "" && len(rest) > 1 && (rest[1] == '/' || rest[1] == '\\') {
		return append(dst, ref...)
	}
	return append(append(dst, prefix...), rest...)
}

// back maps a path, and what follows it, from the upstream's paths to those of clients: the result is prefix and then
// rest, which is the end of path. It is path itself if it is not one that the route leads to.
func (l *Locations) back(path []byte) (prefix string, rest []byte) {
	stripped := l.strip != "" && below(path, l.strip)
	switch {
	case l.add != "" && below(path, l.add) && !(stripped && len(l.strip) > len(l.add)):
		return l.strip, path[len(l.add):]
	case l.strip == "" || l.add != "" || stripped:
		return "", path
	}
	return l.strip, path
}

// below reports whether path is prefix, or begins with it and continues with a further segment, a query or a fragment.
func below(path []byte, prefix string) bool {
	if len(path) < len(prefix) || string(path[:len(prefix)]) != prefix {
		return false
	}
	return len(path) == len(prefix) || path[len(prefix)] == '/' || path[len(prefix)] == '?' || path[len(prefix)] == '#'
}

// names reports whether an authority is one by which the upstream is known here: its Host, or the address or name of one
// of its endpoints.
func (l *Locations) names(authority, scheme []byte) bool {
	if sameAuthority(authority, scheme, string(l.upstream.Host(nil))) {
		return true
	}
	for _, e := range l.upstream.Endpoints() {
		a := &e.Address
		if a.Network != "unix" && sameAuthority(authority, scheme, a.Dial) || sameAuthority(authority, scheme, a.Authority) {
			return true
		}
	}
	return false
}

// sameAuthority reports whether two authorities are the same: the host in any case, and a port that is the scheme's
// default or is not written. User information is part of neither, so an authority with it is never the same.
func sameAuthority(a, scheme []byte, b string) bool {
	port := ":80"
	if wire.EqualFold(scheme, "https") {
		port = ":443"
	}
	a, b = bytes.TrimSuffix(a, []byte(port)), strings.TrimSuffix(b, port)
	return len(a) > 0 && wire.EqualFold(a, b)
}

// cutScheme cuts the scheme off a URI reference, which may have none. See RFC 3986, section 3.1.
func cutScheme(ref []byte) (scheme, rest []byte) {
	for i, b := range ref {
		letter := b|0x20 >= 'a' && b|0x20 <= 'z'
		switch {
		case b == ':' && i > 0:
			return ref[:i], ref[i+1:]
		case !letter && (i == 0 || (b < '0' || b > '9') && b != '+' && b != '-' && b != '.'):
			return nil, ref
		}
	}
	return nil, ref
}

func isHTTP(scheme []byte) bool {
	return wire.EqualFold(scheme, "http") || wire.EqualFold(scheme, "https")
}

// authorityLength returns the length of the authority at the beginning of b.
func authorityLength(b []byte) int {
	if end := bytes.IndexAny(b, `/?#\`); end >= 0 {
		return end
	}
	return len(b)
}

// refreshURL returns where the URL is in the value of a Refresh field: v[at:end], which is empty if
// there is none. See the HTML Standard, "shared declarative refresh steps".
func refreshURL(v []byte) (at, end int) {
	for at < len(v) && (v[at] >= '0' && v[at] <= '9' || v[at] == '.') {
		at++
	}
	for at < len(v) && (v[at] == ' ' || v[at] == ';' || v[at] == ',') {
		at++
	}
	if rest := v[at:]; len(rest) > 3 && wire.EqualFold(rest[:3], "url") {
		if value := bytes.TrimLeft(rest[3:], " "); len(value) > 0 && value[0] == '=' {
			at = len(v) - len(bytes.TrimLeft(value[1:], " "))
		}
	}
	end = len(v)
	if at < end && (v[at] == '"' || v[at] == '\'') {
		quote := v[at]
		at++
		if i := bytes.IndexByte(v[at:], quote); i >= 0 {
			end = at + i
		}
	}
	return at, end
}

// appendCookie appends the value of a Set-Cookie field. A path is mapped as in a URL, but "/" stays: it holds for all paths
// of the client's, too, and a cookie is often meant for more than one route. A domain that is the upstream's and not the
// client's is left out, since browsers refuse such a cookie. See RFC 6265, section 5.2.
func (l *Locations) appendCookie(dst, v []byte, a *Asked) []byte {
	pair, rest, found := bytes.Cut(v, []byte(";"))
	dst = append(dst, pair...)
	for found {
		var attribute []byte
		attribute, rest, found = bytes.Cut(rest, []byte(";"))
		name, value, _ := bytes.Cut(attribute, []byte("="))
		start := len(attribute) - len(bytes.TrimLeft(value, " "))
		name, value = bytes.TrimSpace(name), bytes.TrimSpace(value)
		switch {
		case wire.EqualFold(name, "domain") && l.hides(value, a):
			continue
		case wire.EqualFold(name, "path") && len(value) > 1 && value[0] == '/':
			dst = append(append(dst, ';'), attribute[:start]...)
			dst = l.appendCookiePath(dst, value)
			continue
		}
		dst = append(append(dst, ';'), attribute...)
	}
	return dst
}

func (l *Locations) appendCookiePath(dst, path []byte) []byte {
	prefix, rest := l.back(path)
	if l.add != "" && len(rest) == len(path) && below([]byte(l.add), string(bytes.TrimRight(path, "/"))) {
		prefix, rest = l.strip, nil // it holds for all that the route leads to
	}
	if prefix == "" && len(rest) == 0 {
		prefix = "/"
	}
	return append(append(dst, prefix...), rest...)
}

// hides reports whether a cookie's domain is one that the upstream's name belongs to and the client's host does not.
func (l *Locations) hides(domain []byte, a *Asked) bool {
	domain = bytes.TrimPrefix(domain, []byte("."))
	return len(domain) > 0 && !within(a.Host, domain) && within(l.upstream.Host(nil), domain)
}

// within reports whether a host, with or without a port, is domain or below it. See RFC 6265, section 5.1.3.
func within(host, domain []byte) bool {
	if i := bytes.LastIndexByte(host, ':'); i > bytes.LastIndexByte(host, ']') {
		host = host[:i]
	}
	above := len(host) - len(domain)
	return above >= 0 && wire.EqualFold(host[above:], string(domain)) && (above == 0 || host[above-1] == '.')
}
