// Package explain reports what happens to a page's request, why, and the fewest edits of the configuration that would
// change it. It runs the code that serves requests; see proxy.Rehearse. It is internal to the gateway.
package explain

import (
	"slices"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/proxy"
	"github.com/corsgate/corsgate/gateway/route"
	"github.com/corsgate/corsgate/gateway/snapshot"
)

// An Explanation describes how a gateway and a browser handle a question, and why. Its JSON is for programs: names
// stay, lists are never null.
type Explanation struct {
	// Question is the question as a browser understands it: method normalized, names of headers in lower case
	// and sorted, URL in its normal form.
	Question fetch.Question `json:"question"`
	// Outcome is for the credentials mode that was asked about.
	Outcome fetch.Outcome `json:"outcome"`
	// Allowed says that the page's request succeeds; see [fetch.Outcome].
	Allowed bool `json:"allowed"`
	// Summary is the outcome in one sentence.
	Summary string `json:"summary"`
	// Route is the route that takes the request, or nil.
	Route *ExplainedRoute `json:"route"`
	// Policy is the route's policy, or nil.
	Policy *ExplainedPolicy `json:"policy"`
	// PreflightReasons say why a browser sends a preflight; none: it sends none.
	PreflightReasons []string `json:"preflight_reasons"`
	// Preflight is the preflight and its answer, or nil.
	Preflight *ExplainedExchange `json:"preflight"`
	// Actual is the request itself and its answer, also where a browser does not come to send it.
	Actual *ExplainedExchange `json:"actual"`
	// Anonymous and Credentialed are a browser's verdicts without and with credentials.
	Anonymous    fetch.Verdict `json:"anonymous"`
	Credentialed fetch.Verdict `json:"credentialed"`
	// ResponseHeaders say whether the page can read those that were asked about.
	ResponseHeaders []fetch.ResponseHeader `json:"response_headers"`
	// Changes are the fewest edits of the configuration that would allow the request; all of them together.
	// None if nothing needs to be allowed, or if no edit of the configuration helps.
	Changes []Change `json:"changes"`
	// Notes are what else is worth knowing, such as an allowed origin that is nearly the one asked about.
	Notes []string `json:"notes"`
}

// An ExplainedRoute is the route that takes a request.
type ExplainedRoute struct {
	Name string `json:"name"`
	// Place is "FILE:LINE".
	Place string `json:"place"`
	// Path is the route's prefix.
	Path string `json:"path"`
	// Action is "upstream", "split", "redirect" or "respond".
	Action string `json:"action"`
	// Upstream is the name of the upstream, or "".
	Upstream string `json:"upstream"`
	// Split are the upstreams among which requests are divided; none where they are not.
	Split []ExplainedShare `json:"split"`
	// Mirror is the name of the upstream that gets copies of requests, or "".
	Mirror string `json:"mirror"`
	// Target is the path and query that the upstream gets where the route changes the path, or "".
	Target string `json:"target"`
	// Limit is the rate limit that requests of the route count against, or nil. What they have
	// used of it is not asked.
	Limit *ExplainedLimit `json:"limit"`
	// Limits are all of them, of which Limit is the first.
	Limits []ExplainedLimit `json:"limits"`
	// Auth is what the tables [auth.NAME] of the route say of the request, in order, up to the first that admits it. None where the
	// route has none, or where the request is answered before.
	Auth []ExplainedAuth `json:"auth"`
}

// An ExplainedAuth is what a table [auth.NAME] says of a request.
type ExplainedAuth struct {
	Name string `json:"name"`
	// Place is "FILE:LINE".
	Place string `json:"place"`
	// Admitted says that the request passes.
	Admitted bool `json:"admitted"`
	// Reason is the code of the step that decides, such as "exp"; "unknown" where only the gateway that serves can know.
	Reason string `json:"reason"`
	// Text says it in a sentence.
	Text string `json:"text"`
}

// An ExplainedLimit is the rate limit of a route.
type ExplainedLimit struct {
	Name string `json:"name"`
	// Place is "FILE:LINE".
	Place string `json:"place"`
	// Rate is how often on average, such as "100/s", and Burst how often at once.
	Rate  string `json:"rate"`
	Burst int    `json:"burst"`
	// Key is what requests are counted by, such as "client_ip".
	Key string `json:"key"`
	// Store is where they are counted: "local" or "redis".
	Store string `json:"store"`
}

