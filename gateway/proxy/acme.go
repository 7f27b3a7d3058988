package proxy

import (
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file answers an authority that wants to see whether a name is ours; see package certs.

const challengePath = "/.well-known/acme-challenge/"

// isChallenge reports whether the request looks like an ACME challenge of a certificate authority.
// It costs others the comparison of a few bytes.
func isChallenge(s *snapshot.Snapshot, req *wire.Request) bool {
	path := req.Path
	return s.Certs.ACME != nil && len(path) > len(challengePath) && string(path[:len(challengePath)]) == challengePath &&
		string(req.Method) == "GET" && s.Certs.ACME.Has(string(wire.HostName(req.Host)))
}

// answerChallenge answers an authority. It reports false if there is no such challenge: the request
// may be meant for a server behind the gateway. See RFC 8555, section 8.3.
func (x *response) answerChallenge() bool {
	answer := x.s.Certs.ACME.KeyAuthorization(string(wire.HostName(x.req.Host)), string(x.req.Path[len(challengePath):]))
	if answer == "" {
		return false
	}
	x.route, x.status = nil, 200
	out := edge.AppendStatusLine(x.out[:0], x.status)
	out = append(out, "Content-Type: application/octet-stream\r\n"...)
	x.out = x.appendContent(x.appendShareExposing(x.appendOwn(out), nil, nil), answer)
	return true
}
