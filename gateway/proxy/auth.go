package proxy

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/corsgate/corsgate/gateway/auth"
	"github.com/corsgate/corsgate/gateway/upstream"
	"github.com/corsgate/corsgate/gateway/upstream/transport"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file asks who sends a request, and answers those who may not; see package auth. A preflight that the policy answers is
// never asked: browsers send it without credentials.

// recall finds out who it is as far as that can be known at once; the rest is for settle, on a goroutine.
// Precondition: the route asks.
func (q *request) recall() {
	q.who = auth.Answer{}
	if q.answersPreflight() || q.req.Flaw != nil || q.bare || q.on.RedirectHTTPS && !q.https {
		return // it is answered without
	}
	subject := q.subject()
	if q.steps != nil {
		q.who = q.route.Auth.Settle(&subject, nil)
		return
	}
	q.who = q.route.Auth.Recall(&subject)
}

// subject returns the request as auth sees it.
func (q *request) subject() auth.Subject {
	s := auth.Subject{Request: q.req, Client: q.address, Host: q.asked(), Now: q.now, Steps: q.steps}
	if q.identity != nil {
		s.Certified, s.Names = true, q.identity.Names
	}
	return s
}

// admitted reports whether the request may pass. It waits if it has to, which it never does on an event loop: see elsewhere.
// Precondition: the route asks.
func (q *request) admitted() bool {
	if q.who.Waits {
		subject := q.subject()
		q.who = q.route.Auth.Settle(&subject, q)
	}
	return q.who.Admitted
}

// found returns who was found, or nil.
func (q *request) found() *auth.Identity {
	if q.route == nil || q.route.Auth == nil {
		return nil
	}
	return q.who.Identity
}

// exposedChallenge is what pages may read of a refusal.
var exposedChallenge = [][]byte{[]byte("WWW-Authenticate, X-Request-Id")}

// refuseAuth answers a request that may not pass.
func (x *response) refuseAuth() {
	r := x.who.Refusal
	x.failure = r.Code
	if r.Decision != nil {
		x.passRefusal(r)
		return
	}
	if r.Status == 503 { // it is not known who it is
		x.close(append(x.open(r.Status), "Retry-After: 1\r\n"...), r.Text, "\n")
		return
	}
	x.closeExposing(appendChallenge(x.open(r.Status), r.Challenges), exposedChallenge, r.Text, "\n")
}

func appendChallenge(dst, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	return append(append(append(dst, "WWW-Authenticate: "...), value...), "\r\n"...)
}

// passRefusal answers with what another server says. A script that is to go to a login cannot: it would follow the redirect,
// and fail there as if CORS were to blame. So it gets a 401.
func (x *response) passRefusal(r *auth.Refusal) {
	d := r.Decision
	status, location := d.Status, d.Location
	if len(location) > 0 && x.who.Table.Config.Login == "auto" && x.isScript() {
		status, location = 401, nil
	}
	dst := append(x.open(status), d.Fields...)
	if len(location) > 0 {
		dst = append(append(append(dst, "Location: "...), location...), "\r\n"...)
	}
	dst = appendChallenge(dst, r.Challenges)
	if status == 401 && !d.Challenged && len(r.Challenges) == 0 {
		dst = appendChallenge(dst, r.Challenge(x.who.Table))
	}
	dst = x.appendShareVarying(dst, editsFor(x.route, status), exposedChallenge, d.Vary)
	x.out = x.appendContent(dst, string(d.Content))
}

// isScript reports whether the request is one that a script has made, and no navigation. Clients that do not say are none.
func (x *response) isScript() bool {
	lines, navigates := 0, true
	for i := range x.req.Fields {
		if f := &x.req.Fields[i]; wire.EqualFold(f.Name, "Sec-Fetch-Mode") {
			lines++
			navigates = string(f.Value) == "navigate"
		}
	}
	return lines > 1 || !navigates
}

