package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
)

// auth warns of what is said of who asks, and can hardly be meant.
func (l *linter) auth() {
	certificates := slices.ContainsFunc(l.cfg.Listeners, func(c config.Listener) bool {
		file, _, _ := l.cfg.ClientAuthOf(&c)
		return file != ""
	})
	for i := range l.cfg.Auths {
		a := &l.cfg.Auths[i]
		key := "auth." + a.Name
		if a.Kind() == "jwt" && a.Issuer == "" && a.SecretFile == "" {
			l.warn(key, -1, `write issuer = "https://…"`, "tokens of any issuer are accepted if they are signed by these keys (RFC 8725, section 3.8)")
		}
		if a.Kind() == "certificate" && !certificates && l.cfg.Fleet == nil {
			l.warn(key+".certificate", -1, "write client_ca in [tls] or in a listener", "no listener asks for client certificates, so no client can be identified")
		}
		if a.Kind() == "forward" {
			l.remembered(a)
		}
		if a.Kind() == "keys" && strings.HasPrefix(a.From, "query:") {
			l.warn(key+".from", -1, `write from = "header:X-Api-Key"`, "keys in URLs end up in histories, logs of proxies and Referer")
		}
	}
	byIdentity := map[string]string{}
	for i := range l.cfg.RateLimits {
		if c := &l.cfg.RateLimits[i]; c.Key == "auth" || strings.HasPrefix(c.Key, "claim:") {
			byIdentity[c.Name] = c.Key
		}
	}
	for i := range l.cfg.Routes {
		r := &l.cfg.Routes[i]
		if len(r.Auth) > 0 {
			l.routeAuth(r)
			continue
		}
		for _, name := range r.Limits {
			if key, ok := byIdentity[name]; ok {
				l.warn("route."+r.Name, -1, `write auth = ["NAME"] in the route`, "limit.%s counts by %q, and this route has no auth: all of its requests count together", name, key)
			}
		}
	}
}

// remembered warns of credentials that decide, and by which decisions are not remembered.
func (l *linter) remembered(a *config.Auth) {
	if a.Remember == 0 && a.RememberDenied == 0 || len(a.Key) == 0 {
		return
	}
	has := func(part string) bool {
		return slices.ContainsFunc(a.Key, func(k string) bool {
			return strings.EqualFold(k, part) || strings.HasSuffix(part, ":") && strings.HasPrefix(k, part)
		})
	}
	for _, name := range a.Send {
		part, example := "header:"+name, "header:"+name
		if strings.EqualFold(name, "Cookie") {
			part, example = "cookie:", "cookie:session"
		} else if !config.Secret(name) {
			continue
		}
		if !has(part) && !has("header:"+name) {
			l.warn("auth."+a.Name+".key", -1, fmt.Sprintf("add %q, or leave %s out of send", example, name),
				"upstream %s is sent %s, and its decisions are remembered without that: what one client may do, another with the same key does, whatever it sends", a.Forward, name)
		}
	}
}

func (l *linter) routeAuth(r *config.Route) {
	key := "route." + r.Name
	p := l.cfg.Policy(r.CORS)
	switch {
	case r.CORS == "":
		l.warn(key+".auth", -1, "add a policy: cors = \"NAME\"", "without a policy preflights are requests like others, and browsers send them without credentials: pages of other origins cannot use the route")
		return
	case p == nil:
		return
	case p.UpstreamCORS == "passthrough":
		l.warn(key+".auth", -1, "have the policy answer preflights", "the policy leaves preflights to the upstream, so that they are refused: browsers send them without credentials")
		return
	}
	if !slices.Contains(p.Origins, "*") {
		return
	}
	for _, name := range r.Auth {
		if a := l.cfg.Auth(name); a != nil && fieldOf(a) == "Cookie" {
			l.warn(key+".auth", -1, "list the origins, with credentials = true", "auth.%s looks for a cookie, and browsers send none to a policy for any origin", name)
		}
	}
}

// fieldOf returns the request field that credentials are in, or "" if they are elsewhere.
func fieldOf(a *config.Auth) string {
	if kind := a.Kind(); kind != "jwt" && kind != "keys" {
		return ""
	}
	switch kind, name, _ := strings.Cut(a.From, ":"); kind {
	case "bearer":
		return "Authorization"
	case "header":
		return name
	case "cookie":
		return "Cookie"
	}
	return ""
}
