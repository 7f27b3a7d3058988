package convert

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// This file runs nginx's configuration for one request, as far as its response fields depend on
// it. The facts are those of nginx's documentation and source:
//
//   - set, if and return run in order, the server's before the location's; return ends them;
//   - of several ifs of a location that hold, the last one's block is the configuration: its
//     add_header lines, or, if it has none, those that the location has or inherits;
//   - more_set_headers of an outer block are set, too, and replaced by an inner one's;
//   - a map is evaluated when its variable is used: entries that are not expressions come first, in any order;
//   - add_header without "always" is for some statuses only, and an empty value adds no field.
//
// The Origin is either known as a whole, or it is one that a certain expression matches and
// nothing else is known of, or it is a stranger's, which nothing in the file matches. So a run
// is made for each of them.

// Marks in values, for unknown parts. No text contains them, since it contains no NUL.
const (
	originMark  = "\x00o" // the Origin
	askedMark   = "\x00h" // what a preflight asks for
	unknownMark = "\x00?" // anything else
)

// An atom is a question about the Origin: "=" and an origin, or "~" or "~*" and an expression.
type atom struct {
	operator, text string
	line           int
}

// Questions are those that were asked about the Origin, each once, in order.
type questions struct {
	list []atom
	seen map[atom]bool // without lines
}

func (q *questions) note(a atom) {
	key := atom{operator: a.operator, text: a.text}
	if q.seen == nil {
		q.seen = map[atom]bool{}
	}
	if !q.seen[key] {
		q.seen[key] = true
		q.list = append(q.list, a)
	}
}

// A run is one request on its way.
type run struct {
	file    *nginxFile
	method  string
	origin  *atom // the only one that holds; nil: a stranger's origin
	asked   *questions
	vars    map[string]string
	depth   int
	unknown *[]string // what was not understood, with its line
}

func (r *run) doubt(line int, format string, args ...any) {
	s := fmt.Sprintf("line %d: ", line) + fmt.Sprintf(format, args...)
	if !slices.Contains(*r.unknown, s) {
		*r.unknown = append(*r.unknown, s)
	}
}

// holds asks a question about the Origin.
func (r *run) holds(a atom) bool {
	r.asked.note(a)
	o := r.origin
	switch {
	case o == nil:
		return false
	case o.operator == "=":
		return r.matches(o.text, a)
	}
	return o.operator == a.operator && o.text == a.text
}

// matches answers a question about a text that is known.
func (r *run) matches(text string, a atom) bool {
	if a.operator == "=" {
		return text == a.text
	}
	re := r.file.compiled(expression{a.text, a.operator == "~*", true})
	if re == nil {
		r.doubt(a.line, "the expression %s", strconv.Quote(a.text))
		return false
	}
	return re.MatchString(text)
}

// ask answers a question about a value.
func (r *run) ask(value string, a atom) bool {
	switch {
	case value == originMark && a.text == "" && a.operator == "=":
		return false
	case value == originMark:
		return r.holds(a)
	case strings.Contains(value, "\x00"):
		r.doubt(a.line, "%s is compared with a value that is unknown here", strconv.Quote(a.text))
		return false
	}
	return r.matches(value, a)
}

var variableName = regexp.MustCompile(`\$\{\w+\}|\$\w+`)

// value returns a word with its variables replaced.
func (r *run) value(word string, line int) string {
	return variableName.ReplaceAllStringFunc(word, func(name string) string {
		return r.variable(strings.Trim(name, "${}"), line)
	})
}

func (r *run) variable(name string, line int) string {
	switch name {
	case "http_origin":
		if r.origin != nil && r.origin.operator == "=" {
			return r.origin.text
		}
		return originMark
	case "request_method":
		return r.method
	case "http_access_control_request_headers", "http_access_control_request_method":
		return askedMark
	}
	if v, ok := r.vars[name]; ok || r.file.isSet[name] {
		return v
	}
	if m := r.file.maps[name]; m != nil && r.depth < maxBlocks {
		r.depth++
		defer func() { r.depth-- }()
		return r.mapped(m)
	}
	return unknownMark
}