// Ask is part of auth.Asker. It is called on a goroutine.
func (q *request) Ask(t *auth.Table) *auth.Decision {
	f := t.Forward()
	to := q.s.Upstreams[f.Upstream]
	if to == nil {
		return nil // the parser has said so
	}
	ask := transport.Exchange{Method: []byte("GET"), Head: q.appendQuestion(nil, f, to.Pool), Now: q.now}
	if to.Config.SendProxyProtocol {
		from := net.TCPAddrFromAddrPort(netip.AddrPortFrom(q.address, 0))
		ask.Source, ask.Target = from, from
	}
	a := upstream.Attempts{To: to.Pool, Deadline: time.Now().Add(f.Timeout), Idempotent: true}
	a.Begin()
	err := ask.Do(&a)
	if err == nil {
		defer func() { ask.End(time.Now()) }()
		to.Count(ask.Endpoint, ask.Response.Status)
		d := t.Judge(ask.Response) // the head is gone once content is read
		if d.Identity != nil {
			drain(&ask)
			return d
		}
		if d.Content, err = contentOf(&ask); err == nil {
			return d
		}
	}
	q.p.warnAuth(t.Name, f.Upstream, string(q.requestID()), err)
	return nil
}

// contentOf reads the content of a refusal, up to a bound.
func contentOf(ask *transport.Exchange) (content []byte, err error) {
	for {
		data, err := ask.Next()
		switch {
		case err == io.EOF:
			return append(content, data...), nil
		case err != nil:
			return nil, err
		}
		if content = append(content, data...); len(content) > auth.MaxContent {
			return nil, errLongRefusal
		}
	}
}

// drain reads the content of an admission, which is not used, so that the connection can be kept.
func drain(ask *transport.Exchange) {
	for read := 0; read < auth.MaxContent; {
		data, err := ask.Next()
		if read += len(data); err != nil {
			return
		}
	}
}

// appendQuestion appends the request that asks about x.
func (q *request) appendQuestion(dst []byte, f *auth.Forward, to *upstream.Upstream) []byte {
	r := q.req
	dst = append(append(append(dst, "GET "...), f.Path...), " HTTP/1.1\r\nHost: "...)
	dst = append(append(dst, to.Host(r.Host)...), "\r\nX-Forwarded-Method: "...)
	dst = append(append(dst, r.Method...), "\r\nX-Forwarded-Proto: "...)
	dst = append(dst, q.scheme()...)
	if host := q.asked(); len(host) > 0 {
		dst = append(append(dst, "\r\nX-Forwarded-Host: "...), host...)
	}
	dst = append(append(dst, "\r\nX-Forwarded-Uri: "...), r.Path...)
	dst = q.route.Auth.AppendQuery(dst, r.Query)
	dst = append(dst, "\r\nX-Forwarded-For: "...)
	dst = append(append(q.appendEarlier(dst, wire.XForwardedFor), q.peerText...), "\r\n"...)
	for i := range r.Fields {
		field := &r.Fields[i]
		for _, name := range f.Send {
			if len(name) == len(field.Name) && wire.EqualFold(field.Name, name) && !isQuestionField(name) {
				dst = appendField(dst, field)
				break
			}
		}
	}
	return append(dst, "\r\n"...)
}

// isQuestionField reports whether a field is the gateway's own to write in a question.
func isQuestionField(name string) bool {
	switch wire.Identify([]byte(name)) {
	case wire.XForwardedFor, wire.XForwardedHost, wire.XForwardedProto:
		return true
	}
	return wire.EqualFold([]byte(name), "X-Forwarded-Method") || wire.EqualFold([]byte(name), "X-Forwarded-Uri")
}

// appendIdentity appends the lines that say who was found, and what is left of the subprotocols where one is a token.
func (q *request) appendIdentity(dst []byte) []byte {
	if i := q.who.Identity; i != nil {
		dst = append(dst, i.Fields...)
	}
	if q.route.Auth.TakesProtocol() {
		dst = auth.AppendProtocols(dst, q.req)
	}
	return dst
}

// appendBearer appends the subprotocol that a client has offered with its token, if the upstream has chosen none: a browser that
// has offered some fails the WebSocket otherwise.
func (x *response) appendBearer(dst []byte, res *wire.Response) []byte {
	if !x.route.Auth.TakesProtocol() || !auth.OffersBearer(x.req) {
		return dst
	}
	for i := range res.Fields {
		if auth.IsProtocolField(&res.Fields[i]) {
			return dst
		}
	}
	return append(dst, auth.BearerLine...)
}

var errLongRefusal = errors.New("the content of its refusal is longer than 64 KiB")

// warnAuth logs that another server did not say who somebody is, at most once per second.
func (p *Proxy) warnAuth(table, upstream, id string, err error) {
	p.unasked.Warn(p.log, "authoriser failed", "auth", table, "upstream", upstream, "request_id", id, "error", err.Error())
}
