// Package token judges JSON Web Tokens (RFC 7519) by rules that are configured, never by what a token says of itself (RFC 8725).
// It knows nothing of HTTP, and does no I/O. It is internal to corsgate.
package token
