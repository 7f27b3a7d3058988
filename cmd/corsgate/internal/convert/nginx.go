package convert

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// This file finds the blocks of nginx's configuration that say something of CORS, and makes a
// policy of each: of what the responses hold when it is run, by nginx_run.go, for each origin
// that it knows and for a stranger's.

// A scope is a block on its way from the top of the file.
type scope struct {
	outer *scope
	d     *directive // nil: the file
	list  []*directive
	file  *nginxFile
}

// An nginxFile is what holds for a whole file.
type nginxFile struct {
	document
	maps      map[string]*directive // by the names of their variables
	regexps   map[string]*regexp.Regexp
	isSet     map[string]bool       // variables that are set somewhere
	zones     map[string]*directive // limit_req_zone by name
	servers   map[string]*directive // upstream by name
	upstreams map[string]*upstream  // that were made, by what proxy_pass says
	limits    map[string]*limit     // likewise, by zone and burst
	asked     map[string]*auth      // likewise, by whom and what of the answer goes on
	carried   map[*directive]bool   // directives that are not to be listed
}

func readNginx(text string) (*document, error) {
	directives, err := parseNginx(text)
	if err != nil {
		return nil, err
	}
	f := newNginxFile(directives)
	f.visit(&scope{list: directives, file: f}, nil)
	return &f.document, nil
}

func newNginxFile(directives []*directive) *nginxFile {
	f := &nginxFile{maps: map[string]*directive{}, regexps: map[string]*regexp.Regexp{}, isSet: map[string]bool{}, zones: map[string]*directive{},
		servers: map[string]*directive{}, upstreams: map[string]*upstream{}, limits: map[string]*limit{}, asked: map[string]*auth{}, carried: map[*directive]bool{}}
	f.collect(directives)
	return f
}

// compiled returns an expression as package regexp has it, or nil if that cannot read it.
func (f *nginxFile) compiled(e expression) *regexp.Regexp {
	re, ok := f.regexps[e.goText()]
	if !ok {
		re, _ = regexp.Compile(e.goText()) // nil if it is wrong
		f.regexps[e.goText()] = re
	}
	return re
}

// collect finds what can be used from anywhere in the file.
func (f *nginxFile) collect(list []*directive) {
	for _, d := range list {
		switch d.name() {
		case "map":
			f.maps[strings.Trim(d.arg(2), "${}")] = d
		case "set":
			f.isSet[strings.Trim(d.arg(1), "${}")] = true
		case "limit_req_zone":
			for _, w := range d.words[1:] {
				if zone, ok := strings.CutPrefix(w, "zone="); ok {
					name, _, _ := strings.Cut(zone, ":")
					f.zones[name] = d
				}
			}
		case "upstream":
			f.servers[d.arg(1)] = d
		}
		f.collect(d.block)
	}
}

// visit makes policies and routes of a block and those in it. inherited is the policy of the blocks around it.
func (f *nginxFile) visit(s *scope, outer *policy) {
	p := outer
	if s.speaks() {
		if p = s.policy(); p != nil {
			f.policies = append(f.policies, p)
		}
	} else if outer != nil && s.d != nil && slices.ContainsFunc(headers(s.list), func(h header) bool { return !h.more }) && !merges(s.list) {
		outer.note("line %d: %s contains add_header lines, so it inherits none: it had no CORS fields, and its route has no policy", s.d.line, s.d.name())
		p = nil
	}
	f.forward(s, p)
	for _, d := range s.list {
		if slices.Contains([]string{"http", "server", "location"}, d.name()) {
			f.visit(&scope{outer: s, d: d, list: d.block, file: f}, p)
		}
	}
}

// speaks reports whether a block adds fields of CORS itself.
func (s *scope) speaks() bool {
	list := headers(s.list)
	for _, d := range s.list {
		if d.name() == "if" {
			list = append(list, headers(d.block)...)
		}
	}
	return len(named(list, "access-control-allow-origin")) > 0
}

// methods are the methods that are run, in addition to preflights: the first that shares its response stands for all.
var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"}

// policy runs the block for a stranger's origin and for each one that is asked about on the way.
func (s *scope) policy() *policy {
	allow := 0
	for _, d := range s.list {
		for _, h := range named(append(headers([]*directive{d}), headers(d.block)...), "access-control-allow-origin") {
			if allow == 0 || h.line < allow {
				allow = h.line
			}
		}
	}
	p := newPolicy(s.describe(), fmt.Sprintf("line %d", allow))
	s.locate(p)
	var asked questions
	var answers []answer
	for i := -1; i < min(len(asked.list), maxAtoms); i++ {
		var origin *atom
		if i >= 0 {
			o := asked.list[i] // the list may grow
			origin = &o
		}
		for _, method := range append([]string{"OPTIONS"}, methods...) {
			r := &run{file: s.file, method: method, origin: origin, asked: &asked, vars: map[string]string{}, unknown: &p.unjudged}
			a := answer{origin: origin, method: method}
			a.sent, a.status = s.respond(r)
			answers = append(answers, a)
		}
	}
	if len(asked.list) > maxAtoms {
		p.doubt("line %d: more than %d origins and expressions", allow, maxAtoms)
	}
	for _, d := range s.includes() {
		p.doubt("line %d: include %s is not read", d.line, d.arg(1))
	}
	p.conclude(answers)
	return p
}

// maxAtoms bounds the runs of one block.
const maxAtoms = 1000

// includes returns the includes of the block and those around it that may hold something of CORS.
func (s *scope) includes() (list []*directive) {
	for at := s; at != nil; at = at.outer {
		for _, d := range at.list {
			if d.name() == "include" && !strings.HasSuffix(d.arg(1), "mime.types") && !strings.HasSuffix(d.arg(1), "_params") {
				list = append(list, d)
			}
		}
	}
	return list
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
	var exact bool
	if p.hosts, p.path, exact = s.place(); !exact {
		p.note("%s has no equivalent prefix: write the route's path", s.title())
	}
}

// place returns the hosts and the path of the requests that a block is for. exact is false if
// the path is not what nginx has.
func (s *scope) place() (hosts []string, path string, exact bool) {
	exact = true
	located := false
	for at := s; at != nil && at.d != nil; at = at.outer {
		switch at.d.name() {
		case "location":
			if located {
				continue
			}
			located = true
			words := at.d.words
			last := words[len(words)-1]
			if path = plainPrefix(last); slices.Contains([]string{"~", "~*"}, at.d.arg(1)) || path == "" && last != "/" {
				path = "/" + unique(s.describe(), map[string]bool{}) // not "/", which would be all paths
			}
			exact = path == plainPrefix(last) && at.d.arg(1) != "="
		case "server":
			var p policy
			for _, d := range at.list {
				if d.name() == "server_name" {
					for _, host := range d.words[1:] {
						p.hosts = p.addHost(strings.ToLower(host))
					}
				}
			}
			hosts = p.hosts
		}
	}
	return hosts, path, exact
}

// title returns the words by which a block begins.
func (s *scope) title() string {
	if s.d == nil {
		return "the file"
	}
	return oneLine(strings.Join(s.d.words, " "))
}