// mapped returns what a map makes of its source.
func (r *run) mapped(m *directive) string {
	source := r.value(m.arg(1), m.line)
	fallback := ""
	var expressions []*directive
	for _, e := range m.block {
		switch match := e.name(); {
		case match == "default":
			fallback = e.arg(1)
		case match == "hostnames" || match == "volatile":
		case match == "include":
			r.doubt(e.line, "include %s is not read", e.arg(1))
		case strings.HasPrefix(match, "~"):
			expressions = append(expressions, e)
		default:
			match = strings.TrimPrefix(match, `\`)
			if source == originMark && match != "" || source != originMark && strings.EqualFold(source, match) {
				if source != originMark || r.holds(atom{"=", match, e.line}) {
					return r.value(e.arg(1), e.line)
				}
			}
		}
	}
	for _, e := range expressions {
		operator, text := splitOperator(e.name())
		if r.ask(source, atom{operator, text, e.line}) {
			if wholeCapture.MatchString(text) && e.arg(1) == "$1" {
				return source
			}
			return r.value(e.arg(1), e.line)
		}
	}
	return r.value(fallback, m.line)
}

// wholeCapture matches an expression that captures all that it matches.
var wholeCapture = regexp.MustCompile(`^\^?\((?:[^()]|\([^()]*\))*\)\$?$`)

// A turn is what became of the directives that run in order.
type turn struct {
	in     *directive // the last if that held, or nil
	status int        // of return; 0: the request continues
	ended  bool
}

// follow runs the directives of a block.
func (r *run) follow(list []*directive) (t turn) {
	for _, d := range list {
		switch d.name() {
		case "set":
			r.vars[strings.TrimPrefix(d.arg(1), "$")] = r.value(d.arg(2), d.line)
		case "if":
			if !r.condition(d) {
				continue
			}
			inner := r.follow(d.block)
			if t.in = d; inner.ended {
				t.status, t.ended = inner.status, true
				return t
			}
		case "return":
			t.status, _ = strconv.Atoi(d.arg(1))
			t.ended = true
			return t
		case "break":
			t.ended = true
			return t
		}
	}
	return t
}

// condition reports whether an if holds. One that is not understood is taken to hold where fields depend on it.
func (r *run) condition(d *directive) bool {
	left, operator, right := conditionOf(d)
	value := r.value(left, d.line)
	if strings.HasPrefix(left, "$") && (operator == "" || value == originMark || !strings.Contains(value, "\x00")) {
		negated := strings.HasPrefix(operator, "!")
		switch operator := strings.TrimPrefix(operator, "!"); operator {
		case "":
			return value != "" && value != "0" && !strings.Contains(value, unknownMark)
		case "=", "~", "~*":
			if operator == "=" {
				right = r.value(right, d.line)
			}
			return r.ask(value, atom{operator, right, d.line}) != negated
		}
	}
	matters := slices.ContainsFunc(d.block, func(in *directive) bool {
		_, isHeader := headerOf(in)
		return isHeader || in.name() == "set"
	})
	if matters {
		r.doubt(d.line, "the condition %s: it is assumed to hold", oneLine(strings.Join(d.words[1:], " ")))
	}
	return matters
}

// conditionOf splits the condition of an if.
func conditionOf(d *directive) (left, operator, right string) {
	words := slices.Clone(d.words[1:])
	for i, w := range words {
		if i == 0 {
			w = strings.TrimPrefix(w, "(")
		}
		if i == len(words)-1 && d.bare[i+1] {
			w = strings.TrimSuffix(w, ")")
		}
		words[i] = w
	}
	if len(words) > 1 && words[0] == "" {
		words = words[1:]
	}
	if last := len(words) - 1; last > 0 && words[last] == "" && d.bare[len(d.words)-1] {
		words = words[:last]
	}
	if len(words) == 0 {
		return "", "", ""
	}
	left = words[0]
	if len(words) > 1 {
		operator, right = words[1], strings.Join(words[2:], " ")
		if right == "" && len(words) == 2 {
			operator, right = splitOperator(operator)
		}
		return left, operator, right
	}
	if i := strings.IndexAny(left, "=~!"); i > 0 { // no blanks
		operator, right = splitOperator(left[i:])
		left = left[:i]
	}
	return left, operator, right
}

func splitOperator(s string) (operator, value string) {
	for _, operator := range []string{"!~*", "!~", "!=", "~*", "~", "="} {
		if rest, ok := strings.CutPrefix(s, operator); ok {
			return operator, rest
		}
	}
	return s, ""
}
