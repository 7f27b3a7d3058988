package admin

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// This file keeps foreign web pages out. The rules are:
//
//   - Host names this machine: "localhost", a loopback address or the listener's own. A page whose
//     name was rebound to 127.0.0.1 sends its own name. A Unix socket is out of a page's reach;
//   - a request that changes something comes from no page, or from one of this listener:
//     http.CrossOriginProtection;
//   - a foreign page may link to the dashboard, and to nothing else: a window that it opens is a navigation too, and a profile that
//     it could not read costs time all the same.

// guard returns h behind the rules above.
func guard(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w)
		switch {
		case !localHost(r):
			text(w, http.StatusMisdirectedRequest, "this Host does not belong to the admin listener: use its address, or localhost")
		case embedded(r):
			text(w, http.StatusForbidden, "another site's page may not use the admin listener")
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// secure keeps answers out of caches, guesses and frames.
func secure(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	w.Header().Set("Content-Security-Policy", "frame-ancestors 'none'")
}

// localHost reports whether the request's Host may name the listener that it came by.
func localHost(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if ok && local.Network() == "unix" {
		return true
	}
	name := r.Host
	if host, _, err := net.SplitHostPort(name); err == nil {
		name = host
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if strings.EqualFold(strings.TrimSuffix(name, "."), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	if err != nil {
		return false
	}
	if tcp, isTCP := local.(*net.TCPAddr); ok && isTCP && ip.Unmap() == tcp.AddrPort().Addr().Unmap() {
		return true
	}
	return ip.Unmap().IsLoopback()
}

// foreign reports whether a page of another origin makes the request, by whatever means.
func foreign(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site == "cross-site" || site == "same-site"
}

// embedded reports whether a page of another origin makes the request, other than by a link to the
// dashboard that the user followed, or changes something by it. Clients other than browsers do not
// send the fields that reveal it.
func embedded(r *http.Request) bool {
	if foreign(r) {
		if r.URL.Path != "/" || r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document" {
			return true
		}
	}
	var protection http.CrossOriginProtection
	return protection.Check(r) != nil
}
