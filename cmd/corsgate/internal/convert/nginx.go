package convert

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// This file reads what nginx's configuration says of CORS. The facts are those of its documentation:
//
//   - add_header without "always" is for the statuses 200, 201, 204, 206, 301, 302, 303, 304, 307 and 308 only;
//   - a block inherits add_header from the one around it only if it has none of its own;
//   - "~" and "~*" match a part of the Origin, unless the expression is anchored.
//
// The idioms: add_header with "*", one origin, $http_origin or a variable; that variable made by map, or by set and if;
// add_header inside if. A policy is made for each block that sets Access-Control-Allow-Origin.

// A scope is a block on its way from the top of the file.
type scope struct {
	outer *scope
	d     *directive // nil: the file
	list  []*directive
	vars  map[string][]rule // of the whole file
}

// A rule gives a variable a value where the Origin matches.
type rule struct {
	match string // as nginx writes it: "", "default", an origin, "~expression", "~*expression"
	value string
	line  int
}

func readNginx(text string) ([]*policy, error) {
	directives, err := parseNginx(text)
	if err != nil {
		return nil, err
	}
	top := &scope{list: directives, vars: map[string][]rule{}}
	top.maps(directives)
	var policies []*policy
	top.visit(&policies)
	return policies, nil
}

// maps collects the variables that map makes of $http_origin.
func (s *scope) maps(list []*directive) {
	for _, d := range list {
		if d.name() == "map" && d.arg(1) == "$http_origin" {
			for _, entry := range d.block {
				s.vars[d.arg(2)] = append(s.vars[d.arg(2)], rule{entry.name(), entry.arg(1), entry.line})
			}
		}
		s.maps(d.block)
	}
}

func (s *scope) visit(policies *[]*policy) {
	if p := s.policy(); p != nil {
		*policies = append(*policies, p)
	}
	for _, d := range s.list {
		if slices.Contains([]string{"http", "server", "location"}, d.name()) {
			inner := &scope{outer: s, d: d, list: d.block, vars: s.vars}
			inner.visit(policies)
		}
	}
}

// headers returns the headers that a list sets, and those of the ifs in it.
func headers(list []*directive) (own, inIfs []header) {
	for _, d := range list {
		if h, ok := headerOf(d); ok {
			own = append(own, h)
		}
		if d.name() == "if" {
			inner, _ := headers(d.block)
			for _, h := range inner {
				h.when = d
				inIfs = append(inIfs, h)
			}
		}
	}
	return own, inIfs
}

// A header is one response field that nginx adds.
type header struct {
	name, value string // name in lower case
	always      bool
	line        int
	when        *directive // the if around it, or nil
}

func headerOf(d *directive) (header, bool) {
	h := header{line: d.line}
	switch d.name() {
	case "add_header":
		h.name, h.value, h.always = d.arg(1), d.arg(2), slices.Contains(d.words[1:], "always")
	case "more_set_headers":
		h.name, h.value, _ = strings.Cut(d.arg(1), ":")
		h.value, h.always = strings.TrimSpace(h.value), true
	default:
		return h, false
	}
	h.name = strings.ToLower(strings.TrimSpace(h.name))
	return h, h.name != ""
}

// policy returns the policy of the block itself, or nil.
func (s *scope) policy() *policy {
	own, inIfs := headers(s.list)
	all := append(slices.Clone(own), inIfs...)
	allow := named(all, "access-control-allow-origin")
	if len(allow) == 0 {
		return nil
	}
	p := newPolicy(s.describe(), fmt.Sprintf("line %d", allow[0].line))
	s.locate(p)
	for _, h := range named(all, "access-control-allow-credentials") {
		p.credentials = p.credentials || strings.EqualFold(h.value, "true") || strings.HasPrefix(h.value, "$")
	}
	dynamic := false
	for _, h := range allow {
		dynamic = s.allowed(p, h) || dynamic
	}
	for _, h := range all {
		p.take(h)
	}
	s.holes(p, own, inIfs, dynamic)
	return p
}

