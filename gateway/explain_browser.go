package gateway

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/wire"
)

// This file judges answers as a browser does. The steps bear the names and numbers of the Fetch standard.

// judge returns what a browser makes of the answers to a, with or without credentials. preflight is nil if none is sent.
func judge(a *inquiry, credentials bool, preflight, actual *run) ExplainedVerdict {
	b := &judgement{inquiry: a, include: credentials, verdict: ExplainedVerdict{Steps: []Step{}}}
	v := &b.verdict
	if why := a.unasked(); why != "" {
		b.step("main fetch", false, "%s", why)
		v.Outcome = OutcomeDenied
		return *v
	}
	if a.mode == modeNavigate || a.mode == modeNoCORS && !a.same || a.mode == modeWebSocket {
		v.Outcome, v.Sent = b.noCORS(actual), true
		return *v
	}
	if a.same {
		v.Outcome, v.Sent = OutcomeSameOrigin, true
		if to := fieldsOf(actual)["location"]; a.mode == modeCORS && isRedirect(actual.status()) && len(to) > 0 && !a.leadsHome(to[0]) {
			v.Outcome = OutcomeRedirected
			b.redirect(to[0])
		}
		return *v
	}
	if preflight != nil {
		if !preflight.owned() {
			v.Outcome = OutcomeUpstream
			return *v
		}
		if !b.preflightFetch(preflight) {
			v.Outcome = OutcomeDenied
			return *v
		}
	}
	v.Sent = true
	switch fields := fieldsOf(actual); {
	case !actual.owned():
		v.Outcome = OutcomeUpstream
	case !b.corsCheck(fields):
		v.Outcome = OutcomeDenied
	case isRedirect(actual.status()) && len(fields["location"]) > 0:
		v.Outcome = OutcomeRedirected
		b.redirect(fields["location"][0])
	default:
		v.Outcome = OutcomeAllowed
	}
	return *v
}

// A judgement notes its steps.
type judgement struct {
	*inquiry
	include bool // the credentials mode
	verdict ExplainedVerdict
}

// step notes a step and returns ok.
func (b *judgement) step(where string, ok bool, format string, args ...any) bool {
	b.verdict.Steps = append(b.verdict.Steps, Step{Where: where, OK: ok, Text: fmt.Sprintf(format, args...)})
	return ok
}

// corsCheck is Fetch, "CORS check".
func (b *judgement) corsCheck(fields map[string][]string) bool {
	const where = "CORS check, step "
	lines := fields["access-control-allow-origin"]
	allowed := strings.Join(lines, ", ")
	switch {
	case len(lines) == 0:
		return b.step(where+"2", false, "the response has no Access-Control-Allow-Origin")
	case !b.include && allowed == "*":
		return b.step(where+"3", true, "Access-Control-Allow-Origin is *, and the request carries no credentials")
	case allowed == "*":
		return b.step(where+"4", false, "Access-Control-Allow-Origin is *, which does not cover requests with credentials")
	case allowed != b.origin:
		return b.step(where+"4", false, "Access-Control-Allow-Origin is %s, not the page's origin", allowed)
	}
	b.step(where+"4", true, "Access-Control-Allow-Origin is the page's origin")
	if !b.include {
		return b.step(where+"5", true, "the request carries no credentials, so that is enough")
	}
	if v := strings.Join(fields["access-control-allow-credentials"], ", "); v != "true" {
		return b.step(where+"8", false, "the request carries credentials, and the response has no Access-Control-Allow-Credentials: true")
	}
	return b.step(where+"7", true, "the request carries credentials, and Access-Control-Allow-Credentials is true")
}

// preflightFetch is Fetch, "CORS-preflight fetch", from step 7 on.
func (b *judgement) preflightFetch(r *run) bool {
	const where = "CORS-preflight fetch, step "
	fields := fieldsOf(r)
	if !b.corsCheck(fields) {
		return b.step(where+"7", false, "the answer to the preflight fails the CORS check")
	}
	if status := r.status(); status < 200 || status > 299 {
		return b.step(where+"7", false, "the preflight is answered %d, which is not an ok status", status)
	}
	b.step(where+"7", true, "the answer to the preflight passes the CORS check, and %d is an ok status", r.status())
	methods, ok := members(fields["access-control-allow-methods"])
	names, alsoOK := members(fields["access-control-allow-headers"])
	if !ok || !alsoOK {
		return b.step(where+"7.3", false, "Access-Control-Allow-Methods or Access-Control-Allow-Headers is malformed")
	}
	return b.methodStep(where+"7.5", methods) && b.headerSteps(where, names)
}

