package explain

import (
	"errors"
	"net/url"
	"reflect"
	"strings"

	"github.com/corsgate/corsgate/gateway/config"
	"github.com/corsgate/corsgate/gateway/fetch"
	"github.com/corsgate/corsgate/gateway/metrics"
	"github.com/corsgate/corsgate/gateway/snapshot"
)

// Token answers q for a request with a token or an API key, which is put where the route's [auth.NAME] looks for it. The
// explanation does not show it. Errors are as those of [Config].
func Token(cfg *config.Config, q fetch.Question, token string) (Explanation, error) {
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r < ' ' || r > '~' }) {
		return Explanation{}, errors.New("the token is empty, or has characters that no request field can hold")
	}
	s, problems, _ := snapshot.Compile(cfg, nil, metrics.New())
	if len(problems) > 0 {
		return Explanation{}, problems
	}
	e, err := Of(s, q)
	if err != nil || e.Route == nil {
		return e, err
	}
	from, note := tokenPlace(cfg, e.Route.Name), ""
	kind, name, _ := strings.Cut(from, ":")
	var line string
	switch kind {
	case "":
		e.Notes = append(e.Notes, "the route has no [auth.NAME] for tokens or keys: the token plays no part")
		return e, nil
	case "bearer":
		q.Headers = append(q.Headers, "Authorization: Bearer "+token)
	case "header":
		q.Headers = append(q.Headers, name+": "+token)
	case "query":
		separator := "?"
		if strings.Contains(q.URL, "?") {
			separator = "&"
		}
		q.URL += separator + name + "=" + url.QueryEscape(token)
	case "cookie":
		line = "Cookie: " + name + "=" + token
		if !q.Credentials {
			note = `the token is in a cookie: browsers send it with credentials: "include" alone (here: --credentials), and where SameSite lets them`
		}
	case "websocket-protocol":
		line = "Sec-WebSocket-Protocol: bearer, " + token
	}
	e, err = of(s, q, line)
	if err == nil && note != "" {
		e.Notes = append(e.Notes, note)
	}
	hide := strings.NewReplacer(token, config.Masked, url.QueryEscape(token), config.Masked)
	if err != nil {
		return e, errors.New(hide.Replace(err.Error()))
	}
	replaceAll(reflect.ValueOf(&e), hide)
	return e, nil
}

// Admitted reports whether the route's [auth.NAME] admit the request, as far as that can be known without the gateway that serves.
func (e *Explanation) Admitted() bool {
	if e.Route == nil || len(e.Route.Auth) == 0 {
		return true
	}
	last := e.Route.Auth[len(e.Route.Auth)-1]
	return last.Admitted
}

// tokenPlace returns where the first table of a route that takes tokens or keys looks for them, or "".
func tokenPlace(cfg *config.Config, route string) string {
	for i := range cfg.Routes {
		for _, name := range cfg.Routes[i].Auth {
			if a := cfg.Auth(name); cfg.Routes[i].Name == route && a != nil && (a.Kind() == "jwt" || a.Kind() == "keys") {
				return a.From
			}
		}
	}
	return ""
}

// replaceAll replaces the texts in v and below.
func replaceAll(v reflect.Value, r *strings.Replacer) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(r.Replace(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			replaceAll(v.Elem(), r)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			replaceAll(v.Field(i), r)
		}
	case reflect.Slice:
		for i := range v.Len() {
			replaceAll(v.Index(i), r)
		}
	}
}
