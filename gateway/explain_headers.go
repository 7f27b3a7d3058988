package gateway

import (
	"fmt"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file says which fields of a response a script can read. See Fetch, "CORS filtered response" and "CORS-exposed
// header-name list".

// An ExplainedHeader is what a script can see of a response header.
type ExplainedHeader struct {
	// Name is as it was asked about.
	Name string `json:"name"`
	// Readable says that the page can read the header, if the response has it.
	Readable bool `json:"readable"`
	// Why says in a sentence why, or why not.
	Why string `json:"why"`
}

// readResponseHeaders reads the names of a question's response headers.
func (a *inquiry) readResponseHeaders(names []string) error {
	for _, name := range names {
		name = strings.TrimSpace(name)
		switch {
		case len(name) > maxQuestion:
			return fmt.Errorf("a response header of %d bytes: no response has one: shorten it", len(name))
		case !wire.IsToken([]byte(name)):
			return fmt.Errorf(`response header %q is not a header name: write one such as "X-Total-Count"`, name)
		case !slices.ContainsFunc(a.responseHeaders, func(n string) bool { return strings.EqualFold(n, name) }):
			a.responseHeaders = append(a.responseHeaders, name)
		}
	}
	return nil
}

// readable answers which of the response headers asked about the page can read. fields are those of the answer.
func (a *inquiry) readable(e *Explanation, fields map[string][]string) []ExplainedHeader {
	list := make([]ExplainedHeader, 0, len(a.responseHeaders))
	exposed, _ := members(fields["access-control-expose-headers"])
	for _, name := range a.responseHeaders {
		h := ExplainedHeader{Name: name}
		h.Readable, h.Why = a.reads(e, name, exposed)
		list = append(list, h)
	}
	return list
}

func (a *inquiry) reads(e *Explanation, name string, exposed []string) (bool, string) {
	listed := slices.ContainsFunc(exposed, func(n string) bool { return strings.EqualFold(n, name) })
	switch {
	case cors.ForbiddenResponseHeader(name):
		return false, "cannot be read: browsers let no script read it, whatever a server exposes"
	case e.Outcome == OutcomeOpaque || a.mode == modeWebSocket:
		return false, "cannot be read: in this mode a page sees no header of a response"
	case e.Outcome == OutcomeSameOrigin:
		return true, "readable: the page and the URL have one origin"
	case e.Outcome == OutcomeRedirected:
		return false, "cannot be said: the response to the redirected request decides"
	case e.Outcome == OutcomeUpstream:
		return false, "cannot be said: the upstream owns CORS here, so its Access-Control-Expose-Headers decides"
	case e.Outcome == OutcomeDenied:
		return false, "cannot be read: nothing of this response can"
	case cors.SafelistedResponseHeader(name):
		return true, "readable: it is CORS-safelisted"
	case listed:
		return true, "readable: Access-Control-Expose-Headers has it"
	case slices.Contains(exposed, "*") && !a.credentials:
		return true, "readable: Access-Control-Expose-Headers is *, and the request carries no credentials"
	case slices.Contains(exposed, "*"):
		return false, "cannot be read: Access-Control-Expose-Headers is *, which does not cover requests with credentials"
	}
	return false, "cannot be read: it is neither CORS-safelisted nor in Access-Control-Expose-Headers"
}

// exposures says how to expose what would still be hidden. Only a policy that decides can.
func (s *snapshot) exposures(e *Explanation) {
	if e.Policy == nil || e.Outcome != OutcomeAllowed && e.Outcome != OutcomeDenied || len(e.ResponseHeaders) == 0 {
		return
	}
	p := policyOf(s.config, e.Policy.Name)
	if p == nil || p.UpstreamCORS == "passthrough" {
		return
	}
	if p.UpstreamCORS == "merge_expose" {
		for i := range e.ResponseHeaders {
			if h := &e.ResponseHeaders[i]; !h.Readable && e.Actual.AnsweredBy == "upstream" && !cors.ForbiddenResponseHeader(h.Name) {
				h.Why += ", unless the upstream exposes it"
			}
		}
	}
	var missing []string
	for _, h := range e.ResponseHeaders {
		listed := slices.ContainsFunc(p.ExposeHeaders, func(n string) bool {
			return strings.EqualFold(n, h.Name) || n == "*" && !e.Question.Credentials
		})
		if !h.Readable && !listed && !cors.ForbiddenResponseHeader(h.Name) && !cors.SafelistedResponseHeader(h.Name) {
			missing = append(missing, h.Name)
		}
	}
	if len(missing) == 0 {
		return
	}
	key := "cors." + p.Name + ".expose_headers"
	e.Changes = append(e.Changes, Change{Key: key, Place: place(s.config, key), Edit: fmt.Sprintf("add %s to expose_headers in [cors.%s]", quoted(missing), p.Name)})
}

// Readable reports whether the page can read each response header that was asked about.
func (e *Explanation) Readable() bool {
	return !slices.ContainsFunc(e.ResponseHeaders, func(h ExplainedHeader) bool { return !h.Readable })
}

func (e *Explanation) writeHeaders(b *strings.Builder) {
	if len(e.ResponseHeaders) == 0 {
		return
	}
	b.WriteString("\nResponse headers, to a script\n")
	for _, h := range e.ResponseHeaders {
		fmt.Fprintf(b, "  %s: %s\n", h.Name, h.Why)
	}
}