// An ExplainedShare is what an upstream gets of the requests of a route.
type ExplainedShare struct {
	Upstream string `json:"upstream"`
	// Weight is relative to those of the others.
	Weight int `json:"weight"`
}

// An ExplainedPolicy is the policy of a route.
type ExplainedPolicy struct {
	Name string `json:"name"`
	// Place is "FILE:LINE".
	Place string `json:"place"`
	// Origin is the code of the policy's decision about the origin alone, such as "allowed".
	Origin string `json:"origin"`
	// Pattern is the most specific pattern that matches the origin, or "", and PatternPlace its "FILE:LINE".
	Pattern      string `json:"pattern"`
	PatternPlace string `json:"pattern_place"`
}

// An ExplainedExchange is a request and the gateway's handling of it.
type ExplainedExchange struct {
	// Request is the request's head, line by line, in the fields that decide.
	Request []string `json:"request"`
	// AnsweredBy is "gateway" or "upstream".
	AnsweredBy string `json:"answered_by"`
	// Reason is the code of the policy's verdict, such as "origin-not-allowed", or "" where no policy was asked.
	Reason string `json:"reason"`
	// Status is the status code of the gateway's answer, or 0: the upstream's.
	Status int `json:"status"`
	// Response is the head of the gateway's answer, line by line; or of the upstream's the fields that the
	// gateway sets.
	Response []string `json:"response"`
	// Content is the content of the gateway's answer, if it explains the refusal.
	Content string `json:"content"`
}

// A Change is one edit of the configuration file.
type Change struct {
	// Key is the full name of the key to edit, such as "cors.app.origins".
	Key string `json:"key"`
	// Place is "FILE:LINE" of the key, or of its table where it is not set.
	Place string `json:"place"`
	// Edit says what to do.
	Edit string `json:"edit"`
	// Warning says what else the edit would permit, or "".
	Warning string `json:"warning"`
}

// An inquiry is a question that is explained.
type inquiry struct {
	*fetch.Request
	line     string           // a further one of the actual request, or ""
	listener string           // the one that is asked; "": the one that the URL leads to
	bare     bool             // the listener asks for a certificate, and the client shows none
	readyOf  string           // the listener whose ready_path the URL is; "": of none
	metrics  *metrics.Metrics // where it is counted: in metrics that are never read
}

// changeable reports whether an edit of the configuration could make more of a than o.
func (a *inquiry) changeable(o fetch.Outcome) bool {
	return !o.Allowed() && o != fetch.Redirected && a.Blocked() == "" && (o != fetch.Upstream || a.Mode == fetch.ModeCORS)
}

// Config answers q for a configuration that need not be served. It takes the steps that serving takes, and leaves no
// trace. An error is of type config.Problems if cfg cannot be served, else it says what is wrong with the question.
func Config(cfg *config.Config, q fetch.Question) (Explanation, error) {
	s, problems, _ := snapshot.Compile(cfg, nil, metrics.New())
	if len(problems) > 0 {
		return Explanation{}, problems
	}
	return Of(s, q)
}

// Of answers q for a compiled configuration, which may be in force: nothing is counted and
// nothing remembered. An error says what is wrong with the question.
func Of(s *snapshot.Snapshot, q fetch.Question) (Explanation, error) { return of(s, q, "") }

// of is Of for an actual request that has a further line, unless it is "": one that browsers write, and no page can.
func of(s *snapshot.Snapshot, q fetch.Question, line string) (Explanation, error) {
	r, err := fetch.NewRequest(q)
	if err != nil {
		return Explanation{}, err
	}
	if err := hasListener(s, q.Listener); err != nil {
		return Explanation{}, err
	}
	a := &inquiry{Request: r, line: line, listener: q.Listener, metrics: metrics.New()}
	if l := listenerOf(s.Config, a); l != nil && l.ReadyPath != "" && l.ReadyPath == a.Path {
		a.readyOf = l.Name
	}
	e, miss := examine(s, a)
	if a.changeable(e.Outcome) || miss != route.Found && a.Blocked() == "" {
		t := newEditSearch(s, a, miss)
		t.run(e)
		e.Changes, e.Notes = append(e.Changes, t.changes...), append(e.Notes, t.notes...)
	}
	exposures(s, e)
	e.Notes = append(e.Notes, notesOn(s, a, e, miss)...)
	e.Summary = summary(a, e, miss)
	conceal(s, e)
	return *e, nil
}

