package convert

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// This file carries over the parts of nginx's configuration other than CORS for which corsgate
// has a key, and lists the rest.

// quiet are directives that need no word: corsgate does the same by itself, or has been asked about them elsewhere.
var quiet = []string{"http", "server", "location", "if", "set", "map", "events", "add_header", "more_set_headers", "add_header_inherit", "server_name", "upstream",
	"limit_req_zone", "proxy_pass", "break", "default_type", "worker_processes", "worker_connections", "user", "pid", "sendfile", "tcp_nopush", "tcp_nodelay",
	"keepalive_timeout", "types_hash_max_size", "server_tokens", "error_log", "proxy_http_version", "proxy_buffering", "client_max_body_size", "limit_req",
	"proxy_read_timeout", "proxy_connect_timeout", "allow", "deny"}

// forwardedByItself are fields of requests that corsgate sets without being told.
var forwardedByItself = []string{"host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-prefix", "forwarded", "connection", "upgrade", "x-request-id"}

// forward makes a route of a block that forwards, and lists what it says that was not carried over.
func (f *nginxFile) forward(s *scope, p *policy) {
	f.carryAuth(s)
	f.list(s)
	if slices.ContainsFunc(s.list, func(d *directive) bool { return d.name() == "internal" }) {
		return // no client reaches it, and none is to reach it here
	}
	var pass *directive
	for _, d := range s.list {
		if d.name() == "proxy_pass" {
			pass = d
		}
	}
	if s.d == nil || s.d.name() == "http" {
		return
	}
	if pass == nil {
		f.unforwarded(s, p)
		return
	}
	r := &route{name: s.describe(), where: fmt.Sprintf("line %d", s.d.line), policy: p}
	var exact bool
	if r.hosts, r.path, exact = s.place(); !exact {
		r.notes = append(r.notes, s.title()+"has no equivalent prefix: write the path")
	}
	r.upstream = f.upstream(pass, r)
	s.settings(r)
	f.routes = append(f.routes, r)
}

// unforwarded makes a route for a policy of a block that forwards nothing, and in which nothing is forwarded either.
func (f *nginxFile) unforwarded(s *scope, p *policy) {
	if p == nil || !s.speaks() || passes(s.list) {
		return
	}
	r := &route{name: p.name, hosts: p.hosts, path: p.path, policy: p}
	s.settings(r)
	f.routes = append(f.routes, r)
}

func passes(list []*directive) bool {
	return slices.ContainsFunc(list, func(d *directive) bool { return d.name() == "proxy_pass" || passes(d.block) })
}

// upstream returns the upstream of a proxy_pass, made once.
func (f *nginxFile) upstream(pass *directive, r *route) *upstream {
	target := pass.arg(1)
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || strings.Contains(target, "$") || u.Scheme != "http" && u.Scheme != "https" || !serverAddress.MatchString(u.Host) {
		f.leave("line %d: proxy_pass %s", pass.line, target)
		return nil
	}
	r.prefixes(u.Path, pass)
	key := u.Scheme + "://" + u.Host
	if made := f.upstreams[key]; made != nil {
		return made
	}
	made := &upstream{name: u.Hostname()}
	if strings.Trim(made.name, "0123456789.") == "" || made.name == "localhost" {
		made.name = "api"
	}
	if d := f.servers[u.Host]; d != nil {
		f.endpoints(made, u.Scheme, d)
	}
	if len(made.endpoints) == 0 {
		made.endpoints = []string{key}
		if !strings.ContainsAny(u.Host, ".:") && made.name != "api" {
			made.notes = []string{fmt.Sprintf("line %d forwards to %s, which is not an upstream of this file: write its addresses", pass.line, u.Host)}
		}
	}
	f.upstreams[key] = made
	f.document.upstreams = append(f.document.upstreams, made)
	return made
}

var serverAddress = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)(:[1-9][0-9]{0,4})?$`)

// prefixes takes over what the URI of a proxy_pass does to the path: it stands in the place of the location's.
func (r *route) prefixes(path string, pass *directive) {
	if path == "" || r.path == "" && path == "/" {
		return
	}
	add := plainPrefix(path)
	if path != "/" && add == "" || r.path == "" && add == "" {
		r.notes = append(r.notes, fmt.Sprintf("line %d: the path of proxy_pass %s was not carried over", pass.line, pass.arg(1)))
		return
	}
	if r.path != "" {
		set(&r.settings, "strip_prefix", strconv.Quote(r.path))
	}
	if add != "" {
		set(&r.settings, "add_prefix", strconv.Quote(add))
	}
}

// endpoints takes the servers of an upstream block.
func (f *nginxFile) endpoints(u *upstream, scheme string, block *directive) {
	var weights []int
	for _, d := range block.block {
		if d.name() != "server" {
			f.leave("line %d: upstream %s: %s", d.line, block.arg(1), oneLine(strings.Join(d.words, " ")))
			continue
		}
		address := d.arg(1)
		weight := 1
		var rest []string
		for _, w := range d.words[min(2, len(d.words)):] {
			if n, err := strconv.Atoi(strings.TrimPrefix(w, "weight=")); err == nil && n >= 1 && n <= 1000 {
				weight = n
			} else {
				rest = append(rest, w)
			}
		}
		switch path, isSocket := strings.CutPrefix(address, "unix:"); {
		case slices.Contains(rest, "backup") || slices.Contains(rest, "down"), isSocket && scheme != "http":
			f.leave("line %d: upstream %s: %s", d.line, block.arg(1), oneLine(strings.Join(d.words, " ")))
			continue
		case isSocket && strings.HasPrefix(path, "/") && !strings.ContainsAny(path, " ?#"):
			address = "unix:" + path
		case serverAddress.MatchString(address):
			address = scheme + "://" + address
		default:
			f.leave("line %d: upstream %s: server %s", d.line, block.arg(1), address)
			continue
		}
		if len(rest) > 0 {
			f.leave("line %d: upstream %s: of server %s: %s", d.line, block.arg(1), d.arg(1), strings.Join(rest, " "))
		}
		if !slices.Contains(u.endpoints, address) {
			u.endpoints, weights = append(u.endpoints, address), append(weights, weight)
		}
	}
	if slices.ContainsFunc(weights, func(n int) bool { return n != 1 }) {
		u.weights = weights
	}
}

// list lists the directives of a block that are not carried over.
func (f *nginxFile) list(s *scope) {
	for _, d := range s.list {
		name := d.name()
		field := strings.ToLower(d.arg(1))
		switch {
		case f.carried[d]:
		case name == "proxy_set_header" && (slices.Contains(forwardedByItself, field) || constant(d.arg(2)) != ""):
		case name == "return" && s.d != nil && s.d.name() != "location" || !slices.Contains(quiet, name):
			f.leave("line %d: %s", d.line, oneLine(strings.Join(d.words, " ")))
		}
	}
}

// constant returns v as the value of a field for corsgate, "" if it has variables or is none.
func constant(v string) string {
	for _, r := range v {
		if r < ' ' || r > '~' || r == '$' {
			return ""
		}
	}
	return strings.TrimSpace(v)
}
