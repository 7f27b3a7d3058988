package auth

import (
	"net/netip"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/auth/token"
	"github.com/corsgate/corsgate/gateway/wire"
)

// A Subject is a request, as far as it says who sends it.
type Subject struct {
	Request *wire.Request
	Client  netip.Addr
	// Host is the host that was asked for.
	Host []byte
	// Certified says that the client has shown a certificate, whose names are Names, "DNS:a.example, URI:…".
	Certified bool
	Names     string
	Now       time.Time
	// Steps, if it is not nil, is told what each table says, and nothing is remembered, fetched or asked: this is a rehearsal.
	Steps *[]Step
}

func (q *Subject) rehearsed() bool { return q.Steps != nil }

// A Step is what a table says of a request, for people.
type Step struct {
	Table    string
	Reason   Reason
	Admitted bool
	Text     string
}

// A Reason is why a request is admitted or refused. Reasons are labels of metrics, and the access log has them behind "auth-":
// they never change. Beside those here, each step of a token is one.
type Reason string

// The reasons.
const (
	undecided   Reason = ""
	Remembered  Reason = "remembered"  // admitted: it was before
	Verified    Reason = "verified"    // admitted
	Allowed     Reason = "allowed"     // admitted without an identity, because the authoriser does not answer
	Unknown     Reason = "unknown"     // of a rehearsal: this cannot be known without asking
	Missing     Reason = "missing"     // there are no credentials
	Repeated    Reason = "repeated"    // there are two where there can be one
	Key         Reason = "key"         // no such key
	Certificate Reason = "certificate" // no name in it fits
	Denied      Reason = "denied"      // another server says no
	Login       Reason = "login"       // another server wants a login first
	Unavailable Reason = "unavailable" // another server does not answer
	Busy        Reason = "busy"        // too many tokens at once
)

// reasons are those that are counted.
var reasons = func() (all []string) {
	for _, r := range []Reason{Remembered, Verified, Allowed, Missing, Repeated, Key, Certificate, Denied, Login, Unavailable, Busy} {
		all = append(all, string(r))
	}
	for _, s := range token.Steps {
		all = append(all, string(s))
	}
	return all
}()

// codes are the reasons as the access log has them.
var codes = func() map[Reason]string {
	m := map[Reason]string{}
	for _, r := range reasons {
		m[Reason(r)] = "auth-" + r
	}
	return m
}()

func (r Reason) admits() bool {
	return r == Remembered || r == Verified || r == Allowed || r == Unknown
}

// An outcome is what a table says of a request.
type outcome struct {
	reason   Reason
	identity *Identity
	failure  *token.Failure
	decision *Decision // of another server that refuses
}

// status returns that of a refusal. See RFC 6750, section 3.1.
func (o *outcome) status() int {
	switch o.reason {
	case Repeated:
		return 400
	case Certificate, Reason(token.Claim):
		return 403
	case Unavailable, Busy, Reason(token.NoKeys):
		return 503
	case Denied, Login:
		return o.decision.Status
	}
	return 401
}

// anonymous reports whether the request brings no credentials, which is allowed where auth is optional.
func (o *outcome) anonymous() bool {
	return o.reason == Missing || o.reason == Login || o.reason == Denied && o.decision.Status == 401
}

// texts are what a refusal says to a person, but for those of tokens.
var texts = map[Reason]string{
	Missing:     "This request needs credentials.",
	Repeated:    "The request has credentials twice where it can have them once.",
	Key:         "The key is not valid.",
	Certificate: "The client certificate has no name that is accepted here.",
	Denied:      "Access was denied.",
	Login:       "This request needs a login.",
	Unavailable: "Whether this request may pass cannot be found out at the moment. Try again in a few seconds.",
	Busy:        "Too many tokens wait to be verified. Try again in a few seconds.",
	Unknown:     "Only the gateway that serves can know: it asks another server.",
	Verified:    "The credentials are good.",
	Remembered:  "The credentials are good.",
	Allowed:     "The authoriser does not answer: the request has no identity.",
}

func (o *outcome) text() string {
	if o.failure != nil {
		return o.failure.Text
	}
	if o.reason == Reason(token.Length) {
		return "The token is longer than 16 KiB."
	}
	return texts[o.reason]
}

// describe says to a developer what came of a rehearsal.
func (t *Table) describe(q *Subject, o *outcome) string {
	switch {
	case o.failure != nil:
		text, _ := t.place.find(q.Request)
		if more := t.rules.Describe(string(text), o.failure, t.keySet(), q.Now); more != "" {
			return strings.TrimSuffix(o.text(), ".") + ": " + more + "."
		}
	case o.reason == Missing && (t.tokens != nil || t.keys != nil):
		return o.text() + " They are looked for in " + t.place.where() + "."
	case o.reason == Unknown && t.source != nil:
		return "All but the signature is good. Only the gateway that serves has the keys: they come from " + t.source.From() + "."
	}
	return o.text()
}

// challenge appends what the table asks for. See RFC 9110, section 11.6.1, and RFC 6750, section 3.
func (t *Table) challenge(dst []byte, o *outcome) []byte {
	switch t.Config.Kind() {
	case "certificate":
		return append(dst, `Certificate realm="client"`...)
	case "forward":
		return append(append(append(dst, `Cookie realm="`...), t.Name...), '"')
	case "keys":
		if t.place.kind != inBearer {
			kind, name, _ := strings.Cut(t.Config.From, ":")
			return append(append(append(append(append(dst, `ApiKey in="`...), kind...), `", name="`...), name...), '"')
		}
	}
	dst = append(dst, "Bearer"...)
	separator := " "
	param := func(name, value string) {
		dst = append(append(append(append(append(dst, separator...), name...), `="`...), value...), '"')
		separator = ", "
	}
	switch {
	case o.reason == Missing:
	case o.reason == Repeated:
		param("error", "invalid_request")
		param("error_description", o.text())
	case o.reason == Reason(token.Claim):
		param("error", "insufficient_scope")
		if o.failure.Claim == "scope" {
			param("scope", strings.Join(t.Config.Require["scope"], " "))
		}
		param("error_description", o.text())
	case o.status() == 401:
		param("error", "invalid_token")
		param("error_description", o.text())
	}
	if t.Config.ResourceMetadata != "" { // RFC 9728, section 5.1
		param("resource_metadata", t.Config.ResourceMetadata)
	}
	return dst
}

// count counts an outcome. What a rehearsal cannot know is none.
func (t *Table) count(r Reason) {
	c := t.counts.Verified // of each request with a key
	if r != Verified {
		c = t.counts.By[string(r)]
	}
	if c != nil {
		c.Inc()
	}
}
