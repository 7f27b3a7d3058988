package cors

import (
	"maps"
	"slices"
	"strings"
)

// Why a field cannot be one of PreflightHeaders, by its name in lower case. The list is of
// fields by which an operator could break the answer or leak from it: framing (RFC 9112,
// section 6), fields of the connection (RFC 9110, section 7.6.1), the gateway's own, and
// cookies, which browsers neither send with a preflight nor accept from its answer.
const (
	byFraming = "frames the content: the gateway writes it"
	byHop     = "is for one connection only: the gateway writes it"
	byAnswer  = "is written by the gateway"
	byCookie  = "has no effect: browsers ignore cookies in answers to preflights"
	byContent = "describes the content, which the gateway writes for a refusal"
)

var neverOnPreflight = map[string]string{
	"connection": byHop, "http2-settings": byHop, "keep-alive": byHop, "proxy": byHop, "proxy-authenticate": byHop,
	"proxy-authorization": byHop, "proxy-connection": byHop, "te": byHop, "trailer": byHop, "upgrade": byHop,
	"content-length": byFraming, "transfer-encoding": byFraming,
	"content-encoding": byContent, "content-range": byContent, "content-type": byContent,
	"set-cookie": byCookie, "set-cookie2": byCookie,
	"alt-svc": byAnswer, "cors-refused": byAnswer, "date": byAnswer, "host": byAnswer, "x-request-id": byAnswer,
	"ratelimit": byAnswer, "ratelimit-policy": byAnswer, "retry-after": byAnswer,
	"sec-websocket-accept": byAnswer, "sec-websocket-extensions": byAnswer, "sec-websocket-protocol": byAnswer,
}

// preflightHeaders checks the keys that are about answers to preflights. The Key of a problem
// of one field is "preflight_headers.NAME". Values are checked as strictly as those of a
// request: a CR or LF in a configuration is response splitting (RFC 9112, section 11.1) no
// matter who put it there.
func (c *checker) preflightHeaders() {
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.cfg.PreflightHeaders)) {
		value, folded := c.cfg.PreflightHeaders[name], strings.ToLower(name)
		fail := func(hint, format string, args ...any) { c.fail("preflight_headers."+name, -1, hint, format, args...) }
		switch why := neverOnPreflight[folded]; {
		case !isToken(name):
			fail(`write a name such as "Cache-Control"`, "%q is not a header name", name)
		case seen[folded] != "":
			fail("remove one", "%s is the same field as %s: names are case-insensitive", name, seen[folded])
		// Also names that no standard defines: a second source for such fields is a second
		// policy.
		case strings.HasPrefix(folded, "access-control-"):
			fail("remove it: the keys of the policy determine its value", "%s belongs to the policy", name)
		case folded == "timing-allow-origin" && c.cfg.TimingAllowOrigin:
			fail("remove it", "%s is set by timing_allow_origin", name)
		case folded == "cross-origin-resource-policy" && c.cfg.ResourcePolicy != "":
			fail("remove it", "%s is set by resource_policy", name)
		case why != "":
			fail("remove it", "%s %s", name, why)
		case value == "":
			fail("write a value, or remove it", "%s has no value", name)
		case strings.TrimSpace(value) != value || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
			fail("write it in printable ASCII, without spaces around it", "the value of %s is not a field value", name)
		case folded == "vary" && !isList(value):
			fail("", `the value of %s is not a list of field names such as "Accept-Encoding"`, name)
		}
		seen[folded] = name
	}
	if s := c.cfg.RefusedPreflight; s != 0 && s != 403 && s != 204 {
		c.fail("refused_preflight", -1, "write 403, or 204 to send the lists of what is allowed", "%d is neither 403 nor 204", s)
	}
	c.needless()
}

// isList reports whether all members of a list are tokens.
func isList(list string) bool {
	for more := true; more; {
		var member string
		if member, list, more = cutMember(list); !isToken(member) {
			return false
		}
	}
	return true
}

// needless warns of keys without effect.
func (c *checker) needless() {
	any := contains(c.cfg.Methods, "*") && contains(c.cfg.RequestHeaders, "*")
	for _, k := range []struct {
		key string
		set bool
		why string // the reason, if it is not that the upstream answers preflights
	}{
		{"preflight_headers", len(c.cfg.PreflightHeaders) > 0, ""},
		{"refused_preflight", c.cfg.RefusedPreflight == 204, map[bool]string{true: `methods and request_headers are "*", so no list says what is not allowed`}[any]},
		{"expose_on_preflight", c.cfg.ExposeOnPreflight, map[bool]string{true: "expose_headers is empty"}[len(c.cfg.ExposeHeaders) == 0]},
	} {
		switch {
		case !k.set:
		case c.cfg.UpstreamCORS == "passthrough":
			c.warn(k.key, -1, "remove it", `no effect: with upstream_cors = "passthrough" the upstream answers preflights`)
		case k.why != "":
			c.warn(k.key, -1, "remove it", "no effect: %s", k.why)
		}
	}
}
