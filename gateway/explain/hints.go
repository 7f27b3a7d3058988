package explain

import (
	"fmt"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/route"
	"github.com/corsgate/corsgate/gateway/snapshot"
	"github.com/corsgate/corsgate/matcher"
)

// This file points out questions and origins that nearly match, and other facts that a person should know.

// nearOrigins notes which allowed origins differ from the one asked about in one part.
func (t *editSearch) nearOrigins(policy string, compiled *cors.Policy) {
	origin, err := matcher.ParsePattern(t.a.Origin)
	if err != nil || origin.Host() == "" {
		return
	}
	original := t.s.Policies[policy]
	allowed := func(near string) string {
		i, reason := compiled.AllowedOrigin([]byte(near))
		if reason != cors.Allowed || original == nil {
			return ""
		}
		pattern, at := original.Pattern(t.s.Config, i)
		return fmt.Sprintf("%s is allowed (%q at %s)", near, pattern, at)
	}
	note := func(near, format string, args ...any) bool {
		is := allowed(near)
		if is != "" {
			t.notes = append(t.notes, is+", but "+fmt.Sprintf(format, args...))
		}
		return is != ""
	}
	scheme, host, port := origin.Scheme(), origin.Host(), ""
	if origin.Port() != 0 {
		port = fmt.Sprintf(":%d", origin.Port())
	}
	other := map[string]string{"http": "https", "https": "http"}[scheme]
	switch {
	case other != "" && note(other+"://"+host+port, "the page is on %s, which is another origin", scheme):
	case port != "" && note(scheme+"://"+host, "the page is on port %s, which makes another origin", port[1:]):
	case nearPort(t.s.Config.Policy(policy), scheme, host, port, note):
	case note(scheme+"://x."+host+port, "%s itself is not: a leading \"*.\" stands for one label or more", host):
	case note(scheme+"://www."+host+port, "not the host without www"):
	default:
		if first, parent, ok := strings.Cut(host, "."); ok && strings.Contains(parent, ".") && !strings.HasPrefix(host, "[") {
			note(scheme+"://"+parent+port, "its subdomain %s is not", first)
		}
	}
}

// nearPort notes a pattern of the same host with another port.
func nearPort(p *config.CORS, scheme, host, port string, note func(near, format string, args ...any) bool) bool {
	if p == nil {
		return false
	}
	for _, text := range p.Origins {
		pattern, err := matcher.ParsePattern(text)
		if err != nil || pattern.Scheme() != scheme || pattern.Port() == 0 {
			continue
		}
		near := fmt.Sprintf("%s://%s:%d", scheme, host, pattern.Port())
		if exact, err := matcher.ParsePattern(near); err == nil && pattern.Covers(exact) {
			if port == "" {
				port = ":" + map[string]string{"http": "80", "https": "443"}[scheme]
			}
			return note(near, "the page is on port %s, which makes another origin", port[1:])
		}
	}
	return false
}

// notesOn returns facts that a person should know in addition to the verdict.
func notesOn(s *snapshot.Snapshot, a *inquiry, e *Explanation, miss route.Miss) (notes []string) {
	say := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	policy := (*config.CORS)(nil)
	if e.Policy != nil {
		policy = s.Config.Policy(e.Policy.Name)
	}
	switch {
	case miss.Misread():
		say("%s", miss.MisreadingFix())
	case e.Actual.Status == 403 && policy != nil && policy.Denied == "block":
		say(`denied = "block" keeps the request of this origin from the upstream (%s)`, place(s.Config, "cors."+policy.Name+".denied"))
	case a.Blocked() != "" && a.Mode != fetch.ModeSameOrigin:
		say("no header of a server helps here: the API needs TLS")
	case e.Outcome == fetch.Denied && a.Mode == fetch.ModeNoCORS && e.Actual.Status != 403 && policy != nil && policy.ResourcePolicy != "":
		say("resource_policy = %q keeps the response from pages of other sites that request it without CORS (%s)", policy.ResourcePolicy, place(s.Config, "cors."+policy.Name+".resource_policy"))
	case e.Actual.Status == 403 && policy != nil && a.Mode == fetch.ModeWebSocket && policy.WebSocketOriginCheck:
		say("websocket_origin_check keeps the handshake of this origin from the upstream (%s)", place(s.Config, "cors."+policy.Name+".websocket_origin_check"))
	case e.Actual.Status == 403 && policy != nil && policy.CSRF == "enforce":
		say(`csrf = "enforce" keeps unsafe requests of other sites from the upstream (%s)`, place(s.Config, "cors."+policy.Name+".csrf"))
	}
	if e.Outcome == fetch.Denied && e.verdict().Sent && e.Actual.AnsweredBy == "upstream" {
		say("the request itself reaches the upstream and takes effect there; only the response is kept from the page")
	}
	if policy != nil && policy.UpstreamCORS == "merge_expose" && e.Actual.AnsweredBy == "upstream" {
		say("names that the upstream exposes are added to Access-Control-Expose-Headers")
	}
	if l := listenerOf(s.Config, a); l != nil && l.RedirectHTTPS && !a.HTTPS && fetch.IsRedirect(e.Actual.Status) {
		say("listener %s redirects http to https; a redirect to another origin sets Origin to null, so pages should use the https URL directly", l.Name)
	}
	if l := listenerOf(s.Config, a); l != nil && l.RedirectHTTPS && a.HTTPS && !l.TLS && len(s.Config.Trust.Proxies) == 0 {
		say("the gateway learns about https only from a proxy listed in [trust] proxies, and none is listed: it takes this request for http, and redirects it")
	}
	if note := asksForCertificate(s, a); note != "" {
		say("%s", note)
	}
	switch lna := "the page needs the browser's permission for the local network, which no server can give (Local Network Access)"; {
	case a.Same:
	case a.Private():
		say("%s is a private or loopback address: %s; its refusal looks like a CORS error", a.HostName(), lna)
	case e.Outcome.Allowed():
		say("if a browser still refuses, and %s is a private or loopback address for it: %s", a.HostName(), lna)
	}
	return notes
}
