package fetch

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/corsgate/corsgate/gateway/wire"
	"golang.org/x/net/publicsuffix"
)

// This file writes the requests that a browser sends for a Request, with those of its fields
// that a gateway looks at:
//
//	OPTIONS /items HTTP/1.1                           PUT /items HTTP/1.1
//	Host: api.example                                 Host: api.example
//	Origin: https://app.example                       Origin: https://app.example
//	Sec-Fetch-Site: cross-site                        Sec-Fetch-Site: cross-site
//	Sec-Fetch-Mode: cors                              Sec-Fetch-Mode: cors
//	Access-Control-Request-Method: PUT                content-type: application/json
//	Access-Control-Request-Headers: content-type      Content-Length: 7

// Question returns r as a Question.
func (r *Request) Question() Question {
	q := Question{Origin: r.Origin, Method: r.Method, Headers: []string{}, Credentials: r.Credentials, URL: r.TargetOrigin() + r.Target, Mode: r.Mode, ResponseHeaders: r.ResponseHeaders}
	if r.Mode == ModeWebSocket {
		q.URL = "ws" + strings.TrimPrefix(q.URL, "http")
	}
	for _, h := range r.Headers {
		if h.Value != "" {
			q.Headers = append(q.Headers, h.Name+": "+h.Value)
		} else {
			q.Headers = append(q.Headers, h.Name)
		}
	}
	return q
}

// Preflight returns the lines of the CORS-preflight request. See Fetch, "CORS-preflight fetch",
// steps 1 to 5: names sorted, in lower case, joined by "," without a space.
func (r *Request) Preflight() []string {
	lines := append(r.lines("OPTIONS"), "Access-Control-Request-Method: "+r.Method)
	if len(r.Unsafe) > 0 {
		lines = append(lines, "Access-Control-Request-Headers: "+strings.Join(r.Unsafe, ","))
	}
	return lines
}

// Actual returns the lines of the request itself, with content of a length in bytes. An unknown
// value is "(any)".
func (r *Request) Actual(length int) []string {
	lines := r.lines(r.Method)
	for _, h := range r.Headers {
		value := h.Value
		if value == "" {
			value = "(any)"
		}
		lines = append(lines, h.Name+": "+value)
	}
	if r.Mode == ModeWebSocket {
		lines = append(lines, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
	}
	if length > 0 || r.Method == "POST" || r.Method == "PUT" {
		lines = append(lines, "Content-Length: "+strconv.Itoa(length))
	}
	return lines
}

// lines returns the lines that the preflight and the request have in common.
func (r *Request) lines(method string) []string {
	lines := []string{method + " " + r.Target + " HTTP/1.1", "Host: " + r.Host}
	// See Fetch, "append a request Origin header".
	// See Fetch, "append a request `Origin` header": always for CORS and WebSocket requests;
	// else only with a method that is neither GET nor HEAD.
	if r.Mode == ModeWebSocket || !r.Same && r.Mode == ModeCORS || method != "GET" && method != "HEAD" {
		lines = append(lines, "Origin: "+r.Origin)
	}
	// Fetch Metadata is sent to potentially trustworthy URLs only.
	if r.HTTPS || r.loopback() {
		lines = append(lines, "Sec-Fetch-Site: "+r.site(), "Sec-Fetch-Mode: "+r.Mode)
	}
	return lines
}

// site returns the value of Sec-Fetch-Site. See Fetch Metadata, "Sec-Fetch-Site", and HTML,
// "same site": the registrable domain and the scheme must be equal, ports do not matter.
func (r *Request) site() string {
	if r.Same {
		return "same-origin"
	}
	scheme, rest, _ := strings.Cut(r.Origin, "://")
	page, target := string(wire.HostName([]byte(rest))), r.HostName()
	if scheme == r.scheme() && (page == target || registrable(page) != "" && registrable(page) == registrable(target)) {
		return "same-site"
	}
	return "cross-site"
}

// registrable returns the registrable domain of a host, or "" for addresses and public
// suffixes. See URL, "registrable domain".
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

// HostName returns the URL's host without its port.
func (r *Request) HostName() string { return string(wire.HostName([]byte(r.Host))) }

// loopback reports whether the URL's host is this machine to every browser.
func (r *Request) loopback() bool { return isLoopback(r.HostName()) }

// PageOnLoopback reports whether the page's host is.
func (r *Request) PageOnLoopback() bool {
	_, rest, _ := strings.Cut(r.Origin, "://")
	return isLoopback(string(wire.HostName([]byte(rest))))
}

// isLoopback reports whether host is potentially trustworthy without TLS. See Secure Contexts,
// "Is origin potentially trustworthy?".
func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

// Private reports whether the URL's host is, by its address alone, on this machine or in a
// private network.
func (r *Request) Private() bool {
	host := r.HostName()
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return r.loopback() || strings.HasSuffix(host, ".local") || err == nil && (addr.IsPrivate() || addr.IsLinkLocalUnicast())
}
