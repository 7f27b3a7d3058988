package gateway

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/route"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file makes an exchange that nobody notices: the request is parsed and decided by what serves all others (Parse,
// begin, finish), but what it counts goes into metrics of its own, nothing is remembered, and no upstream is asked. The
// rules are:
//
//   - https is what a trusted proxy says it is: the request has an X-Forwarded-Proto then, which is not shown;
//   - what the upstream would say is taken to be a plain 200 without fields that matter.

// A run is one request and what the gateway makes of it.
type run struct {
	lines    []string // of the request, as a browser sends it
	x        *exchange
	miss     route.Miss
	fault    *wire.Fault // the request is refused before it is looked at
	answered bool        // here, in full
}

// asidePeer is who asks.
var asidePeer = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// asideID is the id that all such requests have, so that the same question has the same answer.
const asideID = "00000000000000000000000000000000"

// plainResponse is what the upstream says.
const plainResponse = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n"

// aside makes the exchange of a request that is given by its lines.
func aside(s *snapshot.Snapshot, lines []string, a *inquiry) *run {
	text := strings.Join(lines, "\r\n") + "\r\n"
	if a.HTTPS {
		text += "X-Forwarded-Proto: https\r\n"
	}
	g := &Gateway{log: slog.New(slog.DiscardHandler), metrics: a.metrics, pseudonym: "cg-explain"}
	r := &run{lines: lines, x: &exchange{g: g, req: new(wire.Request)}}
	req := r.x.req
	n, fault := req.Parse([]byte(text+"\r\n"), s.Edge.Limits)
	if fault != nil {
		r.fault, r.answered = fault, true
		var salvage wire.Salvage
		salvage.Feed([]byte(text + "\r\n"))
		salvage.Request(req)
	}
	if n == 0 && fault == nil {
		panic("BUG: the request of an inquiry has no end: " + text)
	}
	method := req.Method
	if cors.IsPreflight(req.Method, req.Origin, req.OriginLines, req.ACRM) {
		method = req.ACRM
	}
	var i int
	i, r.miss = s.Table.Find(req.Host, req.Path, method, req.PlainPath)
	g.current.Store(quiet(s, a.metrics, i, a.HTTPS))
	r.x.start(asidePeer, nil, listenerFor(s, a), fault != nil, 0, time.Now())
	r.x.id = append(r.x.id, asideID...)
	if fault != nil {
		r.x.reject(fault)
		return r
	}
	r.x.find()
	if r.answered = r.x.begin(); !r.answered {
		var res wire.Response
		if _, fault := res.Parse([]byte(plainResponse), s.Edge.Limits); fault != nil {
			panic("BUG: the plain response is refused: " + fault.Reason)
		}
		r.x.finish(&res)
	}
	return r
}

// quiet returns a copy of s in which route i counts into m, and which neither remembers preflights nor, unless trusting is
// set, believes anybody.
func quiet(s *snapshot.Snapshot, m *metrics.Metrics, i int, trusting bool) *snapshot.Snapshot {
	q := *s
	q.Preflights, q.Proxies = nil, nil
	if trusting {
		q.Proxies = []netip.Prefix{netip.PrefixFrom(asidePeer, asidePeer.BitLen())}
	}
	if i >= 0 {
		c := &s.Config.Routes[i]
		r := *s.Routes[i]
		r.Metrics = m.Route(c.Name, c.CORS, c.Upstream)
		r.Shadow, r.Limit = nil, nil // they would count
		q.Routes = append([]*snapshot.Route(nil), s.Routes...)
		q.Routes[i] = &r
	}
	return &q
}

// owned reports whether what is said of CORS in the answer is the gateway's word, not the upstream's.
func (r *run) owned() bool {
	return r.answered || r.x.route.Policy != nil && !r.x.route.Policy.Passthrough()
}

// status returns the status code of an answer of the gateway, or 0.
func (r *run) status() int {
	switch {
	case r.fault != nil:
		return r.fault.Status
	case r.answered:
		return r.x.status
	}
	return 0
}

// target returns what stands in the request line for the upstream.
// Precondition: the request is not answered here.
func (r *run) target() string {
	_, line, _ := strings.Cut(string(r.x.head), " ")
	target, _, _ := strings.Cut(line, " ")
	return target
}

// header returns the lines of the answer's head and its content, as far as they are the gateway's.
func (r *run) header() (lines []string, content string) {
	head, rest, _ := bytes.Cut(r.x.out, []byte("\r\n\r\n"))
	lines = strings.Split(string(head), "\r\n")
	if r.answered {
		return lines, string(rest)
	}
	fields := []string{}
	if !r.owned() {
		return fields, ""
	}
	for _, line := range lines[1:] {
		if name, _, _ := strings.Cut(line, ":"); name != "Date" && name != "Content-Length" && name != "Connection" {
			fields = append(fields, line)
		}
	}
	return fields, ""
}

// answer returns what a browser is told, or nil if r is.
func (r *run) answer() *fetch.Answer {
	if r == nil {
		return nil
	}
	a := &fetch.Answer{Status: r.status(), Header: http.Header{}, Open: !r.owned()}
	lines, _ := r.header()
	for _, line := range lines {
		if name, value, ok := strings.Cut(line, ": "); ok {
			a.Header.Add(name, value)
		}
	}
	x := r.x
	if a.Guarded = r.fault == nil && x.route != nil && x.route.Policy != nil; a.Guarded && x.noted && a.Status == 403 {
		a.Refused = x.reason.String()
	}
	return a
}

// explained returns r for people and programs.
func (r *run) explained() *ExplainedExchange {
	e := &ExplainedExchange{Request: r.lines, AnsweredBy: "upstream", Status: r.status()}
	if r.answered {
		e.AnsweredBy = "gateway"
	}
	var content string
	e.Response, content = r.header()
	if r.fault != nil || e.Status >= 400 || e.Status >= 300 && e.Status != 304 {
		e.Content = strings.TrimSuffix(content, "\n")
	}
	if x := r.x; r.fault == nil && x.route != nil && x.route.Policy != nil && (r.answered || r.owned()) {
		e.Reason = x.reason.String()
	}
	return e
}
