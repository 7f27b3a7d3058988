package proxy

import "github.com/corsgate/corsgate/gateway/wire"

// This file decides which requests may switch to another protocol. Others are forwarded without
// their Upgrade: a client that requests an upgrade must accept an ordinary HTTP response (RFC 9110,
// section 7.8).

// switches returns the protocol that the request asks for, as it is spelt here, if the route lets it
// through to the upstream, else "". The extended CONNECT of HTTP/2 (RFC 8441) and HTTP/3 (RFC 9220) is read as one.
//
// A WebSocket passes everywhere: browsers open it, policies guard it, and only an upstream that has
// read the key can agree. What any other protocol does in a tunnel is for the route to vouch for.
func (q *request) switches() string {
	r := q.route
	switch {
	case r == nil:
		return ""
	case q.req.WebSocket:
		return "websocket"
	}
	for _, protocol := range r.Upgrades {
		if wire.EqualFold(q.req.Upgrade, protocol) {
			return protocol
		}
	}
	return ""
}

// appendOffers appends the protocols that a response of status 426 requires one of. See RFC 9110, section 15.5.22.
func appendOffers(dst []byte, res *wire.Response) []byte {
	offers := false
	for i := range res.Fields {
		if f := &res.Fields[i]; f.ID == wire.Upgrade && len(f.Value) > 0 {
			dst = appendField(dst, f)
			offers = true
		}
	}
	if offers {
		dst = append(dst, "Connection: upgrade\r\n"...)
	}
	return dst
}

// appendUpgrade appends the fields that ask for, or agree to, the switch: they are hop-by-hop, so each
// hop writes them.
func (q *request) appendUpgrade(dst []byte) []byte {
	dst = append(append(dst, "Connection: Upgrade\r\nUpgrade: "...), q.upgrade...)
	return append(dst, '\r', '\n')
}
