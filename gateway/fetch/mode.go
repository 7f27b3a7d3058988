package fetch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
)

// This file handles requests that CORS does not govern, and those that browsers do not even
// send. The rules are:
//
//	mode          sent                            the page sees
//	cors          after a preflight if needed     the response, if the CORS check passes
//	same-origin   only to the page's origin       the response
//	no-cors       GET, HEAD, POST, safe headers   nothing; the request has its effects
//	navigate      GET, POST                       nothing; the browser shows the response
//	websocket     the handshake                   messages, if the server answers 101
//
//   - a page of https cannot request http URLs, except on loopback; a form can;
//   - in the modes no-cors and navigate only the effects of the request count, and the policy's
//     guards decide about those;
//   - a WebSocket opens if the gateway lets its handshake through and the upstream agrees:
//     browsers make no CORS check for it.

// The modes of a request. See Fetch, "request mode".
const (
	ModeCORS       = "cors"
	ModeNoCORS     = "no-cors"
	ModeSameOrigin = "same-origin"
	ModeNavigate   = "navigate"
	ModeWebSocket  = "websocket"
)

// readMode checks that a page can make this request in this mode. It runs last, when all other
// parts were read.
func (r *Request) readMode(mode string) error {
	socket := r.Mode == ModeWebSocket
	switch {
	case mode == "" && !socket:
		r.Mode = ModeCORS
	case mode == "" || socket && mode == ModeWebSocket:
	case socket:
		return fmt.Errorf("mode %q: a ws or wss URL is a WebSocket's: leave the mode out", mode)
	case mode == ModeWebSocket:
		return fmt.Errorf("mode %q: write a ws or wss URL", mode)
	case !slices.Contains([]string{ModeCORS, ModeNoCORS, ModeSameOrigin, ModeNavigate}, mode):
		return fmt.Errorf("mode %q: write cors, no-cors, same-origin or navigate, or a ws or wss URL", mode)
	default:
		r.Mode = mode
	}
	switch {
	case r.Mode == ModeWebSocket && (r.Method != "GET" || len(r.Headers) > 0):
		return fmt.Errorf("a page can choose neither method nor headers of a WebSocket: leave them out")
	case r.Mode == ModeNavigate && (r.Method != "GET" && r.Method != "POST" || len(r.Headers) > 0):
		return fmt.Errorf("a form or link uses GET or POST and cannot set headers: leave the others out")
	case r.Mode == ModeNoCORS && !cors.SafelistedMethod(r.Method):
		return fmt.Errorf("method %s: fetch() refuses it in the mode no-cors: write GET, HEAD or POST", r.Method)
	case r.Mode == ModeNoCORS && len(cors.UnsafeHeaders(r.Headers)) > 0:
		return fmt.Errorf("header %s: browsers drop it in the mode no-cors: leave it out", cors.UnsafeHeaders(r.Headers)[0])
	}
	return nil
}

// Blocked returns why a browser does not even send the request, or "". See Mixed Content,
// "should fetching request be blocked as mixed content?", and Fetch, "main fetch".
func (r *Request) Blocked() string {
	switch {
	case r.Mode != ModeNavigate && !r.HTTPS && !r.loopback() && strings.HasPrefix(r.Origin, "https://"):
		return "an https page may not request http URLs (mixed content)"
	case r.Mode == ModeSameOrigin && !r.Same:
		return "the URL has another origin, and the mode is same-origin"
	}
	return ""
}

// withoutCORS evaluates a request that CORS does not govern. Precondition: the mode is
// navigate, no-cors or websocket.
func (e *evaluation) withoutCORS(actual *Answer) Outcome {
	switch {
	case actual.Refused != "":
		e.step("policy", false, "the gateway refuses the request (%s)", actual.Refused)
		return Denied
	case e.Mode == ModeNavigate:
		return Opaque
	case e.Mode == ModeNoCORS:
		return e.resourcePolicy(actual.Header.Values("Cross-Origin-Resource-Policy"))
	case actual.Status == 101:
		e.step("WebSocket handshake", true, "the answer is 101, which opens a WebSocket")
		return Allowed
	case actual.Status != 0:
		e.step("WebSocket handshake", false, "the gateway answers %d itself, where only 101 opens a WebSocket", actual.Status)
		return Denied
	case !actual.Guarded:
		return Upstream
	}
	e.step("WebSocket handshake", true, "the gateway lets it through, if the upstream agrees")
	return Allowed
}

// resourcePolicy is Fetch, "cross-origin resource policy check", for a page that does not
// request isolation. It is the one check that a no-cors response can fail, and it protects
// servers from pages that embed their resources.
func (e *evaluation) resourcePolicy(lines []string) Outcome {
	const where = "cross-origin resource policy check"
	switch policy := strings.Join(lines, ", "); {
	case e.Same || policy != "same-origin" && policy != "same-site":
	case policy == "same-origin" || e.site() != "same-site":
		e.step(where, false, "Cross-Origin-Resource-Policy is %s, and the page is not", policy)
		return Denied
	default:
		e.step(where, true, "Cross-Origin-Resource-Policy is %s, and so is the page", policy)
	}
	return Opaque
}
