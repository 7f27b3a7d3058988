package proxy

import (
	"net/netip"
	"time"

	"github.com/corsgate/corsgate/gateway/auth"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/edge"
	"github.com/corsgate/corsgate/gateway/report"
	"github.com/corsgate/corsgate/gateway/rewrite"
	"github.com/corsgate/corsgate/gateway/route"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/tlsconf"
	"github.com/corsgate/corsgate/gateway/wire"
)

// A request is what is known of a request, whatever is made of it: what it says, who sends it, and by which configuration and
// route it is handled. After start and find it is only read, with three exceptions: begin chooses one of the routes of a split, and may
// wait to find out who sends it; and an answer that belongs to no route clears the route.
type request struct {
	client
	p       *Proxy
	s       *snapshot.Snapshot
	on      *edge.Listener
	now     time.Time // when it came
	major   int       // version of HTTP by which it came
	content int64     // bytes of content that the request is known to have
	bare    bool      // the listener requires a certificate, and the client has none
	id      []byte    // see requestID

	route            *snapshot.Route // nil: none takes the request
	miss             route.Miss      // why, if nothing more is known
	isPreflight      bool
	asksReady        bool   // the request is for the listener's ready_path
	answersChallenge bool   // it may be an authority's; see answerChallenge
	upgrade          string // the protocol to switch to, if the upstream agrees; "": none

	who   auth.Answer  // who sends it, if the route asks
	steps *[]auth.Step // of a rehearsal: what is said of that; else nil

	host  []byte        // what $host stands for; see capture
	asker rewrite.Asked // what Location is rewritten by; see capture
}

// An arrival is how a request came.
type arrival struct {
	peer     netip.Addr
	identity *tlsconf.Identity // of the client's certificate; nil: it has shown none
	on       *edge.Listener
	major    int   // version of HTTP
	content  int64 // bytes of content that it is known to have
	now      time.Time
}

// start takes what is known of the request that q.req holds.
func (q *request) start(a *arrival) {
	q.s = q.p.current.Load()
	q.on, q.now, q.major, q.content = a.on, a.now, a.major, a.content
	q.bare = a.identity == nil && a.on.ClientAuth != nil && a.on.ClientAuth.Exempt
	q.client.arrive(q.s, a.peer, a.identity, a.on.TLS)
	q.id, q.route = q.id[:0], nil
}

// find chooses the route: a preflight's by the method it asks for. Nothing is counted yet.
func (q *request) find() {
	if q.asksReady = q.on.ReadyPath != "" && string(q.req.Path) == q.on.ReadyPath; q.asksReady {
		q.answersChallenge, q.isPreflight, q.upgrade = false, false, ""
		return
	}
	q.answersChallenge = isChallenge(q.s, q.req)
	q.isPreflight = isPreflight(q.req)
	q.match()
	if q.upgrade = ""; len(q.req.Upgrade) > 0 {
		q.upgrade = q.switches()
	}
	if q.route != nil && q.route.Auth != nil {
		q.recall()
	}
}

// findSalvaged is find for a head that is refused, of which q.req has the parts that could be salvaged: see [wire.Salvage].
func (q *request) findSalvaged() {
	q.answersChallenge, q.asksReady, q.upgrade, q.miss, q.who = false, false, "", route.NoPath, auth.Answer{}
	if q.isPreflight = isPreflight(q.req); len(q.req.Path) > 0 {
		q.match()
	}
}

// match chooses the route: a preflight's by the method it asks for.
func (q *request) match() {
	method := q.req.Method
	if q.isPreflight {
		method = q.req.ACRM
	}
	i, miss := q.s.Table.Find(q.req.Host, q.req.Path, method, q.req.PlainPath)
	if q.miss = miss; i >= 0 {
		q.route = q.s.Routes[i]
	}
}

func isPreflight(req *wire.Request) bool {
	return cors.IsPreflight(req.Method, req.Origin, req.OriginLines, req.ACRM)
}

// answersPreflight reports whether the request is a preflight that the route's policy answers.
func (q *request) answersPreflight() bool {
	if !q.isPreflight || q.route == nil {
		return false
	}
	p := q.route.Policy
	return p != nil && !p.Passthrough()
}

// needsBlocking reports whether the request, if it is forwarded at all, needs what only the blocking
// engine can do. Either answers preflights. To answer a challenge takes a look at a file.
func (q *request) needsBlocking() bool {
	if q.answersChallenge {
		return true
	}
	return q.staysBlocking() || q.route != nil && q.route.Auth != nil && q.who.Waits
}

// staysBlocking is needsBlocking for a reason that the next request of the connection probably has too.
func (q *request) staysBlocking() bool {
	r := q.route
	if r != nil && r.Auth != nil && q.who.Waits && r.Auth.Waits() {
		return true
	}
	if r == nil || r.Upstream == nil && r.Split == nil || q.answersPreflight() || q.req.Flaw != nil {
		return false
	}
	return q.upgrade != "" || q.req.ConnectionAuth || r.Blocking()
}

// protocol returns the same with the name of the protocol.
func (q *request) protocol() string {
	switch {
	case q.major == 3:
		return "HTTP/3.0"
	case q.major == 2:
		return "HTTP/2.0"
	case q.req.Minor == 0:
		return "HTTP/1.0"
	}
	return "HTTP/1.1"
}

// listed returns the request as it is listed.
func (q *request) listed() report.Request {
	return report.Request{Head: q.req, Route: q.route, Config: q.s.Config, HTTPS: q.https, Now: q.now}
}

// takesTrailers reports whether the client takes a trailer section.
func (q *request) takesTrailers() bool { return q.major > 1 || q.req.TakesTrailers }
