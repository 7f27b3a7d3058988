package gateway

import (
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fetch"
)

// conceal takes out of an explanation what the configuration keeps to itself: it is for operators, and for what they paste
// into tickets. Clients are sent these fields as they are.
func (s *snapshot) conceal(e *Explanation) {
	var byHand, onPreflight map[string]string
	if e.Route != nil {
		for i := range s.config.Routes {
			if r := &s.config.Routes[i]; r.Name == e.Route.Name {
				byHand = r.ResponseSetHeaders
			}
		}
	}
	if e.Policy != nil {
		onPreflight = s.config.Policy(e.Policy.Name).PreflightHeaders
	}
	for _, x := range []*ExplainedExchange{e.Preflight, e.Actual} {
		if x == nil {
			continue
		}
		x.Content = s.config.Hide(x.Content)
		for i, line := range x.Response {
			name, _, field := strings.Cut(line, ":")
			_, set := byHand[name]
			_, alsoSet := onPreflight[name]
			if field && (set || alsoSet) && config.Secret(name) {
				line = name + ": " + config.Masked
			}
			x.Response[i] = s.config.Hide(line)
		}
	}
	e.Summary = s.config.Hide(e.Summary)
	for _, steps := range [][]fetch.Step{e.Anonymous.Steps, e.Credentialed.Steps} {
		for i := range steps {
			steps[i].Text = s.config.Hide(steps[i].Text)
		}
	}
	for i := range e.Notes {
		e.Notes[i] = s.config.Hide(e.Notes[i])
	}
	for i := range e.Changes {
		e.Changes[i].Edit = s.config.Hide(e.Changes[i].Edit)
	}
}
