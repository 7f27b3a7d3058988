package auth

import (
	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/metrics"
)

// This file asks the tables of a route, in order: the first that admits has found who it is. If none does, the refusal that
// helps most is the answer: of a table that cannot say, of one that knows the client and does not let it in, of bad credentials,
// of another server, and last of credentials that are missing.

// MaxTables bounds the tables of a route.
const MaxTables = 8

// A Gate is what a route asks of who it is. It is safe for concurrent use.
type Gate struct {
	tables    []*Table
	optional  bool
	queries   []*place // that are left out of queries
	protocols bool     // a token may be among the subprotocols of a WebSocket
	waits     bool     // each request has to wait
	missing   *Refusal // of a request that brings nothing
}

// An Answer is what a gate says of a request.
type Answer struct {
	// Waits says that it cannot be said without waiting: ask Settle.
	Waits    bool
	Admitted bool
	// Identity is who was found; nil: the request has none.
	Identity *Identity
	// Table is the one that has found them, or that refuses; nil: none.
	Table *Table
	// Refusal is the answer if the request is not admitted.
	Refusal *Refusal
}

// A Refusal is what is answered to a request that is not admitted. It is not changed.
type Refusal struct {
	Status int
	// Code is for the access log.
	Code string
	// Challenges is the value of WWW-Authenticate, or empty.
	Challenges []byte
	Text       string
	// Decision is the answer of another server, which is passed on; nil: there is none.
	Decision *Decision
}

// NewGate returns the gate of a route, or nil if it has no auth.
func NewGate(s *Set, c *config.Route) *Gate {
	if len(c.Auth) == 0 {
		return nil
	}
	g := &Gate{optional: c.AuthOptional}
	for _, name := range c.Auth[:min(len(c.Auth), MaxTables)] {
		t := s.tables[name]
		if t == nil {
			continue // the parser, or Compile, has said so
		}
		g.tables = append(g.tables, t)
		switch {
		case t.forward != nil:
			g.waits = g.waits || !t.remembers()
		case t.place.kind == inQuery:
			g.queries = append(g.queries, &t.place)
		case t.place.kind == inProtocol:
			g.protocols = true
		}
	}
	missing := make([]outcome, len(g.tables))
	for i := range missing {
		missing[i].reason = Missing
	}
	g.missing = g.refusal(missing)
	return g
}

// Waits reports whether each request has to wait for another server.
func (g *Gate) Waits() bool { return g.waits }

// Recall finds out who it is as far as that can be known at once. It allocates nothing unless it refuses.
func (g *Gate) Recall(q *Subject) Answer {
	for _, t := range g.tables {
		switch o := t.recall(q); {
		case o.reason == undecided:
			return Answer{Waits: true}
		case o.reason == Remembered:
			t.counts.Remembered.Inc()
			return Answer{Admitted: true, Identity: o.identity, Table: t}
		case o.reason.admits():
			t.count(o.reason)
			return Answer{Admitted: true, Identity: o.identity, Table: t}
		}
	}
	var list [MaxTables]outcome // only now: it is large
	for i, t := range g.tables {
		list[i] = t.recall(q)
	}
	return g.refuse(list[:len(g.tables)])
}

// Settle finds out who it is, and waits for that as long as it takes.
func (g *Gate) Settle(q *Subject, a Asker) Answer {
	var list [MaxTables]outcome
	for i, t := range g.tables {
		o := t.settle(q, a)
		if list[i] = o; q.Steps != nil {
			*q.Steps = append(*q.Steps, Step{t.Name, o.reason, o.reason.admits(), t.describe(q, &o)})
		}
		if o.reason.admits() {
			t.count(o.reason)
			return Answer{Admitted: true, Identity: o.identity, Table: t}
		}
	}
	return g.refuse(list[:len(g.tables)])
}

func (t *Table) recall(q *Subject) outcome {
	switch {
	case t.tokens != nil:
		return t.recallToken(q)
	case t.keys != nil:
		return t.recallKey(q)
	case t.forward != nil:
		return t.recallForward(q)
	}
	return t.recallCertificate(q)
}

func (t *Table) settle(q *Subject, a Asker) outcome {
	switch {
	case t.tokens != nil:
		return t.settleToken(q)
	case t.forward != nil:
		return t.settleForward(q, a)
	}
	return t.recall(q)
}

func (t *Table) recallKey(q *Subject) outcome {
	switch key, n := t.place.find(q.Request); {
	case n == 0:
		return outcome{reason: Missing}
	case n > 1:
		return outcome{reason: Repeated}
	case len(key) > maxKeyLength: // not worth a hash
		return outcome{reason: Key}
	default:
		if i := t.keys.find(key); i != nil {
			return outcome{reason: Verified, identity: i}
		}
		return outcome{reason: Key}
	}
}

func (t *Table) recallCertificate(q *Subject) outcome {
	if !q.Certified {
		return outcome{reason: Missing}
	}
	if i := t.ofCertificate(q.Names, q.Now); i != nil {
		return outcome{reason: Verified, identity: i}
	}
	return outcome{reason: Certificate}
}

// refuse returns the answer to a request that no table admits.
func (g *Gate) refuse(list []outcome) Answer {
	anonymous, missing := true, true
	for i := range list {
		g.tables[i].count(list[i].reason)
		anonymous = anonymous && list[i].anonymous()
		missing = missing && list[i].reason == Missing
	}
	switch {
	case anonymous && g.optional:
		return Answer{Admitted: true}
	case missing:
		return Answer{Table: g.tables[0], Refusal: g.missing}
	}
	r := g.refusal(list)
	return Answer{Table: g.tables[worst(list)], Refusal: r}
}

// worst returns the index of the outcome that is the answer.
func worst(list []outcome) (index int) {
	rank := func(o *outcome) int {
		switch status := o.status(); {
		case status == 503 && o.decision == nil:
			return 5
		case status == 403:
			return 4
		case o.reason == Repeated:
			return 3
		case o.decision != nil:
			return 1
		case o.reason == Missing:
			return 0
		}
		return 2
	}
	for i := range list {
		if rank(&list[i]) > rank(&list[index]) {
			index = i
		}
	}
	return index
}

// refusal returns what is answered. A 401 names all that would be accepted.
func (g *Gate) refusal(list []outcome) *Refusal {
	if len(list) == 0 {
		return nil
	}
	main := worst(list)
	o := &list[main]
	r := &Refusal{Status: o.status(), Code: codes[o.reason], Text: o.text(), Decision: o.decision}
	for i, t := range g.tables {
		switch {
		case r.Status == 503 && o.decision == nil || r.Status != 401 && i != main:
			continue
		case list[i].decision != nil && (i != main || list[i].decision.Challenged || list[i].decision.Status/100 == 3 || r.Status != 401):
			continue // it says so itself, or would for scripts alone
		}
		if len(r.Challenges) > 0 {
			r.Challenges = append(r.Challenges, ", "...)
		}
		r.Challenges = t.challenge(r.Challenges, &list[i])
	}
	return r
}

// Challenge returns what a script is asked for that cannot follow a redirect to a login.
func (r *Refusal) Challenge(t *Table) []byte { return t.challenge(nil, &outcome{reason: Missing}) }

// Rehearse returns a copy of g that counts in m.
func (g *Gate) Rehearse(m *metrics.Metrics) *Gate {
	if g == nil {
		return nil
	}
	q := *g
	q.tables = nil
	for _, t := range g.tables {
		u := *t
		u.counts = m.Auth(t.Name, reasons)
		q.tables = append(q.tables, &u)
	}
	return &q
}