// examine answers a without advice. miss says why no route takes it.
func examine(s *snapshot.Snapshot, a *inquiry) (e *Explanation, miss route.Miss) {
	e = &Explanation{Question: a.Question(), PreflightReasons: slices.Clone(a.Reasons), Changes: []Change{}, Notes: []string{}}
	e.Question.Listener = a.listener
	if e.PreflightReasons == nil {
		e.PreflightReasons = []string{}
	}
	var preflight *fetch.Answer
	if a.NeedsPreflight() {
		lines := a.Preflight()
		r := ask(s, a, lines)
		e.Preflight, preflight = explained(lines, r), r.Answer()
	}
	lines := a.Actual(0)
	if a.line != "" {
		lines = append(lines, a.line)
	}
	actual := ask(s, a, lines)
	answer := actual.Answer()
	e.Actual = explained(lines, actual)
	if r := actual.Route; r != nil {
		e.Route, e.Policy = explainRoute(s, a, r)
		e.Route.Auth = explainAuth(s, actual)
		if r.Rewrite != nil && !actual.Answered {
			e.Route.Target = actual.Target()
		}
	}
	e.Anonymous = a.Evaluate(false, preflight, answer)
	e.Credentialed = a.Evaluate(true, preflight, answer)
	e.Outcome = e.Anonymous.Outcome
	if a.Credentials {
		e.Outcome = e.Credentialed.Outcome
	}
	e.Allowed = e.Outcome.Allowed()
	e.ResponseHeaders = a.Readable(e.Outcome, answer.Header)
	return e, actual.Miss
}

func explainRoute(s *snapshot.Snapshot, a *inquiry, r *snapshot.Route) (*ExplainedRoute, *ExplainedPolicy) {
	c := &s.Config.Routes[r.ID]
	er := &ExplainedRoute{Name: c.Name, Place: place(s.Config, "route."+c.Name), Path: c.Path, Upstream: c.Upstream, Action: "upstream", Split: []ExplainedShare{}, Auth: []ExplainedAuth{}, Limits: []ExplainedLimit{}}
	for _, share := range c.Split {
		er.Split = append(er.Split, ExplainedShare(share))
	}
	if c.Mirror != nil {
		er.Mirror = c.Mirror.Upstream
	}
	for _, limit := range s.Limits.List(c.Limits) {
		l := &limit.Config
		er.Limits = append(er.Limits, ExplainedLimit{Name: l.Name, Place: place(s.Config, "limit."+l.Name), Rate: l.Rate.String(), Burst: l.Burst, Key: l.Key, Store: l.Store})
	}
	if len(er.Limits) > 0 {
		er.Limit = &er.Limits[0]
	}
	switch {
	case len(c.Split) > 0:
		er.Action = "split"
	case c.Redirect != nil:
		er.Action = "redirect"
	case c.Respond != nil:
		er.Action = "respond"
	}
	p := s.Config.Policy(c.CORS)
	if r.Policy == nil || p == nil {
		return er, nil
	}
	ep := &ExplainedPolicy{Name: p.Name, Place: place(s.Config, "cors."+p.Name)}
	i, reason := r.Policy.AllowedOrigin([]byte(a.Origin))
	ep.Origin = reason.String()
	if reason == cors.Allowed {
		ep.Pattern, ep.PatternPlace = s.Policies[p.Name].Pattern(s.Config, i)
	}
	return er, ep
}

// explainAuth returns what was said of who sends a request.
func explainAuth(s *snapshot.Snapshot, r *proxy.Rehearsal) []ExplainedAuth {
	list := []ExplainedAuth{}
	for _, step := range r.Auth {
		a := ExplainedAuth{Name: step.Table, Place: place(s.Config, "auth."+step.Table), Admitted: step.Admitted, Reason: string(step.Reason), Text: step.Text}
		list = append(list, a)
	}
	return list
}

// place returns "FILE:LINE" of a key.
func place(cfg *config.Config, key string) string { return cfg.Problem(key, -1, "", "").Place() }
