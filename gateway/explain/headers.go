package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/snapshot"
)

// This file says how a script could read the fields of a response that are hidden from it.

// exposures says how to expose headers that would still be hidden. Only the policy that decides can.
func exposures(s *snapshot.Snapshot, e *Explanation) {
	if e.Policy == nil || e.Outcome != fetch.Allowed && e.Outcome != fetch.Denied || len(e.ResponseHeaders) == 0 {
		return
	}
	p := s.Config.Policy(e.Policy.Name)
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
	e.Changes = append(e.Changes, Change{Key: key, Place: place(s.Config, key), Edit: fmt.Sprintf("add %s to expose_headers in [cors.%s]", quoted(missing), p.Name)})
}

// Readable reports whether the page can read each response header that was asked about.
func (e *Explanation) Readable() bool {
	return !slices.ContainsFunc(e.ResponseHeaders, func(h fetch.ResponseHeader) bool { return !h.Readable })
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
