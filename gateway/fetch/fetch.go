// Package fetch is the browser's side of CORS, as package cors is the server's: the requests that a browser sends for a call of
// fetch, and its evaluation of the responses, step by step as in the Fetch standard. It does no input or output.
//
// A [Question] describes a page's request. [NewRequest] reads it as a browser does, or returns why no browser would send it.
// [Request.Preflight] and [Request.Actual] are the requests that are sent, and [Request.Evaluate] applies the standard to
// their responses:
//
//	question → NewRequest → Preflight → answer ┐
//	                      → Actual    → answer ┴→ Evaluate → Verdict: outcome and steps
//
// Its functions have no state and are safe for concurrent use.
package fetch

import (
	"net/http"
	"strings"
)

// A Question is one request that a page would make: with fetch(), by a form, or a WebSocket.
type Question struct {
	// Origin is the page's origin as browsers serialize it, such as "https://app.example.com", or "null".
	Origin string `json:"origin"`
	// Method is the request's method; "" is GET.
	Method string `json:"method"`
	// Headers are the request headers that the script sets, each "Name: value" or "Name". Of a name alone
	// the value is not known: Accept, Accept-Language and Content-Language then count as safelisted, and all
	// others do not, Content-Type included, for which APIs want application/json.
	Headers []string `json:"headers"`
	// Credentials is the credentials mode "include": cookies, client certificates and HTTP authentication.
	Credentials bool `json:"credentials"`
	// URL is the requested URL, absolute, with the scheme http or https, or ws or wss for a
	// WebSocket: the one that the browser uses, wherever TLS is terminated.
	URL string `json:"url"`
	// Mode is how the page asks: "cors", fetch()'s usual mode, "no-cors", "same-origin", "navigate", which is a form or
	// a link, or "websocket". "" is what the URL's scheme says, "cors" or "websocket".
	Mode string `json:"mode"`
	// ResponseHeaders are names of response headers that the script wants to read.
	ResponseHeaders []string `json:"response_headers,omitempty"`
	// Listener is the name of the listener of a server that is asked, where the URL alone does not
	// tell. It is not sent; "" leaves the choice to the server.
	Listener string `json:"listener,omitempty"`
}

// An Outcome is what comes of a question.
type Outcome string

// The outcomes.
const (
	Allowed    Outcome = "allowed"     // the page can read the response
	SameOrigin Outcome = "same-origin" // it can, and CORS has no say
	Denied     Outcome = "denied"      // a browser keeps the response from the page, or does not even ask for it
	Redirected Outcome = "redirected"  // the page may follow a redirect: what comes of that is another question
	Upstream   Outcome = "upstream"    // the server behind the one that answers decides; see Answer.Open
	Opaque     Outcome = "opaque"      // the request has its effects, and its page does not want to read what comes back
)

// Allowed reports whether the page certainly gets what it asks for: of a fetch() the response to read, else that its
// request has its effects.
func (o Outcome) Allowed() bool { return o == Allowed || o == SameOrigin || o == Opaque }

// An Answer is what a server says to a request of a browser. The zero values of the last three fields are right for a
// response as it came from a server.
type Answer struct {
	// Status is the status code, or 0: the request was let through, and what is behind decides.
	Status int
	// Header holds the fields.
	Header http.Header
	// Open says that the fields of CORS are not in Header, but for a server behind this one to set.
	Open bool
	// Guarded says that a policy guards the resource from requests that are not for CORS to decide.
	Guarded bool
	// Refused is the reason for which it refused this one, or "".
	Refused string
}

// A Verdict is what a browser makes of the answers.
type Verdict struct {
	Outcome Outcome `json:"outcome"`
	// Sent: the actual request is sent.
	Sent bool `json:"sent"`
	// Steps are those of the Fetch standard, up to the one that fails. It is never nil.
	Steps []Step `json:"steps"`
}

// Failure returns the text of the first step that fails, or "".
func (v *Verdict) Failure() string {
	for _, s := range v.Steps {
		if !s.OK {
			return s.Text
		}
	}
	return ""
}

// A Step is one step of the Fetch standard.
type Step struct {
	// Where names the algorithm and the step, such as "CORS check, step 4".
	Where string `json:"where"`
	OK    bool   `json:"ok"`
	// Text says in a sentence what was compared.
	Text string `json:"text"`
}

// ExampleURL returns a URL for a route of these hosts, none for any, and a path. A host may start with "*", for any labels.
func ExampleURL(hosts []string, path string) string {
	host := "any.example"
	if len(hosts) > 0 {
		host = strings.Replace(hosts[0], "*", "any", 1)
	}
	return "https://" + host + path
}