func (b *judgement) methodStep(where string, methods []string) bool {
	switch {
	case slices.Contains(methods, b.method):
		return b.step(where, true, "Access-Control-Allow-Methods has %s", b.method)
	case cors.SafelistedMethod(b.method):
		return b.step(where, true, "%s is CORS-safelisted and need not be in Access-Control-Allow-Methods", b.method)
	case !slices.Contains(methods, "*"):
		return b.step(where, false, "Access-Control-Allow-Methods does not have %s", b.method)
	case b.include:
		return b.step(where, false, "Access-Control-Allow-Methods is *, which does not cover requests with credentials")
	}
	return b.step(where, true, "Access-Control-Allow-Methods is *, and the request carries no credentials")
}

func (b *judgement) headerSteps(where string, names []string) bool {
	listed := func(name string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
	}
	star := slices.Contains(names, "*")
	// Step 7.6 is about the one name that no star covers, and comes first.
	if slices.Contains(b.unsafe, "authorization") && !listed("authorization") {
		return b.step(where+"7.6", false, "Access-Control-Allow-Headers does not have authorization, which * does not cover")
	}
	for _, name := range b.unsafe {
		switch {
		case name == "authorization":
			b.step(where+"7.6", true, "Access-Control-Allow-Headers has authorization")
		case listed(name):
			b.step(where+"7.7", true, "Access-Control-Allow-Headers has %s", name)
		case star && !b.include:
			b.step(where+"7.7", true, "Access-Control-Allow-Headers has *, which covers %s", name)
		case star:
			return b.step(where+"7.7", false, "Access-Control-Allow-Headers does not have %s, and * does not cover requests with credentials", name)
		default:
			return b.step(where+"7.7", false, "Access-Control-Allow-Headers does not have %s", name)
		}
	}
	return true
}

// redirect notes with which origin a redirect is followed. See Fetch, "HTTP-redirect fetch".
func (b *judgement) redirect(location string) {
	origin := b.redirectOrigin(location)
	if origin == "" {
		b.step("HTTP-redirect fetch", false, "the redirect to %s is not to a URL of http or https, and no browser follows it", location)
		return
	}
	b.step("HTTP-redirect fetch", true, "the redirect to %s is followed with Origin: %s", location, origin)
}

// redirectOrigin returns the Origin with which a redirect of a's URL is followed, or "" if it is not. See Fetch, "HTTP-redirect
// fetch", and "serializing a request origin": the second hop from one origin to another taints it.
func (a *inquiry) redirectOrigin(location string) string {
	base, err := url.Parse(a.targetOrigin() + "/")
	if err != nil {
		return ""
	}
	to, err := base.Parse(strings.ReplaceAll(location, `\`, "/"))
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" {
		return ""
	}
	host := strings.ToLower(to.Host)
	host = strings.TrimSuffix(host, map[string]string{"http": ":80", "https": ":443"}[to.Scheme])
	if !a.same && to.Scheme+"://"+host != a.targetOrigin() {
		return "null"
	}
	return a.origin
}

func isRedirect(status int) bool {
	return slices.Contains([]int{301, 302, 303, 307, 308}, status)
}

// fieldsOf returns the values of an answer's field lines by lower-case name.
func fieldsOf(r *run) map[string][]string {
	fields := map[string][]string{}
	lines, _ := r.header()
	for _, line := range lines {
		if name, value, ok := strings.Cut(line, ": "); ok {
			fields[strings.ToLower(name)] = append(fields[strings.ToLower(name)], value)
		}
	}
	return fields
}

// members returns the members of a list field, and whether all are tokens. See Fetch, "extract header list values".
func members(lines []string) (list []string, ok bool) {
	for _, m := range strings.Split(strings.Join(lines, ","), ",") {
		if m = strings.Trim(m, " \t"); m == "" {
			continue
		}
		if !wire.IsToken([]byte(m)) {
			return nil, false
		}
		list = append(list, m)
	}
	return list, true
}

// leadsHome reports whether a redirect of a's URL stays with its origin.
func (a *inquiry) leadsHome(location string) bool {
	foreign := *a
	foreign.same, foreign.origin = false, "https://elsewhere.invalid"
	return foreign.redirectOrigin(location) != "null"
}
