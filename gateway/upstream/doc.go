// Package upstream manages the servers behind the gateway: the endpoints of an upstream, which of them may be used, how many
// exchanges each has, and where an exchange is attempted and retried.
//
//	transport            one exchange, blocking: upload, response, tunnel
//	  │                    (the event loop makes its own)
//	upstream             endpoints and their health, queues, retries
//	├─ balance             the choice of an endpoint
//	├─ conn                connections to one server
//	└─ discover            resolution of names to servers
//
// An exchange is retried only if no part of it can have been processed, or if its method is
// safe and no byte of a response has arrived.
package upstream
