// Package rewrite makes the changes that a route configures: to the path, to the fields of requests and responses, and to URLs
// in responses. It is internal to corsgate.
package rewrite

import (
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/wire"
)

// Rules are what a route changes. They are never written to once they were compiled.
type Rules struct {
	Rewrite    *Path       // nil: the path is forwarded as it is
	Locations  *Locations  // nil: what the upstream says of URLs passes as it is
	Request    *FieldEdits // of the request's fields; nil: none
	Response   *FieldEdits // of the response's fields; nil: none
	Errors     *FieldEdits // of those that the gateway makes itself, but for redirect and respond
	Lookalikes Lookalikes
	UserSet    UserSet
	// NeedsHost and NeedsID say that the response's fields say of the request what is gone by then: its host, its id.
	NeedsHost, NeedsID bool
}

// Compile returns the rules of a route whose requests go to an upstream; nil: none, or one of several.
func Compile(cfg *config.Config, c *config.Route, to *upstream.Upstream) Rules {
	r := Rules{
		Rewrite:    compilePath(c),
		Locations:  CompileLocations(c, to),
		Request:    CompileFields(c.RequestSetHeaders, append(authFields(cfg, c), c.RequestRemoveHeaders...)),
		Response:   CompileFields(c.ResponseSetHeaders, c.ResponseRemoveHeaders),
		Errors:     CompileFields(forErrors(c.ResponseSetHeaders), nil),
		Lookalikes: CompileLookalikes(cfg, c),
	}
	r.UserSet = UserSet{
		RateLimitPolicy: r.Response.Drops([]byte("RateLimit-Policy")),
		RateLimit:       r.Response.Drops([]byte("RateLimit")),
		RequestID:       r.Response.Drops([]byte("X-Request-Id")),
		AltSvc:          r.Response.Drops([]byte("Alt-Svc")),
	}
	if r.Rewrite != nil && r.Request.Drops([]byte("X-Forwarded-Prefix")) {
		r.Rewrite.Forwarded = ""
	}
	r.NeedsHost = r.Request.uses(Host) || r.Response.uses(Host) || r.Locations != nil ||
		len(c.Split) > 0 && c.LocationRewrite != "off"
	r.NeedsID = r.Request.uses(RequestID) || r.Response.uses(RequestID)
	return r
}

// authFields returns the names of the fields that say who sends a request: a client's own are left out, in any spelling.
func authFields(cfg *config.Config, c *config.Route) (names []string) {
	for _, name := range c.Auth {
		if a := cfg.Auth(name); a != nil {
			names = append(names, a.Fields()...)
		}
	}
	return names
}

// Check returns the problem of a prefix to add, if there is one: the gateway would not take a
// path with it from a client, or some would read it otherwise.
func Check(cfg *config.Config, c *config.Route) config.Problems {
	if c.AddPrefix == "" {
		return nil
	}
	var r wire.Request
	head := "GET " + strings.TrimRight(c.AddPrefix, "/") + "/ HTTP/1.1\r\nHost: h\r\n\r\n"
	n, fault := r.Parse([]byte(head), wire.Limits{HeadBytes: len(head) + 1, Fields: 1})
	if fault == nil && n == len(head) && r.PlainPath {
		return nil
	}
	return config.Problems{cfg.Problem("route."+c.Name+".add_prefix", -1, c.AddPrefix+" is read differently by different servers",
		"write it without escapes, ';', dot segments and empty segments")}
}