func named(list []header, name string) (found []header) {
	for _, h := range list {
		if h.name == name {
			found = append(found, h)
		}
	}
	return found
}

// describe names the block.
func (s *scope) describe() string {
	if s.d == nil || s.d.name() == "http" {
		return "app"
	}
	if s.d.name() == "location" {
		if last := strings.Trim(s.d.words[len(s.d.words)-1], "/^$~=* "); last != "" {
			return last
		}
		return "app"
	}
	for _, d := range s.list {
		if d.name() == "server_name" && hostName.MatchString(strings.ToLower(d.arg(1))) {
			return d.arg(1)
		}
	}
	return "app"
}

// locate takes path and hosts from the blocks around p.
func (s *scope) locate(p *policy) {
	for at := s; at != nil && at.d != nil; at = at.outer {
		switch at.d.name() {
		case "location":
			if words := at.d.words; p.path == "" {
				p.path = route(words[len(words)-1])
				if slices.Contains([]string{"~", "~*", "="}, at.d.arg(1)) || p.path == "" && words[len(words)-1] != "/" {
					p.path = ""
					p.note("location %s has no equal as a prefix: write the route's path", strings.Join(words[1:], " "))
				}
			}
		case "server":
			for _, d := range at.list {
				if d.name() == "server_name" {
					for _, host := range d.words[1:] {
						p.hosts = p.addHost(strings.ToLower(host))
					}
				}
			}
		}
	}
}

// take takes the lists and the max age.
func (p *policy) take(h header) {
	add := func(list *[]string, asked string) {
		if strings.Contains(h.value, "$") {
			if !slices.Contains(*list, "*") {
				*list = append(*list, "*")
			}
			if asked == "headers" && !p.credentials && !slices.Contains(*list, "Authorization") {
				*list = append(*list, "Authorization")
			}
			p.note("line %d: whatever a preflight asks for was allowed: list the names that pages need", h.line)
			return
		}
		for _, m := range split(h.value) {
			if !slices.ContainsFunc(*list, func(other string) bool { return strings.EqualFold(other, m) }) {
				*list = append(*list, m)
			}
		}
	}
	switch h.name {
	case "access-control-allow-methods":
		add(&p.methods, "methods")
	case "access-control-allow-headers":
		add(&p.requestHeaders, "headers")
	case "access-control-expose-headers":
		add(&p.exposeHeaders, "exposed")
	case "access-control-max-age":
		p.age(h.value)
	}
}

// holes notes what the block gets wrong.
func (s *scope) holes(p *policy, own, inIfs []header, dynamic bool) {
	all := append(slices.Clone(own), inIfs...)
	if allow := named(all, "access-control-allow-origin"); slices.ContainsFunc(allow, func(h header) bool { return !h.always }) {
		p.hole(`without "always" pages cannot read errors: nginx adds the fields to some statuses only`)
	}
	if dynamic && !slices.ContainsFunc(named(all, "vary"), func(h header) bool { return strings.Contains(strings.ToLower(h.value), "origin") }) {
		p.hole("without Vary: Origin, caches hand the answer for one origin to another")
	}
	if count := len(named(own, "access-control-allow-origin")); count > 1 {
		p.hole("Access-Control-Allow-Origin is added %d times, and browsers refuse two", count)
	}
	for _, d := range s.list {
		if d.name() != "if" || !strings.Contains(strings.Join(d.words, " "), "$request_method") {
			continue
		}
		inner, _ := headers(d.block)
		if len(inner) > 0 && len(named(inner, "access-control-allow-origin")) == 0 && len(named(own, "access-control-allow-origin")) > 0 {
			p.hole("line %d: this if adds fields of its own, so it inherits none: preflights are answered without Access-Control-Allow-Origin", d.line)
		}
		for _, in := range d.block {
			if status, err := strconv.Atoi(in.arg(1)); in.name() == "return" && err == nil && status >= 200 && status < 300 {
				p.status = status
			}
		}
	}
}
