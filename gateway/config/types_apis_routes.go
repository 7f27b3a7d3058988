package config

import (
	"time"
)

// This file declares the tables [route.NAME] and their contents.

// Route is [route.NAME]. Exactly one of upstream, split, redirect and respond is required.
type Route struct {
	// Name is the table's name.
	Name string
	// Hosts are lower-case host names, IP addresses (IPv6 in brackets) and "*.example.com". Default none: any host.
	Hosts []string
	// Path is a prefix of whole segments. Default "/".
	Path string
	// Methods are case-sensitive. Default none: all methods.
	Methods []string
	// CORS names a policy. Default "": the upstream decides about CORS.
	CORS string
	// Upstream names the upstream to forward to. Default "".
	Upstream string
	// Split divides the requests among upstreams. Default: not set.
	Split []SplitShare
	// SplitKey identifies the requests that always go to the same upstream of a split: "client_ip", "header:NAME" or
	// "cookie:NAME". Default "": the upstream is chosen for each request.
	SplitKey string
	// Mirror copies requests to another upstream. Default: not set.
	Mirror *Mirror
	// Redirect answers with a redirect. Default: not set.
	Redirect *Redirect
	// Respond answers with a fixed response. Default: not set.
	Respond *Respond
	// Auth names the tables [auth.NAME] one of which must admit a request. Preflights that the policy answers never need it.
	// Default none: no authentication is needed.
	Auth []string
	// AuthOptional: requests without credentials are forwarded without an identity; those with bad credentials are still
	// refused. Default false.
	AuthOptional bool
	// Allow are the client addresses and networks whose requests are admitted, and "@FILE" for those in a file, one a line,
	// which is watched; others are answered 403. Default none: all.
	Allow []string
	// Deny are the addresses and networks that are refused, in the same form; they win over [Route.Allow]. Default none.
	Deny []string
	// Limit names a rate limit. Default "": none.
	Limit string
	// Limits names several rate limits: a request counts in all of them if all of them admit it, else in none. The
	// response reports the one with the least left. Default none.
	Limits []string
	// StripPrefix is a prefix of [Route.Path], of whole segments, that is removed before forwarding. Default "".
	StripPrefix string
	// AddPrefix is prepended to the path after that. Default "".
	AddPrefix string
	// LocationRewrite "auto" translates the upstream's own URLs back to those that clients use:
	// host, scheme, [Route.StripPrefix] and [Route.AddPrefix] are reversed in Location,
	// Content-Location and Refresh, and in the Path and Domain of cookies (a Path of "/"
	// stays). URLs on other hosts are left alone. "off" passes all of them unchanged. Default
	// "auto".
	LocationRewrite string
	// Timeout bounds the whole exchange, from the request to the last byte of the response;
	// "0s": no bound. "auto": the response must begin within 60 s of the request, or of the
	// last piece of an upload, and may then take as long as it flows. A download is then
	// bounded by the upstream's [Upstream.IdleTimeout]; a WebSocket, another tunnel, an event
	// stream or a gRPC stream by the route's [Route.IdleTimeout]. Default "auto".
	Timeout time.Duration
	// IdleTimeout bounds the time without a byte in either direction on a WebSocket, another
	// tunnel, an event stream or a gRPC stream; the upstream's [Upstream.IdleTimeout] bounds
	// other responses. Exceeding it is a failure of the stream, not of the endpoint. "0s": no
	// bound. Default "": [Timeouts.Idle] (tunnels) or the upstream's [Upstream.IdleTimeout]
	// (streams) where they differ from their defaults, else 5m.
	IdleTimeout *time.Duration
	// BodyBytes replaces [Limits.BodyBytes] for this route. Default: not set.
	BodyBytes *ByteSize
	// Upgrades are the protocols, "name" or "name/version", case-insensitive, that HTTP/1.1
	// clients may switch to besides WebSocket. Default none: Upgrade is dropped and the request
	// forwarded.
	Upgrades []string
	// Priority is the order of load shedding: "low" is shed at 85 % of [Limits.InFlight],
	// "normal" (default) at 95 %, "high" at 100 %. Each priority leaves at least 4 places, or a
	// quarter of all if that is less, to the next higher one.
	Priority string
	// RequestSetHeaders are fields to set on the request before it is forwarded. In values,
	// $client_ip, $request_id, $host and $scheme are replaced by those of the request, and $$
	// by a dollar sign. So are $client_cert_subject, $client_cert_san ("DNS:a.example,
	// URI:spiffe://example/b") and $client_cert_fingerprint (SHA-256, hex); if the client has
	// no certificate, or the certificate no such names, the whole field is left out. The
	// client's own field never passes. Default none.
	RequestSetHeaders map[string]string
	// RequestRemoveHeaders are fields to remove from the request before it is forwarded. Default none.
	RequestRemoveHeaders []string
	// ResponseSetHeaders are fields to set on the response. Default none.
	ResponseSetHeaders map[string]string
	// ResponseRemoveHeaders are fields to remove from the response. Default none.
	ResponseRemoveHeaders []string
}

// SplitShare is an element of split in [route.NAME].
type SplitShare struct {
	// Upstream names an upstream.
	Upstream string
	// Weight is its share of the requests, relative to the other weights: 0 to 1000. At least one is above 0.
	Weight int
}

// Mirror is mirror = { … } of a route.
type Mirror struct {
	// Upstream names the upstream that receives copies of requests. Its responses are discarded.
	Upstream string
	// Share is the share of the requests that is copied, 0 to 1. Default 1.
	Share float64
}

// Redirect is redirect = { … } of a route.
type Redirect struct {
	// To is an http or https URL, or a path; "$path" in it stands for the path of the request
	// after [Route.StripPrefix] and [Route.AddPrefix].
	To string
	// Status is 301, 302, 303, 307 or 308. Default 308.
	Status int
}

// Respond is respond = { … } of a route.
type Respond struct {
	// Status is 200 to 599. Default 200.
	Status int
	// Body is the content. Default "". Always "" for 204, 205 and 304.
	Body string
	// ContentType is the Content-Type of a body. Default "text/plain".
	ContentType string
}
