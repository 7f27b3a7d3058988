package cors

// A Reason says why a policy decided as it did. Reasons of denials are ordered like the checks
// that give them, and those are a browser's:
//
//	NoOrigin                         not a CORS request: there is nothing to decide
//	Origin…      CORS check          steps 1 to 8
//	Method…      CORS-preflight fetch, step 7.5
//	Header…      CORS-preflight fetch, steps 7.6 and 7.7
//
// A policy returns the first that applies. So the reason in a log, in Cors-Refused and in
// explain is about the same field as the message in the browser's console.
type Reason uint8

// The reasons. Their codes are labels of metrics and part of what explain prints: they never
// change.
const (
	Allowed              Reason = iota // the response is shared
	NoOrigin                           // not a CORS request
	OriginRepeated                     // more than one Origin field line
	OriginMalformed                    // not a serialized origin
	OriginNullNotAllowed               // the opaque origin, which the policy does not list
	OriginNotAllowed                   // no pattern matches
	MethodRepeated                     // more than one Access-Control-Request-Method field line
	MethodMalformed                    // not a token
	MethodForbidden                    // a method that browsers refuse to send: CONNECT, TRACE, TRACK
	MethodNotAllowed                   // neither safelisted nor listed
	HeadersTooLong                     // more names, empty elements or bytes than a browser has use for
	HeaderMalformed                    // a header name that is not a token
	HeaderNotAllowed                   // a header name that is not listed
)

// NumReasons is the number of reasons; all are below it.
const NumReasons = int(HeaderNotAllowed) + 1

// String returns the code of r, such as "origin-not-allowed".
func (r Reason) String() string {
	switch r {
	case Allowed:
		return "allowed"
	case NoOrigin:
		return "no-origin"
	case OriginRepeated:
		return "origin-repeated"
	case OriginMalformed:
		return "origin-malformed"
	case OriginNullNotAllowed:
		return "origin-null-not-allowed"
	case OriginNotAllowed:
		return "origin-not-allowed"
	case MethodRepeated:
		return "method-repeated"
	case MethodMalformed:
		return "method-malformed"
	case MethodForbidden:
		return "method-forbidden"
	case MethodNotAllowed:
		return "method-not-allowed"
	case HeadersTooLong:
		return "headers-too-long"
	case HeaderMalformed:
		return "header-malformed"
	case HeaderNotAllowed:
		return "header-not-allowed"
	}
	return "unknown"
}
