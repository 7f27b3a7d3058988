// Package upstream knows the servers behind the gateway: the endpoints of an upstream, which of them may be used, how many
// exchanges each has, and where an exchange is attempted, and again.
//
//	transport            one exchange, blocking: upload, response, tunnel
//	  │                    (the event loop makes its own)
//	upstream             endpoints and their condition, queues, retries
//	├─ balance             who is chosen
//	├─ conn                connections to one server
//	└─ discover            the servers that a name stands for
//
// An exchange is repeated only when nothing of it can have been processed, or when its
// method is safe and no byte of a response has come.
package upstream
