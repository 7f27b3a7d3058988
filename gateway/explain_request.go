package gateway

import (
	"net/netip"
	"strings"

	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/net/publicsuffix"
)

// This file writes the requests that a browser makes of an inquiry: of all the fields that it sends, those that
// a gateway looks at.

// question returns a as a Question.
func (a *inquiry) question() Question {
	q := Question{Origin: a.origin, Method: a.method, Headers: []string{}, Credentials: a.credentials, URL: a.targetOrigin() + a.target, Mode: a.mode, ResponseHeaders: a.responseHeaders}
	if a.mode == modeWebSocket {
		q.URL = "ws" + strings.TrimPrefix(q.URL, "http")
	}
	for _, h := range a.headers {
		if h.Value != "" {
			q.Headers = append(q.Headers, h.Name+": "+h.Value)
		} else {
			q.Headers = append(q.Headers, h.Name)
		}
	}
	return q
}

// preflight returns the lines of the CORS-preflight request. See Fetch, "CORS-preflight fetch", steps 1 to 5.
func (a *inquiry) preflight() []string {
	lines := append(a.lines("OPTIONS"), "Access-Control-Request-Method: "+a.method)
	if len(a.unsafe) > 0 {
		lines = append(lines, "Access-Control-Request-Headers: "+strings.Join(a.unsafe, ","))
	}
	return lines
}

// actual returns the lines of the request itself. A value that is not known is "(any)".
func (a *inquiry) actual() []string {
	lines := a.lines(a.method)
	for _, h := range a.headers {
		value := h.Value
		if value == "" {
			value = "(any)"
		}
		lines = append(lines, h.Name+": "+value)
	}
	if a.mode == modeWebSocket {
		lines = append(lines, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
	}
	if a.method == "POST" || a.method == "PUT" {
		lines = append(lines, "Content-Length: 0")
	}
	return lines
}

func (a *inquiry) lines(method string) []string {
	lines := []string{method + " " + a.target + " HTTP/1.1", "Host: " + a.host}
	// See Fetch, "append a request Origin header".
	if a.mode == modeWebSocket || !a.same && a.mode == modeCORS || method != "GET" && method != "HEAD" {
		lines = append(lines, "Origin: "+a.origin)
	}
	if a.https || a.loopback() {
		lines = append(lines, "Sec-Fetch-Site: "+a.site(), "Sec-Fetch-Mode: "+a.mode)
	}
	return lines
}

// site returns how near the page is to the URL. See Fetch Metadata, "Sec-Fetch-Site", and HTML, "schemelessly same site".
func (a *inquiry) site() string {
	if a.same {
		return "same-origin"
	}
	scheme, rest, _ := strings.Cut(a.origin, "://")
	page, target := string(wire.HostName([]byte(rest))), a.hostName()
	if scheme == a.scheme() && (page == target || registrable(page) != "" && registrable(page) == registrable(target)) {
		return "same-site"
	}
	return "cross-site"
}

// registrable returns the registrable domain of a host, or "".
func registrable(host string) string {
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ""
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return ""
	}
	return domain
}

// hostName returns the URL's host without its port.
func (a *inquiry) hostName() string { return string(wire.HostName([]byte(a.host))) }

// loopback reports whether the URL's host is this machine to every browser.
func (a *inquiry) loopback() bool { return isLoopback(a.hostName()) }

// pageOnLoopback reports whether the page's host is.
func (a *inquiry) pageOnLoopback() bool {
	_, rest, _ := strings.Cut(a.origin, "://")
	return isLoopback(string(wire.HostName([]byte(rest))))
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

// private reports whether the URL's host is, by its address alone, on this machine or in a private network.
func (a *inquiry) private() bool {
	host := a.hostName()
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return a.loopback() || strings.HasSuffix(host, ".local") || err == nil && (addr.IsPrivate() || addr.IsLinkLocalUnicast())
}
