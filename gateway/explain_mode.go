package gateway

import (
	"fmt"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
)

// This file knows requests that are not for CORS to decide, and what browsers do not even ask for. The rules are:
//
//   - a page of https asks for nothing of http, but on loopback; a form may;
//   - a page that asks in the mode "no-cors" or submits a form reads nothing of what comes back: what counts is whether the
//     request has its effects, which the policy's guards decide;
//   - a WebSocket is open if the gateway lets its handshake through and the upstream agrees.

// The modes of a request. See Fetch, "request mode".
const (
	modeCORS       = "cors"
	modeNoCORS     = "no-cors"
	modeSameOrigin = "same-origin"
	modeNavigate   = "navigate"
	modeWebSocket  = "websocket"
)

// readMode checks that a page can ask in this mode what it asks. All else is read by then.
func (a *inquiry) readMode(mode string) error {
	socket := a.mode == modeWebSocket
	switch {
	case mode == "" && !socket:
		a.mode = modeCORS
	case mode == "" || socket && mode == modeWebSocket:
	case socket:
		return fmt.Errorf("mode %q: a URL of ws or wss is that of a WebSocket: leave the mode out", mode)
	case mode == modeWebSocket:
		return fmt.Errorf("mode %q: write a URL of ws or wss", mode)
	case !slices.Contains([]string{modeCORS, modeNoCORS, modeSameOrigin, modeNavigate}, mode):
		return fmt.Errorf("mode %q: write cors, no-cors, same-origin or navigate, or a URL of ws or wss", mode)
	default:
		a.mode = mode
	}
	switch {
	case a.mode == modeWebSocket && (a.method != "GET" || len(a.headers) > 0):
		return fmt.Errorf("a page can choose neither method nor headers of a WebSocket: leave them out")
	case a.mode == modeNavigate && (a.method != "GET" && a.method != "POST" || len(a.headers) > 0):
		return fmt.Errorf("a form or link is GET or POST, and sets no header: leave the others out")
	case a.mode == modeNoCORS && !cors.SafelistedMethod(a.method):
		return fmt.Errorf("method %s: fetch() refuses it in the mode no-cors: write GET, HEAD or POST", a.method)
	case a.mode == modeNoCORS && len(cors.UnsafeHeaders(a.headers)) > 0:
		return fmt.Errorf("header %s: browsers drop it in the mode no-cors: leave it out", cors.UnsafeHeaders(a.headers)[0])
	}
	return nil
}

// unasked says why a browser does not even ask, or "". See Mixed Content, "should fetching request be blocked as mixed
// content", and Fetch, "main fetch".
func (a *inquiry) unasked() string {
	switch {
	case a.mode != modeNavigate && !a.https && !a.loopback() && strings.HasPrefix(a.origin, "https://"):
		return "a page of https may not ask for what is sent without TLS (mixed content)"
	case a.mode == modeSameOrigin && !a.same:
		return "the URL is of another origin, and the mode is same-origin"
	}
	return ""
}

// changeable reports whether an edit of the configuration could make more of a than o.
func (a *inquiry) changeable(o Outcome) bool {
	return !o.Allowed() && o != OutcomeRedirected && a.unasked() == "" && (o != OutcomeUpstream || a.mode == modeCORS)
}

// noCORS judges what is none of CORS' business. Precondition: the mode is none of fetch()'s that are.
func (b *judgement) noCORS(actual *run) Outcome {
	policy := actual.fault == nil && actual.x.route != nil && actual.x.route.policy != nil
	switch {
	case actual.status() == 403 && policy && actual.x.noted:
		b.step("policy", false, "the gateway refuses the request (%s)", actual.x.reason)
		return OutcomeDenied
	case b.mode == modeNavigate:
		return OutcomeOpaque
	case b.mode == modeNoCORS:
		return b.resourcePolicy(fieldsOf(actual)["cross-origin-resource-policy"])
	case actual.answered:
		b.step("WebSocket handshake", false, "the gateway answers %d itself, where only 101 opens a WebSocket", actual.status())
		return OutcomeDenied
	case !policy:
		return OutcomeUpstream
	}
	b.step("WebSocket handshake", true, "the gateway lets it through: the upstream need only agree")
	return OutcomeAllowed
}

// resourcePolicy is Fetch, "cross-origin resource policy check", for a page that asks for no isolation.
func (b *judgement) resourcePolicy(lines []string) Outcome {
	const where = "cross-origin resource policy check"
	switch policy := strings.Join(lines, ", "); {
	case b.same || policy != "same-origin" && policy != "same-site":
	case policy == "same-origin" || b.site() != "same-site":
		b.step(where, false, "Cross-Origin-Resource-Policy is %s, and the page is not", policy)
		return OutcomeDenied
	default:
		b.step(where, true, "Cross-Origin-Resource-Policy is %s, and so is the page", policy)
	}
	return OutcomeOpaque
}
