package wire_test

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/corsgate/corsgate/gateway/wire"
)

// This file holds the slow twins of the decoder of chunked content and of Identify.

var (
	chunkLineShape = regexp.MustCompile(`^([0-9A-Fa-f]{1,16})((?:;` + tokenClass + `+(?:=(?:` + tokenClass + `+|"(?:[^\x00-\x08\x0a-\x1f\x7f"\\]|\\[^\x00-\x08\x0a-\x1f\x7f])*"))?)*)$`)
	trailerShape   = fieldShape
)

// slowChunks decodes the chunked content that s begins with. It returns the content, the lines of the trailer section as a head
// would have them, how much of s it took, and whether it is complete and acceptable.
func slowChunks(s string) (content, trailers string, size int, ok bool) {
	all, waste := s, 0
	for {
		line, rest, found := strings.Cut(s, "\r\n")
		m := chunkLineShape.FindStringSubmatch(line)
		if !found || m == nil || len(line)+2 > 4095 {
			return "", "", 0, false
		}
		n, err := strconv.ParseUint(m[1], 16, 62)
		if waste = max(0, waste+len(line)+2-16-int(min(n, 4095))); err != nil || waste > 16<<10 {
			return "", "", 0, false
		}
		if s = rest; n == 0 {
			break
		}
		if uint64(len(s)) < n+2 || s[n:n+2] != "\r\n" {
			return "", "", 0, false
		}
		content += s[:n]
		s = s[n+2:]
	}
	section := 0
	for lines := 0; ; lines++ {
		line, rest, found := strings.Cut(s, "\r\n")
		if section += len(line) + 2; !found || section > 16<<10 || lines > 128 || len(trailers)+2 > 16<<10 {
			return "", "", 0, false
		}
		if s = rest; line == "" {
			return content, trailers, len(all) - len(s), true
		}
		m := trailerShape.FindStringSubmatch(line)
		if lines == 128 || m == nil {
			return "", "", 0, false
		}
		const blanks = " \t"
		if len(trailers+m[1]+": "+strings.TrimLeft(m[2], blanks))+2 > 16<<10 {
			return "", "", 0, false
		}
		trailers += m[1] + ": " + strings.Trim(m[2], blanks) + "\r\n"
	}
}

var fieldIDs = map[string]wire.FieldID{
	"location": wire.Location, "content-location": wire.ContentLocation, "refresh": wire.Refresh, "set-cookie": wire.SetCookie,
	"host": wire.Host, "content-length": wire.ContentLength, "content-type": wire.ContentType, "date": wire.Date,
	"expect": wire.Expect, "vary": wire.Vary, "via": wire.Via, "sec-fetch-site": wire.SecFetchSite, "origin": wire.Origin,
	"access-control-request-method":          wire.AccessControlRequestMethod,
	"access-control-request-headers":         wire.AccessControlRequestHeaders,
	"access-control-request-private-network": wire.AccessControlRequestPrivateNetwork,
	"access-control-allow-origin":            wire.AccessControlAllowOrigin,
	"sec-websocket-key":                      wire.SecWebSocketKey, "sec-websocket-accept": wire.SecWebSocketAccept,
	"connection": wire.Connection, "transfer-encoding": wire.TransferEncoding, "upgrade": wire.Upgrade, "te": wire.TE,
	"trailer": wire.Trailer, "keep-alive": wire.KeepAlive, "proxy-connection": wire.ProxyConnection,
	"proxy":              wire.Proxy,
	"proxy-authenticate": wire.ProxyAuthenticate, "proxy-authorization": wire.ProxyAuthorization,
	"http2-settings": wire.HTTP2Settings, "forwarded": wire.Forwarded, "x-forwarded-for": wire.XForwardedFor,
	"x-forwarded-proto": wire.XForwardedProto, "x-forwarded-host": wire.XForwardedHost, "x-real-ip": wire.XForwardedOther,
	"x-request-id": wire.XRequestID, "traceparent": wire.TraceParent, "tracestate": wire.TraceState,
	"x-original-url": wire.XOriginal, "x-rewrite-url": wire.XOriginal, "x-original-uri": wire.XOriginal, "x-rewrite-uri": wire.XOriginal,
	"x-original-host": wire.XOriginal, "x-host": wire.XOriginal, "x-http-host-override": wire.XOriginal,
	"x-envoy-original-path": wire.XOriginal, "x-script-name": wire.XOriginal,
	"x-client-ip": wire.XForwardedOther, "x-cluster-client-ip": wire.XForwardedOther, "true-client-ip": wire.XForwardedOther,
	"cf-connecting-ip": wire.XForwardedOther, "fastly-client-ip": wire.XForwardedOther, "x-original-forwarded-for": wire.XForwardedOther,
	"authorization": wire.Authorization, "www-authenticate": wire.WWWAuthenticate,
}

// slowIdentify is Identify for a name in lower case.
func slowIdentify(name string) wire.FieldID {
	if id, ok := fieldIDs[name]; ok {
		return id
	}
	if len(name) > 12 && strings.HasPrefix(name, "x-forwarded-") {
		return wire.XForwardedOther
	}
	return wire.Other
}
