// Package cors is the server side of the CORS protocol as pure functions over bytes: given a policy and the fields
// of a request, which fields does the response carry, and why.
//
// Of the Fetch standard it implements what concerns servers in "CORS protocol" (CORS request,
// CORS-preflight request, HTTP responses, HTTP extensions), and mirrors the browser's half,
// "CORS-preflight fetch" and "CORS check", in the order of its checks: origin, method, header
// names. The name classes come from "Methods" and "Headers": safelisted, forbidden, normalised. The
// rules about Vary come from "CORS protocol and HTTP caches". Timing-Allow-Origin is Resource
// Timing's, Cross-Origin-Resource-Policy is Fetch's again.
//
// A [Policy] is compiled once by [New], which is also the linter: it reports every mistake of a configuration at
// once. Whatever a policy says later was rendered then; a request only adds its own Origin and, where a policy with
// credentials lists "*", the method and header names that it asked for, after they were checked.
//
// # Use
//
// Behind net/http, take gateway/cors/nethttp, or the example below for one without it. Behind anything else, ask
// [IsPreflight] of each request; answer a preflight with the lines of [Policy.AppendPreflight] and
// [Policy.PreflightStatus], or [Policy.RefusedStatus] if the reason is not [Allowed]; and put the lines of [Policy.AppendActual], and of [AppendVary] if
// [Policy.VaryOrigin], on every other response, errors included, in place of all fields that the policy owns
// ([Policy.Owns]). Lines are complete: "Name: value\r\n". A slice given is never kept.
//
// The package has no dependency but matcher and golang.org/x/net, for the list of public suffixes and for IDNA.
//
// The package refuses to know: HTTP messages and their parser, routes, upstreams, status codes other than a
// preflight's, time, logs. It does not decide whether a request may reach an upstream: CORS is not access control.
// The preflight cache is the browser's; ours, if there is one, sits in front of this package.
package cors
