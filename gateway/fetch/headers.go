package fetch

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file says which fields of a response a script can read. See Fetch, "CORS filtered
// response" and "CORS-exposed header-name list".

// A ResponseHeader says whether a script can read a response header.
type ResponseHeader struct {
	// Name is as it was asked about.
	Name string `json:"name"`
	// Readable says that the page can read the header, if the response has it.
	Readable bool `json:"readable"`
	// Why says in a sentence why, or why not.
	Why string `json:"why"`
}

// readResponseHeaders reads the names of a question's response headers.
func (r *Request) readResponseHeaders(names []string) error {
	for _, name := range names {
		name = strings.TrimSpace(name)
		switch {
		case len(name) > maxQuestion:
			return fmt.Errorf("a response header name of %d bytes is longer than any response's: shorten it", len(name))
		case !wire.IsToken([]byte(name)):
			return fmt.Errorf(`response header %q is not a header name: write one such as "X-Total-Count"`, name)
		case !slices.ContainsFunc(r.ResponseHeaders, func(n string) bool { return strings.EqualFold(n, name) }):
			r.ResponseHeaders = append(r.ResponseHeaders, name)
		}
	}
	return nil
}

// Readable reports which of the response headers in the question the page can read, where o is
// the outcome and h are the fields of the answer.
func (r *Request) Readable(o Outcome, h http.Header) []ResponseHeader {
	list := make([]ResponseHeader, 0, len(r.ResponseHeaders))
	exposed, _ := members(h.Values("Access-Control-Expose-Headers"))
	for _, name := range r.ResponseHeaders {
		can, why := r.reads(o, name, exposed)
		list = append(list, ResponseHeader{Name: name, Readable: can, Why: why})
	}
	return list
}

// reads reports whether the page can read one response header, and why. The order is Fetch's:
// forbidden names are removed from every filtered response; an opaque one has none left; a
// basic one (same origin) has all others; a CORS filtered response has the safelisted and the
// exposed ones.
func (r *Request) reads(o Outcome, name string, exposed []string) (bool, string) {
	listed := slices.ContainsFunc(exposed, func(n string) bool { return strings.EqualFold(n, name) })
	switch {
	case cors.ForbiddenResponseHeader(name):
		return false, "cannot be read: browsers hide it from scripts, whatever a server exposes"
	case o == Opaque || r.Mode == ModeWebSocket:
		return false, "cannot be read: in this mode pages see no response headers"
	case o == SameOrigin:
		return true, "readable: the page and the URL have the same origin"
	case o == Redirected:
		return false, "unknown: the response to the redirected request decides"
	case o == Upstream:
		return false, "unknown: the upstream owns CORS here, so its Access-Control-Expose-Headers decides"
	case o == Denied:
		return false, "cannot be read: the page cannot read this response"
	case cors.SafelistedResponseHeader(name):
		return true, "readable: it is CORS-safelisted"
	case listed:
		return true, "readable: Access-Control-Expose-Headers has it"
	case slices.Contains(exposed, "*") && !r.Credentials:
		return true, "readable: Access-Control-Expose-Headers is *, and the request carries no credentials"
	case slices.Contains(exposed, "*"):
		return false, "cannot be read: Access-Control-Expose-Headers is *, which does not cover requests with credentials"
	}
	return false, "cannot be read: it is neither CORS-safelisted nor in Access-Control-Expose-Headers"
}
