package cors

// This file makes the answer from which a browser can tell what a policy refuses. A browser
// stops at a status that is not an ok status (Fetch, CORS-preflight fetch, step 7), and its
// message says no more than that; given the lists of what is allowed it says which method or
// header is not in them:
//
//	403, Vary                        "Response to preflight request doesn't pass access control check: It does
//	                                 not have HTTP ok status."
//	204, the lists, Vary             "Request header field x-trace is not allowed by
//	                                 Access-Control-Allow-Headers in preflight response."
//
// The rules are:
//
//   - the origin is allowed: other origins learn nothing;
//   - a browser that reads the answer refuses the request, whatever its credentials mode is. So
//     the list that the refusal is about has no "*", which stands for more in some browsers
//     than it does here, and a refusal that no list expresses, such as that of too many names,
//     keeps its 403;
//   - what was not checked is not echoed;
//   - there is no Access-Control-Max-Age: there is nothing to remember, and a browser stores an
//     entry only for what passed (steps 7.12 to 7.15 come after the checks).

// refuse fills in the statuses of refused preflights, once: a request then reads an array.
func (p *Policy) refuse(lists bool) {
	for i := range p.refused {
		p.refused[i] = 403
	}
	if lists && !p.anyMethod {
		p.refused[MethodMalformed], p.refused[MethodForbidden], p.refused[MethodNotAllowed] = 204, 204, 204
	}
	if lists && !p.anyHeader {
		p.refused[HeaderMalformed], p.refused[HeaderNotAllowed] = 204, 204
	}
}

// appendLists appends the lists of the policy for the origin of req. Precondition: req is
// refused, with the status 204.
func (p *Policy) appendLists(dst []byte, req *Preflight) []byte {
	dst = p.appendAllowOrigin(dst, "Access-Control-Allow-Origin: ", req.Origin)
	dst = append(dst, p.credentialsLine...)
	dst = append(dst, p.methodsLine...)
	if p.anyMethod && p.credentials { // then the reason is a header's, and the method has passed its check
		dst = appendMethod(dst, req.Method)
	}
	return append(dst, p.headersLine...) // none where it would echo: then the reason is the method's
}
