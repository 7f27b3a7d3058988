package convert

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// nginxGuards are directives by which nginx asks who sends a request.
var nginxGuards = []string{"auth_basic", "auth_request", "auth_jwt", "auth_digest", "auth_pam", "auth_ldap", "auth_gss", "auth_oidc", "secure_link",
	"access_by_lua_block", "access_by_lua_file", "js_access", "ssl_verify_client"}

// guards takes over who may ask for what a block has.
func (s *scope) guards(r *route) {
	for _, name := range nginxGuards {
		d := s.nearest(name)
		if d == nil || d.arg(1) == "off" || name == "ssl_verify_client" && d.arg(1) != "on" {
			continue
		}
		if a := s.file.carryAuth(s); a != nil && name == "auth_request" {
			r.protect(&guard{auth: a})
			continue
		}
		r.close(fmt.Sprintf("line %d: %s", d.line, oneLine(strings.Join(d.words[:min(2, len(d.words))], " "))))
	}
	var list []*directive
	for at := s; at != nil && len(list) == 0; at = at.outer {
		for _, d := range at.list {
			if d.name() == "allow" || d.name() == "deny" {
				list = append(list, d)
			}
		}
	}
	if len(list) == 0 {
		return
	}
	if key, addresses := ofRules(list); key == "" {
		r.close(fmt.Sprintf("line %d: %s %s, with other rules around it", list[0].line, list[0].name(), list[0].arg(1)))
	} else if len(addresses) > 0 {
		set(&r.settings, key, "["+quotedList(addresses)+"]")
	}
}

// ofRules returns what rules of addresses say, of which the first that fits decides: "allow", for these alone, or "deny", for all
// but these. The key is "" where they say more than that.
func ofRules(list []*directive) (key string, addresses []string) {
	last := list[len(list)-1]
	key, rest := "deny", list
	switch {
	case last.name() == "deny" && last.arg(1) == "all":
		key, rest = "allow", list[:len(list)-1]
	case last.name() == "allow" && last.arg(1) == "all":
		rest = list[:len(list)-1]
	}
	var texts []string
	for _, d := range rest {
		if d.name() != key {
			return "", nil
		}
		texts = append(texts, d.arg(1))
	}
	if addresses = networks(texts); addresses == nil && (len(texts) > 0 || key == "allow") {
		return "", nil
	}
	return key, addresses
}

// carryAuth returns the table for the auth_request that holds in a block, or nil if it does not mean the same here.
func (f *nginxFile) carryAuth(s *scope) *auth {
	d := s.nearest("auth_request")
	if d == nil || !strings.HasPrefix(d.arg(1), "/") {
		return nil
	}
	if satisfy := s.nearest("satisfy"); satisfy != nil && satisfy.arg(1) != "all" {
		return nil
	}
	pass, notes := s.authoriser(d.arg(1))
	fields, sets, ok := s.copied()
	if pass == nil || !ok {
		return nil
	}
	key := fmt.Sprint(pass.line, fields)
	if made := f.asked[key]; made != nil {
		f.carry(d, sets)
		return made
	}
	var asking route
	u := f.upstream(&directive{words: []string{"proxy_pass", serverOf(pass.arg(1))}, line: pass.line}, &asking)
	if u == nil {
		return nil
	}
	a := &auth{name: "asked", upstream: u, notes: notes}
	path := d.arg(1)
	if uri := strings.TrimPrefix(pass.arg(1), serverOf(pass.arg(1))); uri != "" {
		path = uri
	}
	a.settings = []setting{{"path", strconv.Quote(path)}}
	if len(fields) > 0 {
		a.settings = append(a.settings, setting{"copy", "[" + quotedList(fields) + "]"})
	}
	a.notes = append(a.notes, "nginx sends all fields of the request along; here these are Cookie and Authorization: add others that it reads to send")
	f.asked[key] = a
	f.carry(d, sets)
	return a
}

// carry notes that directives were carried over.
func (f *nginxFile) carry(d *directive, sets []*directive) {
	f.carried[d] = true
	for _, set := range sets {
		f.carried[set] = true
	}
}

// serverOf returns the beginning of a URL, without a path.
func serverOf(target string) string {
	scheme, rest, _ := strings.Cut(target, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// authoriser returns the proxy_pass of the location that an auth_request names, and what to note of it; nil if it does more than ask.
func (s *scope) authoriser(uri string) (pass *directive, notes []string) {
	server := s
	for server.outer != nil && server.d != nil && server.d.name() != "server" {
		server = server.outer
	}
	var location *directive
	for _, d := range server.list {
		if d.name() == "location" && len(d.words) > 1 && d.words[len(d.words)-1] == uri && (len(d.words) == 2 || d.arg(1) == "=") {
			location = d
		}
	}
	if location == nil {
		return nil, nil
	}
	for _, d := range location.block {
		switch d.name() {
		case "proxy_pass":
			pass = d
		case "proxy_set_header":
			if field := strings.ToLower(d.arg(1)); field != "content-length" && !slices.Contains(forwardedByItself, field) {
				notes = append(notes, fmt.Sprintf("line %d: corsgate sends X-Forwarded-Method, -Proto, -Host, -Uri and -For, not %s", d.line, oneLine(d.arg(1))))
			}
		case "internal", "proxy_pass_request_body", "proxy_http_version", "proxy_buffering", "proxy_connect_timeout", "proxy_read_timeout":
		default:
			return nil, nil
		}
	}
	if pass == nil || strings.ContainsFunc(pass.arg(1), func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("\"\\$#", r) }) {
		return nil, nil
	}
	return pass, notes
}

// copied returns the fields of the authoriser's answer that go on to the upstream, with the directives that say so. ok is false if one
// goes on under another name.
func (s *scope) copied() (fields []string, sets []*directive, ok bool) {
	from := map[string]string{}
	for at := s; at != nil && len(from) == 0; at = at.outer {
		for _, d := range at.list {
			if d.name() != "auth_request_set" {
				continue
			}
			sets = append(sets, d)
			if field, found := strings.CutPrefix(d.arg(2), "$upstream_http_"); found {
				from[d.arg(1)] = strings.ReplaceAll(field, "_", "-")
			}
		}
	}
	for at := s; at != nil; at = at.outer {
		any := false
		for _, d := range at.list {
			if d.name() != "proxy_set_header" {
				continue
			}
			any = true
			field, found := from[d.arg(2)]
			switch {
			case !found:
			case !strings.EqualFold(field, d.arg(1)) || !authField.MatchString(field) || slices.Contains(gatewayFields, field):
				return nil, nil, false
			default:
				fields, sets = append(fields, canonical(field)), append(sets, d)
			}
		}
		if any {
			break // the fields of the blocks around it are not inherited then
		}
	}
	return fields, sets, true
}
