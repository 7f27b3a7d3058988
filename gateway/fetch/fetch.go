// Package fetch is the browser's side of CORS, as package cors is the server's: the requests
// that a browser sends for a call of fetch, and its evaluation of the responses, step by step
// as in the Fetch standard. It does no input or output.
//
// A [Question] describes a page's request. [NewRequest] reads it as a browser does, or returns
// why no browser would send it. [Request.Preflight] and [Request.Actual] are the requests that
// are sent, and [Request.Evaluate] applies the standard to their responses:
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

// A Question is one request that a page could make: with fetch(), a form or a WebSocket.
type Question struct {
	// Origin is the page's origin as browsers serialize it, such as "https://app.example.com",
	// or "null".
	Origin string `json:"origin"`
	// Method is the request's method; "" is GET.
	Method string `json:"method"`
	// Headers are the request headers that the script sets, each "Name: value" or "Name". The
	// value of a name alone is unknown: Accept, Accept-Language and Content-Language then count
	// as safelisted, and all others do not, including Content-Type, for which APIs expect
	// application/json.
	Headers []string `json:"headers"`
	// Credentials is the credentials mode "include": cookies, client certificates and HTTP
	// authentication.
	Credentials bool `json:"credentials"`
	// URL is the requested URL, absolute, with the scheme http or https, or ws or wss for a
	// WebSocket: the one that the browser uses, wherever TLS is terminated.
	URL string `json:"url"`
	// Mode is the request's mode: "cors", the default of fetch(), "no-cors", "same-origin",
	// "navigate", for a form or a link, or "websocket". "" follows from the URL's scheme:
	// "cors" or "websocket".
	Mode string `json:"mode"`
	// ResponseHeaders are names of response headers that the script wants to read.
	ResponseHeaders []string `json:"response_headers,omitempty"`
	// Listener is the name of the server's listener that receives the request, if the URL does
	// not determine it. It is not sent; "" leaves the choice to the server.
	Listener string `json:"listener,omitempty"`
}

// An Outcome is the result of a question.
type Outcome string

// The outcomes.
const (
	Allowed    Outcome = "allowed"     // the page can read the response
	SameOrigin Outcome = "same-origin" // the page can read the response, and CORS does not apply
	Denied     Outcome = "denied"      // a browser withholds the response from the page, or does not send the request
	Redirected Outcome = "redirected"  // the page may follow a redirect; its result is another question
	Upstream   Outcome = "upstream"    // the server behind the one that answers decides; see Answer.Open
	Opaque     Outcome = "opaque"      // the request has its effects, and the page cannot read the response
)

// Allowed reports whether the request certainly succeeds for the page: with fetch(), that it
// can read the response; else, that the request has its effects.
func (o Outcome) Allowed() bool { return o == Allowed || o == SameOrigin || o == Opaque }

// An Answer is a server's response to a browser's request. The zero values of the last three
// fields are right for a response as a server sent it.
type Answer struct {
	// Status is the status code, or 0: the request was passed on, and the upstream decides.
	Status int
	// Header contains the fields.
	Header http.Header
	// Open says that the CORS fields are not in Header, because a server behind this one sets them.
	Open bool
	// Guarded says that a policy guards the resource from requests that CORS does not govern.
	Guarded bool
	// Refused is the reason why the policy refused this request, or "".
	Refused string
}

// A Verdict is a browser's conclusion from the answers.
type Verdict struct {
	Outcome Outcome `json:"outcome"`
	// Sent: the actual request is sent.
	Sent bool `json:"sent"`
	// Steps are the steps of the Fetch standard, up to the one that fails. It is never nil.
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
	// Text describes the comparison in a sentence.
	Text string `json:"text"`
}

// ExampleURL returns a URL for a route with these hosts, or any host if there are none, and a
// path. A host may start with "*", for any labels.
func ExampleURL(hosts []string, path string) string {
	host := "any.example"
	if len(hosts) > 0 {
		host = strings.Replace(hosts[0], "*", "any", 1)
	}
	return "https://" + host + path
}
