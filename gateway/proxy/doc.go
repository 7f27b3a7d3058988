// Package proxy handles one request, from its head to the end of the response. It does not use sockets itself: two engines
// drive it, a goroutine for each connection and the event loops. It is internal to the gateway.
//
// # A request's life
//
//	start     the connection, the client, the configuration     request.go, client.go
//	find      the route                                         request.go
//	begin     answered here?                                    exchange.go lists the reasons
//	            yes: the response                                 own.go, share.go, and a file for each reason
//	            no: a request for the upstream                    forward.go, fields.go, attempts.go
//	          an engine makes the exchange with the upstream    blocking.go, or looped.go with package loop
//	            it fails, or breaks off                           failed.go
//	finish    the head of the response                          exchange.go, passing.go, share.go
//	account   counters, a line in the log, a span               account.go, tracing.go
//
// # What may touch what
//
// Five types share the work. Each embeds the one before it, and cannot reach those after it:
//
//	client              who sends the request, as far as that is believed
//	request             and what it asks for, with its route; see there when it is only read
//	response            and what is written to the client, and the policy's verdict
//	exchange            and the request for the upstream, the attempts, the record
//	blocking, looped    and what only that engine has: the connection, the content on its way
//
// So a question about a request is a method of request, and an answer is one of response; only what decides between them is
// one of exchange. What needs two values is a plain function, and what needs no exchange at all is in a package of its own:
// see packages overload, report, ratelimit, rewrite, backend.
//
// What all requests share is a [Proxy]: one pointer to the current configuration, the log, counters, lists.
package proxy
