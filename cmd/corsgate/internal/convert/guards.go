package convert

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// This file carries over who may ask. The rules are:
//
//   - addresses and forward-auth are carried over where they mean the same here;
//   - a route that was protected by anything else is closed until its operator has written what protects it: it never opens because
//     a part of a configuration was not understood.

// An auth is a table [auth.NAME].
type auth struct {
	name     string    // wanted; made unique and valid later
	upstream *upstream // that is asked; nil: none
	settings []setting
	notes    []string
}

// A guard lets some requests through.
type guard struct {
	auth   *auth
	allow  []string
	closed string // what it is, if it was not carried over
}

// protect takes over a guard.
func (r *route) protect(g *guard) {
	switch {
	case g.closed != "":
		r.close(g.closed)
	case g.auth != nil && len(r.auths) > 0 && !slices.Contains(r.auths, g.auth): // here one of them suffices
		r.close("a second forwardAuth, which has to admit, too")
	case g.auth != nil:
		r.auths = []*auth{g.auth}
	case !set(&r.settings, "allow", "["+quotedList(g.allow)+"]"):
		r.close("a second list of addresses, which has to admit, too")
	}
}

func (r *route) close(why string) {
	if !slices.Contains(r.closed, why) {
		r.closed = append(r.closed, why)
	}
}

// closedRoutes returns the names of the routes that are closed.
func (d *document) closedRoutes() (names []string) {
	for _, r := range d.routes {
		if len(r.closed) > 0 {
			names = append(names, r.name)
		}
	}
	return names
}

// writeGuards writes who may ask.
func (r *route) writeGuards(b *strings.Builder) {
	if len(r.auths) > 0 {
		fmt.Fprintf(b, "auth     = [%q]\n", r.auths[0].name)
	}
	if len(r.closed) == 0 {
		return
	}
	b.WriteString("# Closed, because what protects it was not carried over. Write [auth.NAME] and auth = [\"NAME\"] in the place of this:\n")
	for _, why := range r.closed {
		fmt.Fprintf(b, "#   %s\n", comment(why))
	}
	b.WriteString("deny     = [\"0.0.0.0/0\", \"::/0\"]\n")
}

func (a *auth) write(b *strings.Builder) {
	writeNotes(b, "", a.notes)
	fmt.Fprintf(b, "[auth.%s]\n", a.name)
	if a.upstream != nil {
		fmt.Fprintf(b, "forward = %q\n", a.upstream.name)
	}
	for _, s := range a.settings {
		fmt.Fprintf(b, "%s = %s\n", s.key, s.value)
	}
}

// network returns an address or a network as corsgate writes it, or "".
func network(s string) string {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked().String()
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return a.String()
	}
	return ""
}

// networks returns a list of addresses and networks, or nil if one of them is none.
func networks(list []string) (all []string) {
	for _, s := range list {
		n := network(strings.TrimSpace(s))
		if n == "" {
			return nil
		}
		if !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

// protecting are words in the name of a middleware that asks who sends a request.
var protecting = regexp.MustCompile(`(?i)auth|jwt|oidc|sso|login|token|key|allow|white|crowdsec|ldap`)

// guard notes what a middleware lets through, if it is one that protects.
func (f *traefikFile) guard(name, kind string, options map[string]any) {
	what := "middleware " + name + ": " + kind
	g := &guard{closed: what}
	switch strings.ToLower(kind) {
	case "forwardauth":
		if a := forwardAuth(name, folded(options)); a != nil {
			g = &guard{auth: a}
		}
	case "ipallowlist", "ipwhitelist":
		o := folded(options)
		if list := networks(texts(o["sourcerange"])); list != nil && len(o) == 1 {
			g = &guard{allow: list}
		}
	case "basicauth", "digestauth":
	case "plugin":
		if !protecting.MatchString(name) && !slices.ContainsFunc(sortedKeys(options), protecting.MatchString) {
			return
		}
	default:
		return
	}
	if g.closed != "" {
		f.leave("%s", what) // its options may be passwords
	}
	f.guards[strings.ToLower(name)] = g
}

// authField matches names of fields that [auth.NAME] can send and copy.
var authField = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*$`)

// forwardAuth returns the table for the options of the middleware, or nil if it says what corsgate does not do.
func forwardAuth(name string, o map[string]any) *auth {
	a := &auth{name: name}
	for _, key := range sortedKeys(o) {
		switch {
		case slices.Contains([]string{"address", "authresponseheaders", "authrequestheaders"}, key), text(o[key]) == "false":
		case key == "trustforwardheader":
			a.notes = append(a.notes, "trustForwardHeader: write the proxies that are believed in [trust] proxies")
		default:
			return nil
		}
	}
	u, err := url.Parse(text(o["address"]))
	if err != nil || u.User != nil || u.Fragment != "" {
		return nil
	}
	address, ok := server(u.Scheme + "://" + u.Host)
	path := u.RequestURI()
	if !ok || strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return nil
	}
	a.upstream = &upstream{name: name, endpoints: []string{address}}
	a.settings = []setting{{"path", strconv.Quote(path)}}
	for _, l := range []struct{ option, key string }{{"authrequestheaders", "send"}, {"authresponseheaders", "copy"}} {
		fields := texts(o[l.option])
		for _, field := range fields {
			lower := strings.ToLower(field)
			if !authField.MatchString(field) || slices.Contains(gatewayFields, lower) || strings.HasPrefix(lower, "x-forwarded-") || strings.HasPrefix(lower, "sec-") {
				return nil
			}
		}
		if len(fields) > 0 {
			a.settings = append(a.settings, setting{l.key, "[" + quotedList(fields) + "]"})
		} else if l.key == "send" {
			a.notes = append(a.notes, "Traefik sends all fields of the request along; here these are Cookie and Authorization: add others that it reads to send")
		}
	}
	return a
}

// expand returns the names of middlewares, in order, with those of chains.
func (f *traefikFile) expand(names []string, depth int) (all []string) {
	for _, name := range names {
		name, _, _ = strings.Cut(strings.ToLower(name), "@")
		if chain, ok := f.chains[name]; ok && depth < 8 {
			all = append(all, f.expand(chain, depth+1)...)
		} else {
			all = append(all, name)
		}
		if len(all) > maxLeft {
			return all[:maxLeft]
		}
	}
	return all
}
