// Package cors is the server side of the CORS protocol as pure functions over bytes: from a
// policy and the fields of a request it determines the CORS fields of the response, and the
// reason.
//
// It implements the server's part of "CORS protocol" in the Fetch standard (CORS request,
// CORS-preflight request, HTTP responses, HTTP extensions), and mirrors the browser's part,
// "CORS-preflight fetch" and "CORS check", in the order of its checks: origin, method, header
// names. The name classes come from "Methods" and "Headers": safelisted, forbidden, normalised. The
// rules about Vary come from "CORS protocol and HTTP caches". Timing-Allow-Origin is defined in
// Resource Timing, Cross-Origin-Resource-Policy in Fetch.
//
// [New] compiles a [Policy] once, and reports every mistake of its configuration at once. It
// also renders the response fields in advance: a request only adds its own Origin and, if a
// policy with credentials lists "*", the method and header names that it requests, after they
// were checked.
//
// # Use
//
// With net/http, use gateway/cors/nethttp, or the example below. With any other server, call
// [IsPreflight] for each request; answer a preflight with the lines of [Policy.AppendPreflight]
// and [Policy.PreflightStatus], or [Policy.RefusedStatus] if the reason is not [Allowed]; and
// put the lines of [Policy.AppendActual], and of [AppendVary] if [Policy.VaryOrigin], on every
// other response, errors included, in place of all fields that the policy owns ([Policy.Owns]).
// Lines are complete: "Name: value\r\n". Arguments are not retained.
//
// The package depends only on matcher and, for the list of public suffixes and for IDNA,
// golang.org/x/net.
//
// Out of scope are HTTP messages and their parser, routes, upstreams, status codes other than a
// preflight's, time, and logs. The package does not decide whether a request may reach an
// upstream: CORS is not access control. "Preflight cache" means the browser's; a cache at the
// server sits in front of this package.
package cors
