package admin

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// MetricsHandler returns the pages for clients on other machines: metrics, and whether the gateway is alive and
// ready. may reports whether an address may ask; clients of a Unix socket may.
func (a *Admin) MetricsHandler(may func(netip.Addr) bool) http.Handler {
	mux := http.NewServeMux()
	a.health(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w)
		switch {
		case !mayAsk(r, may):
			text(w, http.StatusForbidden, "this address may not use this listener: see admin.metrics_allow")
		case foreign(r):
			text(w, http.StatusForbidden, "another site's page may not use this listener")
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// health adds what both listeners have.
func (a *Admin) health(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.Registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(a.Log.Handler(), slog.LevelError),
	}))
}

func mayAsk(r *http.Request, may func(netip.Addr) bool) bool {
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && local.Network() == "unix" {
		return true
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && may(peer.Addr())
}

// MayScrape reports whether an address is in one of the networks; with none, whether it is
// loopback, private or link-local.
func MayScrape(networks []netip.Prefix, from netip.Addr) bool {
	from = from.Unmap().WithZone("")
	if len(networks) == 0 {
		return from.IsLoopback() || from.IsPrivate() || from.IsLinkLocalUnicast()
	}
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(from) })
}
