package convert

import (
	"slices"
	"strings"
)

// This file finds the response fields that a block of nginx's configuration adds.

// A header is one response field that nginx adds.
type header struct {
	name, value string // name in lower case
	always      bool
	more        bool // more_set_headers
	line        int
}

func headerOf(d *directive) (header, bool) {
	h := header{line: d.line}
	switch d.name() {
	case "add_header":
		h.name, h.value, h.always = d.arg(1), d.arg(2), slices.Contains(d.words[1:], "always")
	case "more_set_headers":
		// Options come first: -s '200 204', -t type, -r, -a.
		words := d.words[1:]
		for len(words) > 1 && strings.HasPrefix(words[0], "-") {
			if words[0] == "-s" || words[0] == "-t" {
				words = words[1:]
			}
			words = words[1:]
		}
		if len(words) == 0 {
			return h, false
		}
		h.name, h.value, _ = strings.Cut(words[0], ":")
		h.value, h.always, h.more = strings.TrimSpace(h.value), true, true
	default:
		return h, false
	}
	h.name = strings.ToLower(strings.TrimSpace(h.name))
	return h, h.name != ""
}

// headers returns the fields that the directives of a list add, but for those in blocks.
func headers(list []*directive) (own []header) {
	for _, d := range list {
		words := d.words
		if d.name() == "more_set_headers" && len(words) > 2 && !strings.HasPrefix(words[1], "-") {
			for _, w := range words[1:] {
				h, _ := headerOf(&directive{line: d.line, words: []string{"more_set_headers", w}})
				own = append(own, h)
			}
			continue
		}
		if h, ok := headerOf(d); ok {
			own = append(own, h)
		}
	}
	return own
}

func named(list []header, name string) (found []header) {
	for _, h := range list {
		if h.name == name {
			found = append(found, h)
		}
	}
	return found
}

// inherited returns the fields of a block where an inner one adds own: lines of add_header only if the inner one has none,
// or says that they are merged.
func inherited(outer, own []header, merge bool) (all []header) {
	hasOwn := slices.ContainsFunc(own, func(h header) bool { return !h.more })
	for _, h := range outer {
		if h.more || !hasOwn || merge {
			all = append(all, h)
		}
	}
	return append(all, own...)
}

func merges(list []*directive) bool {
	return slices.ContainsFunc(list, func(d *directive) bool { return d.name() == "add_header_inherit" && d.arg(1) == "merge" })
}

// fields returns the fields of responses in s, inherited ones included.
func (s *scope) fields() []header {
	if s == nil {
		return nil
	}
	return inherited(s.outer.fields(), headers(s.list), merges(s.list))
}

// statuses are those for which add_header without "always" is.
var statuses = []int{200, 201, 204, 206, 301, 302, 303, 304, 307, 308}

// respond runs a request in s and returns the fields of its response, with values, and the status that the file gives it,
// or 0.
func (s *scope) respond(r *run) (sent []header, status int) {
	var all []header
	server := s.server()
	t := turn{}
	if server != nil && server != s {
		if t = r.follow(server.list); t.ended && t.status != 0 {
			all = server.fields()
		}
	}
	if t.status == 0 {
		t = r.follow(s.list)
		all = s.fields()
		if t.in != nil {
			all = inherited(all, headers(t.in.block), merges(t.in.block))
		}
	}
	for _, h := range all {
		h.value = r.value(h.value, h.line)
		if h.value == "" || t.status != 0 && !h.always && !slices.Contains(statuses, t.status) {
			continue
		}
		if h.more {
			sent = slices.DeleteFunc(sent, func(other header) bool { return other.name == h.name })
		}
		sent = append(sent, h)
	}
	return sent, t.status
}

// server returns the server that s is, or is in, or nil.
func (s *scope) server() *scope {
	for at := s; at != nil; at = at.outer {
		if at.d != nil && at.d.name() == "server" {
			return at
		}
	}
	return nil
}
