package nethttp

import (
	"net/http"
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
)

// refused reports whether r must not reach the handler: the policy blocks, or guards WebSockets,
// and r comes from an origin that is neither allowed nor the origin of its target.
func refused(p *cors.Policy, r *http.Request, origins [][]byte) bool {
	socket := strings.Contains(strings.ToLower(strings.Join(r.Header["Upgrade"], ",")), "websocket")
	if len(first(origins)) == 0 && len(origins) < 2 || !p.Block() && !(socket && p.WebSocketOriginCheck()) {
		return false
	}
	_, reason := p.AllowedOrigin(first(origins))
	return len(origins) > 1 || reason != cors.Allowed && !sameOrigin(r, string(origins[0]))
}

// sameOrigin reports whether origin is the origin of r's target. A proxy in front may terminate
// TLS, so https counts on a connection without TLS.
func sameOrigin(r *http.Request, origin string) bool {
	if host, ok := strings.CutPrefix(origin, "https://"); ok {
		return strings.EqualFold(host, strings.TrimSuffix(r.Host, ":443"))
	}
	host, ok := strings.CutPrefix(origin, "http://")
	return ok && r.TLS == nil && strings.EqualFold(host, strings.TrimSuffix(r.Host, ":80"))
}
