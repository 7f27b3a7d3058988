// Package wire reads HTTP/1.1 messages: one scan of a head that validates, classifies and
// keeps the bytes where they are, and an incremental decoder of chunked content.
//
// It is the only parser of HTTP/1.1 in corsgate. Both sides of the gateway and both of its
// engines use it, so that no two parts can disagree on where a message ends. Strict is the
// only mode: messages that RFC 9112 lets a recipient repair are refused, because every repair
// is a difference from some other parser on the path. The rules are:
//
//   - lines end in CRLF; a bare CR or LF is malformed;
//   - names are tokens, directly followed by the colon; values contain no control byte except HTAB;
//   - no line folding;
//   - at most one Content-Length, plain decimal, without leading zeros in a request (some
//     servers pad it in responses); at most one Transfer-Encoding, exactly "chunked"; never
//     both;
//   - one valid Host; a target in absolute-form names the same authority;
//   - everything is bounded.
//
// A head is read once, from left to right, and its parts are slices of the buffer:
//
//	GET /items?page=2 HTTP/1.1\r\n        Host: api.example\r\n   …   \r\n   {"a":1}
//	└┬┘ └─┬──┘└──┬──┘          └┬┘        └┬─┘  └────┬────┘                └─ content: not read here
//	Method Path Query         Minor      Name     Value (a Field)
//
// Nothing is decoded and nothing is copied: every slice aliases the caller's buffer and is
// valid until the caller changes that buffer. The package imports the standard
// library only and does no I/O.
package wire
