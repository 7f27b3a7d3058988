package explain

import (
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/snapshot"
)

// conceal removes the secrets of the configuration from an explanation: it is for operators, and for what they paste
// into tickets. Clients are sent these fields as they are.
func conceal(s *snapshot.Snapshot, e *Explanation) {
	var byHand, onPreflight map[string]string
	if e.Route != nil {
		for i := range s.Config.Routes {
			if r := &s.Config.Routes[i]; r.Name == e.Route.Name {
				byHand = r.ResponseSetHeaders
			}
		}
	}
	if e.Policy != nil {
		onPreflight = s.Config.Policy(e.Policy.Name).PreflightHeaders
	}
	for _, x := range []*ExplainedExchange{e.Preflight, e.Actual} {
		if x == nil {
			continue
		}
		x.Content = s.Config.Hide(x.Content)
		for i, line := range x.Request {
			if name, value, _ := strings.Cut(line, ": "); value != "" && value != "(any)" && i > 0 && !strings.HasPrefix(name, "Sec-") && config.Secret(name) {
				x.Request[i] = name + ": " + config.Masked
			}
		}
		for i, line := range x.Response {
			name, _, field := strings.Cut(line, ":")
			_, set := byHand[name]
			_, alsoSet := onPreflight[name]
			if field && (set || alsoSet) && config.Secret(name) {
				line = name + ": " + config.Masked
			}
			x.Response[i] = s.Config.Hide(line)
		}
	}
	for i, h := range e.Question.Headers {
		if name, value, _ := strings.Cut(h, ":"); value != "" && config.Secret(name) {
			e.Question.Headers[i] = name + ": " + config.Masked
		}
	}
	e.Summary = s.Config.Hide(e.Summary)
	for _, steps := range [][]fetch.Step{e.Anonymous.Steps, e.Credentialed.Steps} {
		for i := range steps {
			steps[i].Text = s.Config.Hide(steps[i].Text)
		}
	}
	for i := range e.Notes {
		e.Notes[i] = s.Config.Hide(e.Notes[i])
	}
	for i := range e.Changes {
		e.Changes[i].Edit = s.Config.Hide(e.Changes[i].Edit)
	}
}
