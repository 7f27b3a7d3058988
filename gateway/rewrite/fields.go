package rewrite

import (
	"maps"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/wire"
)

// FieldEdits are the field lines that a route leaves out of messages and those that it adds.
// Templates without variables are plain bytes. nil: nothing is changed.
type FieldEdits struct {
	removed []string // names, of any case, whose lines are left out: those that are removed or set
	// Constant are lines to add, Templates more of them.
	Constant  []byte
	Templates []Template
	// Vary is the value of Vary to set, which has to be merged with what a policy says; nil: none.
	Vary []byte
}

// A Template is a field line with variables: each part is text, and a variable after it.
type Template []Part

// A Part is text and a variable after it.
type Part struct {
	Text     string
	Variable Variable
}

// A Variable stands for a property of a request.
type Variable uint8

// The variables. Those from CertSubject on are about the client's certificate.
const (
	NoVariable Variable = iota
	ClientIP
	RequestID
	Host
	Scheme
	CertSubject
	CertNames
	CertFingerprint
)

var variables = map[string]Variable{"": NoVariable, "client_ip": ClientIP, "request_id": RequestID, "host": Host, "scheme": Scheme,
	"client_cert_subject": CertSubject, "client_cert_san": CertNames, "client_cert_fingerprint": CertFingerprint}

// CompileFields returns the edits that set and remove fields, nil if nothing is to be changed.
func CompileFields(set map[string]string, remove []string) *FieldEdits {
	if len(set) == 0 && len(remove) == 0 {
		return nil
	}
	e := &FieldEdits{removed: slices.Clone(remove)}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		e.removed = append(e.removed, name)
		parts := config.Parts(set[name])
		switch {
		case strings.EqualFold(name, "Vary"):
			e.Vary = []byte(parts[0].Text)
		case parts[0].Variable == "":
			e.Constant = append(e.Constant, name+": "+parts[0].Text+"\r\n"...)
		default:
			var t Template
			text := name + ": "
			for _, p := range parts {
				t = append(t, Part{text + p.Text, variables[p.Variable]})
				text = ""
			}
			e.Templates = append(e.Templates, append(t, Part{Text: "\r\n"}))
		}
	}
	return e
}

// representationFields are response fields that speak of one response and its content. What a route sets of
// them is not meant for the gateway's own errors: they would be called JSON, or kept for a day. See RFC 9110, section 8.
var representationFields = []string{"accept-ranges", "age", "allow", "cache-control", "cdn-cache-control", "content-disposition", "content-encoding",
	"content-language", "content-location", "content-range", "content-type", "etag", "expires", "last-modified", "location", "pragma",
	"retry-after", "surrogate-control", "surrogate-key", "vary"}

// forErrors returns what of the fields to set goes for errors that the gateway makes, too.
func forErrors(set map[string]string) map[string]string {
	set = maps.Clone(set)
	maps.DeleteFunc(set, func(name, _ string) bool { return slices.Contains(representationFields, strings.ToLower(name)) })
	return set
}

// Removed returns the names, of any case, of the fields that are left out; they are set or removed.
func (e *FieldEdits) Removed() []string {
	if e == nil {
		return nil
	}
	return e.removed
}

// uses reports whether a variable stands in the lines.
func (e *FieldEdits) uses(v Variable) bool {
	return e != nil && slices.ContainsFunc(e.Templates, func(t Template) bool {
		return slices.ContainsFunc(t, func(p Part) bool { return p.Variable == v })
	})
}

// Drops reports whether the lines of a field are left out.
func (e *FieldEdits) Drops(name []byte) bool {
	if e == nil {
		return false
	}
	for _, removed := range e.removed {
		if len(removed) == len(name) && wire.EqualFold(name, removed) {
			return true
		}
	}
	return false
}

// Hides reports whether a request's field is left out, or could be taken for one that is: the upstream has the gateway's
// own line, or none.
func (e *FieldEdits) Hides(name []byte) bool {
	if e == nil {
		return false
	}
	for _, removed := range e.removed {
		if wire.SameVariable(name, removed) {
			return true
		}
	}
	return false
}

// UserSet are the fields that the gateway would add to responses by itself, but for a route that sets
// them or leaves them out. There is one of each in a response: the route's word is the last.
type UserSet struct {
	RateLimitPolicy, RateLimit, RequestID, AltSvc bool
}
