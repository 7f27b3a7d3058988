package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/matcher"
)

// This file computes the effect of a configuration change on web pages. The rules are:
//
//   - what pages were seen to ask is asked again, as it was asked; see Seen. Besides, each
//     origin that was seen, and an example of each pattern of a route's policy, asks each route
//     for what the policy lists;
//   - each question is asked of both configurations, and decided by the code that serves: what
//     differs is a consequence;
//   - patterns in files of origins have no example: those files are not what changes.

// MaxQuestions bounds what [Consequences] asks. Questions that were seen come first.
const MaxQuestions = 5000

// A Consequence is a question that two configurations answer differently.
type Consequence struct {
	// Question is as a browser would put it.
	Question fetch.Question `json:"question"`
	// Seen: a page has asked it.
	Seen   bool    `json:"seen"`
	Before Summary `json:"before"`
	After  Summary `json:"after"`
}

// A Summary is an [Explanation] in short.
type Summary struct {
	// Route is the name of the route that takes the request, or "".
	Route string `json:"route"`
	// Anonymous and Credentialed are the results without and with credentials.
	Anonymous    fetch.Outcome `json:"anonymous"`
	Credentialed fetch.Outcome `json:"credentialed"`
	// Reason is the code of the policy's verdict, or "" where no policy was asked.
	Reason string `json:"reason"`
	// Status is the status code of the gateway's own answer to the request itself, or 0: the upstream's.
	Status int `json:"status"`
}

// same reports whether a page, and who answers it, see no difference.
func (v Summary) same(w Summary) bool {
	return v.Anonymous == w.Anonymous && v.Credentialed == w.Credentialed && v.Status == w.Status
}

// Consequences returns the questions that after answers otherwise than before, of the many that
// it asks. An error is of type config.Problems if one of them cannot be served.
func Consequences(before, after *config.Config, seen []fetch.Question) (changed []Consequence, asked int, err error) {
	m := metrics.New()
	var s [2]*snapshot.Snapshot
	for i, cfg := range []*config.Config{before, after} {
		var problems config.Problems
		if s[i], problems, _ = snapshot.Compile(cfg, nil, m); len(problems) > 0 {
			return nil, 0, problems
		}
	}
	done := map[string]bool{}
	ask := func(q fetch.Question, seen bool) {
		id := fmt.Sprint(q.Origin, "\n", q.Method, "\n", q.Headers, "\n", q.URL, "\n", q.Mode)
		if done[id] || asked == MaxQuestions {
			return
		}
		done[id] = true
		was, normal, ok := verdictOf(s[0], q, m)
		is, _, _ := verdictOf(s[1], q, m)
		if !ok {
			return
		}
		asked++
		if !was.same(is) {
			changed = append(changed, Consequence{Question: normal, Seen: seen, Before: was, After: is})
		}
	}
	for _, q := range seen {
		ask(q, true)
	}
	for _, q := range questions(before, after, seen) {
		ask(q, false)
	}
	return changed, asked, nil
}

// verdict answers q, and returns it as a browser would normalize it. It returns false if no
// browser makes the request.
func verdictOf(s *snapshot.Snapshot, q fetch.Question, m *metrics.Metrics) (Summary, fetch.Question, bool) {
	r, err := fetch.NewRequest(q)
	if err != nil {
		return Summary{}, q, false
	}
	e, _ := examine(s, &inquiry{Request: r, metrics: m})
	v := Summary{Anonymous: e.Anonymous.Outcome, Credentialed: e.Credentialed.Outcome, Reason: e.Actual.Reason, Status: e.Actual.Status}
	if e.Route != nil {
		v.Route = e.Route.Name
	}
	if e.Preflight != nil && !e.Anonymous.Sent && !e.Credentialed.Sent {
		v.Reason = e.Preflight.Reason
	}
	return v, e.Question, true
}

// questions returns the questions to ask about the routes of two configurations, up to the bound.
func questions(before, after *config.Config, seen []fetch.Question) (list []fetch.Question) {
	var origins []string
	for _, q := range seen {
		if !slices.Contains(origins, q.Origin) {
			origins = append(origins, q.Origin)
		}
	}
	asked := map[string]bool{}
	for _, cfg := range []*config.Config{after, before} {
		for i := range cfg.Routes {
			r := &cfg.Routes[i]
			if asked[r.Name] {
				continue
			}
			asked[r.Name] = true
			for _, q := range aboutRoute(r, origins, policyOfRoute(after, r.Name), policyOfRoute(before, r.Name)) {
				if list = append(list, q); len(list) > MaxQuestions {
					return list
				}
			}
		}
	}
	return list
}

// policyOfRoute returns the policy of the route of a name, or an empty one.
func policyOfRoute(cfg *config.Config, route string) *config.CORS {
	for i := range cfg.Routes {
		if cfg.Routes[i].Name == route {
			if p := cfg.Policy(cfg.Routes[i].CORS); p != nil {
				return p
			}
		}
	}
	return &config.CORS{}
}

// aboutRoute returns what origins, and examples of those that its policies allow, ask of a route.
func aboutRoute(r *config.Route, origins []string, policies ...*config.CORS) (list []fetch.Question) {
	// As GET, but for what only other methods lead to.
	method := "GET"
	if len(r.Methods) > 0 && !slices.Contains(r.Methods, "GET") {
		method = r.Methods[0]
	}
	asks := []fetch.Question{{Method: method}}
	add := func(q fetch.Question) {
		if !slices.ContainsFunc(asks, func(p fetch.Question) bool { return p.Method == q.Method && slices.Equal(p.Headers, q.Headers) }) {
			asks = append(asks, q)
		}
	}
	origins = slices.Clone(origins)
	for _, p := range policies {
		for _, pattern := range p.Origins {
			if o := exampleOf(pattern); !slices.Contains(origins, o) {
				origins = append(origins, o)
			}
		}
		for _, m := range p.Methods {
			if m == "*" {
				m = "PATCH"
			}
			if len(r.Methods) == 0 || slices.Contains(r.Methods, m) {
				add(fetch.Question{Method: m})
			}
		}
		for _, h := range p.RequestHeaders {
			if h == "*" {
				h = "X-Any"
			}
			add(fetch.Question{Method: method, Headers: []string{h}})
		}
	}
	for _, origin := range origins {
		for _, q := range asks {
			q.Origin, q.URL = origin, fetch.ExampleURL(r.Hosts, r.Path)
			list = append(list, q)
		}
	}
	return list
}

// exampleOf returns an origin that a pattern matches: the longest way round, with labels and a
// port where it lets them vary.
func exampleOf(pattern string) string {
	p, err := matcher.ParsePattern(pattern)
	switch {
	case err != nil || p.Null() || p.File():
		return pattern
	case p.Any():
		return "https://any-origin.example"
	}
	host := p.Host()
	if _, ok := p.Network(); ok { // its first address is one of it
		address, _, _ := strings.Cut(host, "/")
		if host = address; host[0] == '[' {
			host = strings.TrimSuffix(host, "]") + "]"
		}
	}
	origin := p.Scheme() + "://" + strings.ReplaceAll(host, "*", "any")
	if p.AnyPort() {
		return origin + ":8443"
	}
	if p.Port() != 0 {
		origin += fmt.Sprint(":", p.Port())
	}
	return origin
}
