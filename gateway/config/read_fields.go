package config

import (
	"maps"
	"slices"
	"strings"
)

// This file reads the header fields that a route sets and removes.

// A Part is a piece of a value that a route sets: text, and after it the value of a variable of the request.
type Part struct {
	// Text is a run of bytes.
	Text string
	// Variable is one of Variables, or "" for none.
	Variable string
}

// Variables are what "$NAME" can stand for in the value of a field.
var Variables = []string{"client_ip", "request_id", "host", "scheme", "client_cert_subject", "client_cert_san", "client_cert_fingerprint"}

// Parts returns the parts of a value that Parse has accepted. Only the last may be without a variable.
func Parts(value string) []Part {
	parts, _ := parseTemplate(value)
	return parts
}

// parseTemplate understands the value of a field to set. "$$" stands for "$".
func parseTemplate(s string) (parts []Part, f fault) {
	if !isFieldValue(s) {
		return nil, fault{message: "a field value must be printable ASCII, without spaces at its ends"} // it may be a secret
	}
	text := ""
	for {
		before, after, found := strings.Cut(s, "$")
		text += before
		if !found {
			break
		}
		if s, found = strings.CutPrefix(after, "$"); found {
			text += "$"
			continue
		}
		end := strings.IndexFunc(after, func(r rune) bool {
			return r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
		})
		if end < 0 {
			end = len(after)
		}
		name := after[:end]
		switch {
		case name == "":
			return nil, fault{`"$" begins the name of a variable`, `write "$$" for a dollar sign`}
		case !slices.Contains(Variables, name):
			// The name is not quoted: it may be a part of a secret.
			f = faultf(`"$" begins an unknown variable: the variables are $%s`, strings.Join(Variables, ", $"))
			if f.hint = didYouMean("$%s", name, Variables); f.hint == "" {
				f.hint = `write "$$" for a dollar sign`
			}
			return nil, f
		}
		parts = append(parts, Part{text, name})
		text, s = "", after[end:]
	}
	if text != "" || len(parts) == 0 {
		parts = append(parts, Part{Text: text})
	}
	return parts, fault{}
}

// Why a field is not the configuration's to set or to remove, by its name in lower case.
var (
	framing   = fault{message: "frames the content, which only the gateway does"}
	nextHop   = fault{message: "ends at the next hop, so only the gateway can write it"}
	handshake = fault{message: "belongs to a handshake that the gateway checks"}
	ofClient  = fault{"describes the client, and is written by the gateway", "set another field, such as X-Real-IP"}

	requestOwned = map[string]fault{
		"content-length":        framing,
		"expect":                {message: "is handled by the gateway"},
		"forwarded":             ofClient,
		"host":                  {"is written by the gateway", `write host = "…" in the upstream`},
		"sec-websocket-key":     handshake,
		"sec-websocket-version": handshake,
		"transfer-encoding":     framing,
		"via":                   ofClient,
		"x-forwarded-for":       ofClient,
		"x-forwarded-host":      ofClient,
		"x-forwarded-proto":     ofClient,
		"x-request-id":          {message: "is written by the gateway: a trusted peer's, or a new one"},
	}
	responseOwned = map[string]fault{
		"content-length":       framing,
		"date":                 {message: "is set by the upstream, or by the gateway if the upstream does not send it"},
		"sec-websocket-accept": handshake,
		"transfer-encoding":    framing,
	}
	hopByHop = []string{"connection", "http2-settings", "keep-alive", "proxy", "proxy-authenticate", "proxy-authorization", "proxy-connection",
		"te", "trailer", "upgrade"}
)

// readEdits reads the fields that route sets and removes.
func readEdits(t *table, route *Route) {
	own := func(owned map[string]fault) func(string) fault {
		return func(name string) fault {
			name = strings.ToLower(name)
			if slices.Contains(hopByHop, name) {
				return nextHop
			}
			return owned[name]
		}
	}
	request, response := own(requestOwned), own(responseOwned)
	shared := func(name string) fault {
		if f := policyOwned(t, route, strings.ToLower(name)); f.message != "" {
			return f
		}
		return response(name)
	}
	route.RequestRemoveHeaders = t.fieldNames("request_remove_headers", request)
	route.RequestSetHeaders = t.fields("request_set_headers", "request_remove_headers", request)
	route.ResponseRemoveHeaders = t.fieldNames("response_remove_headers", shared)
	route.ResponseSetHeaders = t.fields("response_set_headers", "response_remove_headers", func(name string) fault {
		switch lower := strings.ToLower(name); {
		case lower == "content-type" && route.Respond != nil:
			return fault{"is the fixed response's own", "write content_type = \"…\" in respond"}
		case lower == "content-type" && route.Redirect != nil:
			return fault{message: "describes the gateway's own text of a redirect"}
		case lower == "location" && route.Redirect != nil:
			return fault{"is the redirect's own", "write to = \"…\" in redirect"}
		}
		return shared(name)
	})
}

