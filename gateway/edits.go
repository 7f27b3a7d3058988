package gateway

import (
	"maps"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/wire"
)

// edits are the field lines that a route leaves out of messages and those that it adds. Where they
// say nothing of the request they are octets already.
type edits struct {
	gone     []string // names, of any case, whose lines are left out: those that are removed or set
	constant []byte   // lines to add
	lines    []line   // more of them, with variables
	vary     []byte   // the value of Vary to set, which has to be merged with what a policy says; nil: none
}

// A line is a field line with variables: each part is text, and a variable after it.
type line []part

type part struct {
	text     string
	variable variable
}

type variable uint8

const (
	noVariable variable = iota
	clientIP
	requestID
	host
	scheme
	certSubject
	certNames
	certFingerprint
)

var variables = map[string]variable{"": noVariable, "client_ip": clientIP, "request_id": requestID, "host": host, "scheme": scheme,
	"client_cert_subject": certSubject, "client_cert_san": certNames, "client_cert_fingerprint": certFingerprint}

// compileEdits returns nil if nothing is to be changed.
func compileEdits(set map[string]string, remove []string) *edits {
	if len(set) == 0 && len(remove) == 0 {
		return nil
	}
	e := &edits{gone: slices.Clone(remove)}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		e.gone = append(e.gone, name)
		parts := config.Parts(set[name])
		switch {
		case strings.EqualFold(name, "Vary"):
			e.vary = []byte(parts[0].Text)
		case parts[0].Variable == "":
			e.constant = append(e.constant, name+": "+parts[0].Text+"\r\n"...)
		default:
			var l line
			text := name + ": "
			for _, p := range parts {
				l = append(l, part{text + p.Text, variables[p.Variable]})
				text = ""
			}
			e.lines = append(e.lines, append(l, part{text: "\r\n"}))
		}
	}
	return e
}

// ofContent are response fields that speak of one response and its content. What a route sets of
// them is not meant for the gateway's own errors: they would be called JSON, or kept for a day.
var ofContent = []string{"accept-ranges", "age", "allow", "cache-control", "cdn-cache-control", "content-disposition", "content-encoding",
	"content-language", "content-location", "content-range", "content-type", "etag", "expires", "last-modified", "location", "pragma",
	"retry-after", "surrogate-control", "surrogate-key", "vary"}

// forErrors returns what of the fields to set goes for errors that the gateway makes, too.
func forErrors(set map[string]string) map[string]string {
	set = maps.Clone(set)
	maps.DeleteFunc(set, func(name, _ string) bool { return slices.Contains(ofContent, strings.ToLower(name)) })
	return set
}

// uses reports whether a variable stands in the lines.
func (e *edits) uses(v variable) bool {
	return e != nil && slices.ContainsFunc(e.lines, func(l line) bool {
		return slices.ContainsFunc(l, func(p part) bool { return p.variable == v })
	})
}

// drops reports whether the lines of a field are left out.
func (e *edits) drops(name []byte) bool {
	if e == nil {
		return false
	}
	for _, gone := range e.gone {
		if len(gone) == len(name) && wire.EqualFold(name, gone) {
			return true
		}
	}
	return false
}

// hides reports whether a request's field is left out, or could be taken for one that is: the upstream has the gateway's
// own line, or none.
func (e *edits) hides(name []byte) bool {
	if e == nil {
		return false
	}
	for _, gone := range e.gone {
		if wire.SameVariable(name, gone) {
			return true
		}
	}
	return false
}

// appendEdits appends the lines of e, but for Vary.
func (x *exchange) appendEdits(dst []byte, e *edits) []byte {
	if e == nil {
		return dst
	}
	dst = append(dst, e.constant...)
	for _, l := range e.lines {
		if x.lacks(l) {
			continue
		}
		for i := range l {
			dst = append(dst, l[i].text...)
			switch l[i].variable {
			case clientIP:
				dst = x.appendClient(dst)
			case requestID:
				dst = append(dst, x.requestID()...)
			case host:
				dst = append(dst, x.host...)
			case scheme:
				dst = append(dst, x.scheme()...)
			case certSubject, certNames, certFingerprint:
				dst = append(dst, x.certified(l[i].variable)...)
			}
		}
	}
	return dst
}

// lacks reports whether a line speaks of something that the client's certificate does not say. There is no such line then.
func (x *exchange) lacks(l line) bool {
	for i := range l {
		if v := l[i].variable; v >= certSubject && x.certified(v) == "" {
			return true
		}
	}
	return false
}

// certified returns what the client's certificate says.
func (x *exchange) certified(v variable) string {
	switch {
	case x.identity == nil:
		return ""
	case v == certSubject:
		return x.identity.Subject
	case v == certNames:
		return x.identity.Names
	}
	return x.identity.Fingerprint
}

// appendVary appends the Vary line of a response: what x.vary holds, what e sets, and Origin if the
// policy decides by it.
func (x *exchange) appendVary(dst []byte, e *edits, origin bool) []byte {
	if e != nil && e.vary != nil {
		x.vary = append(x.vary, e.vary)
	}
	switch {
	case origin:
		return cors.AppendVary(dst, x.vary, "Origin")
	case len(x.vary) > 0:
		return cors.AppendVary(dst, x.vary, "")
	}
	return dst
}

// remember keeps what the fields of the response will say of the request, which is gone by then.
func (x *exchange) remember(r *target) {
	if r.usesHost {
		x.host = append(x.host[:0], x.asked()...)
		x.rememberAsked(r.rewrite)
	}
	if r.usesID {
		x.requestID()
	}
}

// byHand are the fields that the gateway would add to responses by itself, but for a route that sets
// them or leaves them out. There is one of each in a response: the route's word is the last.
type byHand struct {
	policy, item bool // RateLimit-Policy, RateLimit
	requestID    bool // X-Request-Id
	altSvc       bool // Alt-Svc
}

// compileEdits sets what r changes on the fields of requests and responses.
func (r *target) compileEdits(c *config.Route) {
	r.request = compileEdits(c.RequestSetHeaders, c.RequestRemoveHeaders)
	r.response = compileEdits(c.ResponseSetHeaders, c.ResponseRemoveHeaders)
	r.errors = compileEdits(forErrors(c.ResponseSetHeaders), nil)
	r.byHand = byHand{r.response.drops([]byte("RateLimit-Policy")), r.response.drops([]byte("RateLimit")), r.response.drops([]byte("X-Request-Id")), r.response.drops([]byte("Alt-Svc"))}
	if r.rewrite != nil && r.request.drops([]byte("X-Forwarded-Prefix")) {
		r.rewrite.forwarded = ""
	}
	r.usesHost = r.request.uses(host) || r.response.uses(host) || r.locations != nil ||
		len(c.Split) > 0 && c.LocationRewrite != "off"
	r.usesID = r.request.uses(requestID) || r.response.uses(requestID)
	r.remembers = r.usesHost || r.usesID
}
