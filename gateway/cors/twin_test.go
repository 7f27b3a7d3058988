package cors_test

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/corsgate/corsgate/gateway/cors"
	"github.com/corsgate/corsgate/matcher"
)

// This file holds the slow twin of a policy: the same decisions, read from the Config at each request, over strings.

var token = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

type ask struct {
	origins []string // field lines
	methods []string
	headers []string
	network bool
}

func (a ask) preflight() *cors.Preflight {
	req := &cors.Preflight{OriginLines: len(a.origins), MethodLines: len(a.methods), PrivateNetwork: a.network}
	if len(a.origins) > 0 {
		req.Origin = []byte(a.origins[0])
	}
	if len(a.methods) > 0 {
		req.Method = []byte(a.methods[0])
	}
	for _, h := range a.headers {
		req.Headers = append(req.Headers, []byte(h))
	}
	return req
}

// fold is strings.ToLower for ASCII: the latter makes a k of the Kelvin sign.
func fold(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func foldAll(list []string) (folded []string) {
	for _, s := range list {
		folded = append(folded, fold(s))
	}
	return folded
}

func elements(lines []string) (elements []string) {
	for _, line := range lines {
		for _, e := range strings.Split(line, ",") {
			elements = append(elements, strings.Trim(e, " \t"))
		}
	}
	return elements
}

func nonEmpty(list []string) (kept []string) {
	for _, e := range list {
		if e != "" {
			kept = append(kept, e)
		}
	}
	return kept
}

func unique(list []string) (kept []string) {
	for _, e := range list {
		if !slices.Contains(kept, e) {
			kept = append(kept, e)
		}
	}
	return kept
}

func slowMatch(pattern, origin string) bool {
	if pattern == origin || pattern == "*" {
		return true
	}
	if scheme, whole := strings.CutSuffix(pattern, "://*"); whole {
		return strings.HasPrefix(origin, scheme+"://") && (scheme == "https" || strings.Count(origin, ":") == 1)
	}
	if pattern == "http://192.168.0.0/16:*" {
		u, err := url.Parse(origin)
		return err == nil && u.Scheme == "http" && regexp.MustCompile(`^192\.168\.[0-9]+\.[0-9]+$`).MatchString(u.Hostname())
	}
	re := regexp.QuoteMeta(pattern)
	re = strings.Replace(re, `://\*\.`, `://([a-z0-9_-]+\.)+`, 1)
	re = strings.Replace(re, `:\*`, `(:[0-9]+)?`, 1)
	re = strings.ReplaceAll(re, `\*`, `[a-z0-9_-]+`)
	return regexp.MustCompile("^" + re + "$").MatchString(origin)
}

func slowOrigin(cfg cors.Config, lines []string) cors.Reason {
	switch {
	case len(lines) > 1:
		return cors.OriginRepeated
	case len(lines) == 0 || lines[0] == "":
		return cors.NoOrigin
	}
	origin, star := lines[0], slices.Contains(cfg.Origins, "*")
	if star && !cfg.Credentials {
		return cors.Allowed
	}
	if origin == "null" {
		if slices.Contains(cfg.Origins, "null") {
			return cors.Allowed
		}
		return cors.OriginNullNotAllowed
	}
	if !matcher.ValidOrigin([]byte(origin)) {
		return cors.OriginMalformed
	}
	for _, p := range cfg.Origins {
		if slowMatch(p, origin) {
			return cors.Allowed
		}
	}
	return cors.OriginNotAllowed
}

func slowMethod(cfg cors.Config, lines []string) cors.Reason {
	if len(lines) > 1 {
		return cors.MethodRepeated
	}
	m := strings.Join(lines, "")
	list := []string{"GET", "HEAD", "POST"}
	for _, c := range cfg.Methods {
		list = append(list, normalize(c))
	}
	switch {
	case !token.MatchString(m):
		return cors.MethodMalformed
	case slices.Contains([]string{"connect", "trace", "track"}, fold(m)):
		return cors.MethodForbidden
	case len(m) > 64, cfg.Credentials && m == "*":
		return cors.MethodNotAllowed
	case slices.Contains(list, m), slices.Contains(list, "*"):
		return cors.Allowed
	}
	return cors.MethodNotAllowed
}

func normalize(m string) string {
	upper := strings.ToUpper(m)
	if slices.Contains([]string{"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"}, upper) {
		return upper
	}
	return m
}

func slowHeaders(cfg cors.Config, lines []string) cors.Reason {
	if len(strings.Join(lines, "")) > 4096 {
		return cors.HeadersTooLong
	}
	listed := foldAll(cfg.RequestHeaders)
	names, empty := 0, 0
	for _, e := range elements(lines) {
		if e == "" {
			if empty++; empty > 16 {
				return cors.HeadersTooLong
			}
			continue
		}
		if names++; names > 64 {
			return cors.HeadersTooLong
		}
		if !token.MatchString(e) {
			return cors.HeaderMalformed
		}
		star := slices.Contains(listed, "*")
		switch name := fold(e); {
		case name == "*" && star && cfg.Credentials:
			return cors.HeaderNotAllowed
		case slices.Contains(listed, name):
		case star && (cfg.Credentials || name != "authorization"):
		default:
			return cors.HeaderNotAllowed
		}
	}
	return cors.Allowed
}

func slowPreflight(cfg cors.Config, a ask) (string, cors.Reason) {
	static := slices.Contains(cfg.Origins, "*") && !cfg.Credentials
	vary := []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"}
	if static {
		vary = vary[1:]
	}
	if cfg.PrivateNetwork {
		vary = append(vary, "Access-Control-Request-Private-Network")
	}
	reason := slowOrigin(cfg, a.origins)
	if reason == cors.Allowed {
		reason = slowMethod(cfg, a.methods)
	}
	if reason == cors.Allowed {
		reason = slowHeaders(cfg, a.headers)
	}
	var out lines
	if reason == cors.Allowed || named(cfg, reason) {
		out.shared(cfg, "Access-Control-Allow-Origin", a.origins)
		if cfg.Credentials {
			out.add("Access-Control-Allow-Credentials", "true")
		}
		var methods []string
		for _, m := range cfg.Methods {
			methods = append(methods, normalize(m))
		}
		headers := unique(cfg.RequestHeaders)
		if slices.Contains(methods, "*") {
			methods = []string{"*"}
			if cfg.Credentials {
				methods = a.methods
			}
		}
		if slices.Contains(headers, "*") {
			if headers = []string{"*"}; slices.Contains(foldAll(cfg.RequestHeaders), "authorization") {
				headers = append(headers, "Authorization")
			}
			if cfg.Credentials {
				headers = unique(nonEmpty(foldAll(elements(a.headers))))
			}
			if cfg.Credentials && reason != cors.Allowed {
				headers = nil
			}
		}
		out.add("Access-Control-Allow-Methods", unique(methods)...)
		out.add("Access-Control-Allow-Headers", headers...)
	}
	if reason == cors.Allowed {
		if cfg.MaxAge != nil {
			out.add("Access-Control-Max-Age", fmt.Sprint(int(cfg.MaxAge.Seconds())))
		}
		if a.network && cfg.PrivateNetwork {
			out.add("Access-Control-Allow-Private-Network", "true")
		}
	}
	var written []string
	for name, value := range cfg.PreflightHeaders {
		if fold(name) == "vary" {
			written = []string{value}
		}
	}
	out.add("Vary", slowVary(written, strings.Join(vary, ","))...)
	for _, name := range slices.Sorted(maps.Keys(cfg.PreflightHeaders)) {
		if fold(name) != "vary" {
			out.add(name, cfg.PreflightHeaders[name])
		}
	}
	if reason == cors.Allowed && cfg.ExposeOnPreflight {
		exposed := unique(cfg.ExposeHeaders)
		if slices.Contains(exposed, "*") {
			exposed = []string{"*"}
		}
		out.add("Access-Control-Expose-Headers", exposed...)
	}
	return string(out), reason
}

// named reports whether the answer to a preflight that is refused for reason has the lists of what is allowed.
func named(cfg cors.Config, reason cors.Reason) bool {
	switch reason {
	case cors.MethodMalformed, cors.MethodForbidden, cors.MethodNotAllowed:
		return cfg.RefusedPreflight == 204 && !slices.Contains(cfg.Methods, "*")
	case cors.HeaderMalformed, cors.HeaderNotAllowed:
		return cfg.RefusedPreflight == 204 && !slices.Contains(cfg.RequestHeaders, "*")
	}
	return false
}

func slowActual(cfg cors.Config, origins, upstream []string) (string, cors.Reason) {
	static := slices.Contains(cfg.Origins, "*") && !cfg.Credentials
	reason := slowOrigin(cfg, origins)
	if static && reason == cors.OriginRepeated {
		reason = cors.Allowed
	}
	var out lines
	if static || reason == cors.Allowed {
		out.shared(cfg, "Access-Control-Allow-Origin", origins)
		if cfg.Credentials {
			out.add("Access-Control-Allow-Credentials", "true")
		}
		names, seen := unique(cfg.ExposeHeaders), foldAll(cfg.ExposeHeaders)
		upstream := elements(upstream)
		for _, name := range upstream[:min(len(upstream), 64)] {
			if token.MatchString(name) && !slices.Contains(seen, fold(name)) && (name != "*" || !cfg.Credentials) {
				names, seen = append(names, name), append(seen, fold(name))
			}
		}
		if slices.Contains(names, "*") {
			names = []string{"*"}
		}
		out.add("Access-Control-Expose-Headers", names...)
		if cfg.TimingAllowOrigin {
			out.shared(cfg, "Timing-Allow-Origin", origins)
		}
	}
	out.add("Cross-Origin-Resource-Policy", nonEmpty([]string{cfg.ResourcePolicy})...)
	return string(out), reason
}

// slowVary returns the members of the merged Vary.
func slowVary(existing []string, add string) (members []string) {
	if slices.Contains(elements(existing), "*") {
		return []string{"*"}
	}
	var seen []string
	for _, m := range nonEmpty(append(elements(existing), elements([]string{add})...)) {
		if !slices.Contains(seen, fold(m)) {
			members, seen = append(members, m), append(seen, fold(m))
		}
	}
	return members
}

type lines string

func (l *lines) add(name string, values ...string) {
	if len(values) > 0 {
		*l += lines(name + ": " + strings.Join(values, ", ") + "\r\n")
	}
}

func (l *lines) shared(cfg cors.Config, name string, origins []string) {
	if slices.Contains(cfg.Origins, "*") && !cfg.Credentials {
		l.add(name, "*")
	} else {
		l.add(name, origins[0])
	}
}