// policyOwned is the fault of a response field, in lower case, that is for policies to set.
func policyOwned(t *table, route *Route, name string) fault {
	if strings.HasPrefix(name, "access-control-") {
		if route.CORS != "" {
			return fault{message: "is controlled by the policy cors." + route.CORS + ", and cannot be set elsewhere"}
		}
		return fault{"belongs in a policy: a fixed value cannot be right for all origins", "add [cors.NAME], and cors = \"NAME\" here"}
	}
	for i := range t.r.cfg.CORS {
		c := &t.r.cfg.CORS[i]
		if c.Name != route.CORS {
			continue
		}
		key := ""
		switch {
		case name == "timing-allow-origin" && c.TimingAllowOrigin:
			key = "timing_allow_origin"
		case name == "cross-origin-resource-policy" && c.ResourcePolicy != "":
			key = "resource_policy"
		default:
			return fault{}
		}
		return faultf("is set by the policy cors.%s, at %s", c.Name, t.r.at(joinKey("cors", c.Name)+"."+key, -1))
	}
	return fault{}
}

// fieldNames returns a list of names of header fields, except those that owned refuses.
func (t *table) fieldNames(key string, owned func(name string) fault) []string {
	return list(t, key, "a string", func(name string) (string, fault) {
		name, f := parseFieldName(name)
		if f.message == "" {
			f = ofField(name, owned(name))
		}
		return name, f
	})
}

// ofField makes f say which field it is about.
func ofField(name string, f fault) fault {
	if f.message != "" {
		f.message = name + " " + f.message
	}
	return f
}

// fields returns a table of header names and values, or nil. removed is the key of the names
// that are removed after it.
func (t *table) fields(key, removed string, owned func(name string) fault) map[string]string {
	gone := map[string]int{} // by name, in lower case
	if list, ok := t.values[removed].([]any); ok {
		for i, e := range slices.Backward(list) {
			if name, ok := e.(string); ok {
				gone[strings.ToLower(name)] = i
			}
		}
	}
	return t.fieldsBy(key, owned, func(name, value string) fault {
		lower := strings.ToLower(name)
		if i, ok := gone[lower]; ok {
			return faultf("%s would be removed again: it is in %s, at %s", name, removed, t.r.at(t.key(removed), i))
		}
		return checkValue(lower, value)
	})
}

// fieldsBy returns a table of header names and values, or nil. owned is the fault of a name, judge that of a name and its value.
func (t *table) fieldsBy(key string, owned func(name string) fault, judge func(name, value string) fault) map[string]string {
	sub := t.sub(key)
	var fields map[string]string
	seen := map[string]string{} // by name, in lower case
	for _, name := range t.r.byPosition(sub.path, sub.values) {
		value, ok := lookup[string](sub, name, "a string")
		if !ok {
			continue
		}
		_, f := parseFieldName(name)
		if f.message == "" {
			f = ofField(name, owned(name))
		}
		lower := strings.ToLower(name)
		if other, twice := seen[lower]; f.message == "" && twice {
			f = faultf("%s is %s, which is set at %s: case does not matter", name, other, t.r.at(sub.key(other), -1))
		}
		if f.message == "" {
			value = sub.template(name, value)
			f = judge(name, value)
		}
		if f.message != "" {
			sub.problem(name, f)
			continue
		}
		if fields == nil {
			fields = map[string]string{}
		}
		fields[name], seen[lower] = value, name
	}
	return fields
}

// readPreflightHeaders reads the fields of answers to preflights. Which of them are not to be
// set is judged by the package that compiles policies.
func readPreflightHeaders(t *table) map[string]string {
	fields := t.fields("preflight_headers", "", func(string) fault { return fault{} })
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if parts := Parts(fields[name]); len(parts) > 1 || parts[0].Variable != "" {
			t.r.problem(joinKey(t.key("preflight_headers"), name), -1, fault{
				"variables are not supported here: the answer to a preflight is cached and the same for all clients", `write "$$" for a dollar sign`})
		}
	}
	return fields
}

// checkValue is the fault of a value to set for a field, whose name is in lower case.
func checkValue(name, value string) fault {
	parts, f := parseTemplate(value)
	if f.message != "" || name != "vary" {
		return f
	}
	for _, member := range strings.Split(value, ",") {
		if len(parts) > 1 || parts[0].Variable != "" || !isToken(strings.TrimSpace(member)) {
			return faultf(`%q is not a list of field names such as "Accept-Encoding, Accept-Language"`, value)
		}
	}
	return fault{}
}
